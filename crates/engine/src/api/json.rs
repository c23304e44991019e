//! Reading JSON bodies as InfluxDB does: the first value of the body, members that are not known ignored, and the
//! wording of its errors, which clients show and match.

use serde_json::{Map, Value, error::Category};

use crate::meta::{Id, IdError};

/// Why a body cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// No JSON.
    #[error("{0}")]
    Syntax(String),
    /// A member of another type.
    #[error(
        "json: cannot unmarshal {found} into Go struct field {owner}.{member} of type {expected}"
    )]
    Member {
        /// What it is.
        found: &'static str,
        /// The request's name.
        owner: &'static str,
        /// The member.
        member: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Another type as a whole.
    #[error("json: cannot unmarshal {found} into Go value of type {expected}")]
    Whole {
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A member is not an id.
    #[error("{0}")]
    Id(IdError),
}

/// The first member of an object takes a node of a tree with room for ten more.
const OBJECT_BYTES: usize = 640;

/// An item of a list or a further member, with the room that a list that grows has to spare.
const ITEM_BYTES: usize = 2 * size_of::<Value>();

/// About how many bytes the values of a body take at most: many times its own, if its objects are short.
pub fn tree_bytes(body: &[u8]) -> usize {
    let of = |byte: &u8| match byte {
        b'{' => OBJECT_BYTES,
        b',' | b'[' => ITEM_BYTES,
        _ => 1,
    };
    body.iter().map(of).sum()
}

/// The first JSON value of a body; what follows it does not matter.
///
/// # Errors
/// There is none, or it is broken.
pub fn first_value(body: &[u8]) -> Result<Value, JsonError> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    match values.next() {
        None => Err(JsonError::Syntax("EOF".to_owned())),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(JsonError::Syntax(describe(&error, body))),
    }
}

/// The first value, which must be an object; `owner` is what InfluxDB calls the request in its errors.
///
/// # Errors
/// No JSON, or no object.
pub fn first_object(
    body: &[u8],
    owner: &'static str,
    whole: &'static str,
) -> Result<Object, JsonError> {
    match first_value(body)? {
        Value::Object(members) => Ok(Object::new(members, owner)),
        Value::Null => Ok(Object::new(Map::new(), owner)),
        other => Err(JsonError::Whole {
            found: name_of(&other),
            expected: whole,
        }),
    }
}

/// An object whose members are read by name and type. A null counts as absent.
#[derive(Debug, Clone)]
pub struct Object {
    members: Map<String, Value>,
    owner: &'static str,
    /// Of an object within the request: the way to it, as errors show it before a member.
    place: &'static str,
}

impl Object {
    /// An object that is part of another one.
    pub fn new(members: Map<String, Value>, owner: &'static str) -> Self {
        Self {
            members,
            owner,
            place: "",
        }
    }

    /// The same where it is within a request: `permissions.`.
    pub fn at(self, place: &'static str) -> Self {
        Self { place, ..self }
    }

    /// The member as it is.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.members.get(member).filter(|value| !value.is_null())
    }

    /// All members.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// A text.
    ///
    /// # Errors
    /// It is something else.
    pub fn string(&self, member: &str) -> Result<Option<String>, JsonError> {
        self.word(member, "string")
    }

    /// A text of a type of its own; `expected` is what InfluxDB calls it.
    ///
    /// # Errors
    /// It is something else.
    pub fn word(&self, member: &str, expected: &'static str) -> Result<Option<String>, JsonError> {
        match self.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.mismatch(member, other, expected)),
        }
    }

    /// A text, empty if absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&self, member: &str) -> Result<String, JsonError> {
        Ok(self.string(member)?.unwrap_or_default())
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is something else.
    pub fn integer(&self, member: &str) -> Result<Option<i64>, JsonError> {
        match self.get(member) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| self.mismatch(member, value, "int64")),
        }
    }

    /// A truth value.
    ///
    /// # Errors
    /// It is something else.
    pub fn boolean(&self, member: &str) -> Result<Option<bool>, JsonError> {
        match self.get(member) {
            None => Ok(None),
            Some(value) => value
                .as_bool()
                .map(Some)
                .ok_or_else(|| self.mismatch(member, value, "bool")),
        }
    }

    /// An id; an empty text counts as absent.
    ///
    /// # Errors
    /// It is no id.
    pub fn id(&self, member: &str) -> Result<Option<Id>, JsonError> {
        match self.string(member)? {
            None => Ok(None),
            Some(text) if text.is_empty() => Ok(None),
            Some(text) => text.parse().map(Some).map_err(JsonError::Id),
        }
    }

    /// A list; `expected` is what InfluxDB calls its type.
    ///
    /// # Errors
    /// It is something else.
    pub fn list(
        &self,
        member: &str,
        expected: &'static str,
    ) -> Result<Option<&Vec<Value>>, JsonError> {
        match self.get(member) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.mismatch(member, other, expected)),
        }
    }

    /// An object within it.
    ///
    /// # Errors
    /// It is something else.
    pub fn object(
        &self,
        member: &str,
        expected: &'static str,
    ) -> Result<Option<&Map<String, Value>>, JsonError> {
        match self.get(member) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(other) => Err(self.mismatch(member, other, expected)),
        }
    }

    fn mismatch(&self, member: &str, found: &Value, expected: &'static str) -> JsonError {
        let member = format!("{}{member}", self.place);
        JsonError::member(self.owner, &member, found, expected)
    }
}

impl JsonError {
    /// A member of another type than InfluxDB expects.
    pub fn member(
        owner: &'static str,
        member: &str,
        found: &Value,
        expected: &'static str,
    ) -> Self {
        Self::Member {
            found: name_of(found),
            owner,
            member: member.to_owned(),
            expected,
        }
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A syntax error in the words of InfluxDB's JSON reader.
fn describe(error: &serde_json::Error, body: &[u8]) -> String {
    if error.classify() == Category::Eof {
        return "unexpected EOF".to_owned();
    }
    let text = error.to_string();
    let (offset, character) = at(body, error.line(), error.column());
    let is_trailing = text.starts_with("trailing comma");
    let context = if text.starts_with("key must be a string") || is_trailing && character == '}' {
        "looking for beginning of object key string".to_owned()
    } else if text.starts_with("expected value") || is_trailing {
        "looking for beginning of value".to_owned()
    } else if text.starts_with("expected `:`") {
        "after object key".to_owned()
    } else if text.starts_with("expected `,` or `}`") {
        "after object key:value pair".to_owned()
    } else if text.starts_with("expected `,` or `]`") {
        "after array element".to_owned()
    } else if text.starts_with("control character") {
        let code = u32::from(character);
        return format!("invalid character '{}' in string literal", escape(code));
    } else if text.starts_with("expected ident") {
        literal(body, offset)
    } else {
        return text;
    };
    format!("invalid character {character:?} {context}")
}

/// A control character as Go shows it.
fn escape(code: u32) -> String {
    match code {
        7 => "\\a".to_owned(),
        8 => "\\b".to_owned(),
        9 => "\\t".to_owned(),
        10 => "\\n".to_owned(),
        11 => "\\v".to_owned(),
        12 => "\\f".to_owned(),
        13 => "\\r".to_owned(),
        _ => format!("\\x{code:02x}"),
    }
}

/// The byte offset and character at a line and column, both counted from 1.
fn at(body: &[u8], line: usize, column: usize) -> (usize, char) {
    let start: usize = body
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    // At the column 0 is the line break before.
    let offset = (start + column).saturating_sub(1);
    let offset = offset.min(body.len().saturating_sub(1));
    (
        offset,
        body.get(offset).map_or(' ', |byte| char::from(*byte)),
    )
}

/// Which of `true`, `false` and `null` went wrong at an offset.
fn literal(body: &[u8], offset: usize) -> String {
    for word in ["true", "false", "null"] {
        for length in (1..word.len()).rev() {
            if offset >= length && body[offset - length..offset] == word.as_bytes()[..length] {
                return format!(
                    "in literal {word} (expecting {:?})",
                    char::from(word.as_bytes()[length])
                );
            }
        }
    }
    "looking for beginning of value".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_have_known_words() {
        let cases = [
            ("", "EOF"),
            ("{", "unexpected EOF"),
            (
                "{bad",
                "invalid character 'b' looking for beginning of object key string",
            ),
            (
                "nope",
                "invalid character 'o' in literal null (expecting 'u')",
            ),
            (
                "from(",
                "invalid character 'r' in literal false (expecting 'a')",
            ),
            (
                "{\"a\":}",
                "invalid character '}' looking for beginning of value",
            ),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\":1 2}",
                "invalid character '2' after object key:value pair",
            ),
            ("[1 2]", "invalid character '2' after array element"),
            (
                "{\"a\":1,}",
                "invalid character '}' looking for beginning of object key string",
            ),
            (
                "[1,]",
                "invalid character ']' looking for beginning of value",
            ),
            (
                "{\"a\":\"\u{1}\"}",
                "invalid character '\\x01' in string literal",
            ),
            (
                "{\"a\":\"x\ny\"}",
                "invalid character '\\n' in string literal",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(
                first_value(body.as_bytes()),
                Err(JsonError::Syntax(expected.to_owned())),
                "{body}"
            );
        }
    }

    #[test]
    fn short_objects_take_many_times_their_bytes() {
        assert!(tree_bytes(&b"{\"\":0},".repeat(1_000)) > 600_000);
        assert!(tree_bytes(&[b'x'; 1_000]) < 2_000);
    }

    #[test]
    fn what_follows_the_first_value_does_not_matter() {
        assert!(first_object(b"{\"a\":1} trailing", "request", "request").is_ok());
    }

    #[test]
    fn a_member_of_another_type_is_named() {
        let object = first_object(b"{\"name\":5}", "postBucketRequest", "x").expect("an object");
        let error = object.string("name").expect_err("a number");
        let expected = "json: cannot unmarshal number into Go struct field postBucketRequest.name of type string";
        assert_eq!(error.to_string(), expected);
    }
}
