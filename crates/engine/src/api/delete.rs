//! Deleting points by time range and predicate.
//!
//! The predicate is SQL-like: comparisons of `_measurement` and of tags with `=` and `!=`, joined by `AND`.

use serde_json::Value;
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{Predicate, TimeRange};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::{buckets, json as body};
use crate::auth::{Action, Permission, ResourceType};
use crate::clock::parse_rfc3339;

/// `POST /api/v2/delete`.
pub fn delete(call: &Call) -> Reply {
    let (range, predicate) = request(&call.body).map_err(|error| match error.code {
        Code::Invalid => error.within("error decoding json body"),
        _ => error,
    })?;
    let bucket = {
        let state = call.app.meta.read();
        let org = call.required_organization(&state)?;
        let bucket = buckets::named(call, &state, org.id)?;
        bucket
            .ok_or_else(|| ApiError::invalid("Please provide either bucketID or bucket"))?
            .clone()
    };
    if !call.caller()?.may(&Permission::one(
        Action::Write,
        ResourceType::Buckets,
        bucket.org,
        bucket.id,
    )) {
        return Err(ApiError::new(
            Code::Forbidden,
            "insufficient permissions to delete",
        ));
    }
    if !range.is_empty() {
        let predicate = Predicate::And(predicate);
        call.app
            .storage
            .delete(bucket.id.number(), range, &predicate)?;
    }
    Ok(Answer::no_content())
}

fn request(bytes: &[u8]) -> Result<(TimeRange, Vec<Predicate>), ApiError> {
    let request = body::first_object(bytes, "deleteRequest", "http.deleteRequestDecode")?;
    let time = |member: &str, example: &str| {
        let text = request
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default();
        parse_rfc3339(text).ok_or_else(|| {
            ApiError::invalid(format!(
                "invalid RFC3339Nano for field {member}, please format your time with RFC3339Nano format, example: {example}"
            ))
        })
    };
    let start = time("start", "2009-01-02T23:00:00Z")?;
    let stop = time("stop", "2009-01-01T23:00:00Z")?;
    let predicate = parse(&request.text("predicate")?)?;
    // InfluxDB's stop is part of the range.
    Ok((
        TimeRange::new(start, stop.saturating_add(i64::from(start <= stop))),
        predicate,
    ))
}

/// Reads a predicate: conditions that must all hold.
fn parse(text: &str) -> Result<Vec<Predicate>, ApiError> {
    let mut words = Words { text, position: 0 };
    let mut conditions = Vec::new();
    let mut open = 0_usize;
    words.skip_blanks();
    while words.position < text.len() {
        while words.eat('(') {
            open += 1;
        }
        conditions.push(comparison(&mut words)?);
        while open > 0 && words.eat(')') {
            open -= 1;
        }
        words.skip_blanks();
        if words.position == text.len() {
            break;
        }
        let position = words.position;
        match words.name().to_ascii_uppercase().as_str() {
            "AND" => {}
            "OR" => {
                let message =
                    format!("the logical operator OR is not supported yet at position {position}");
                return Err(ApiError::invalid(message));
            }
            _ => {
                return Err(ApiError::invalid(format!(
                    "bad logical expression, at position {position}"
                )));
            }
        }
        if words.rest().trim().is_empty() {
            return Err(ApiError::invalid(format!(
                "bad tag key: \"\", at position {}",
                words.position
            )));
        }
    }
    if open > 0 {
        return Err(ApiError::invalid("extra ( seen"));
    }
    Ok(conditions)
}

fn comparison(words: &mut Words<'_>) -> Result<Predicate, ApiError> {
    words.skip_blanks();
    let position = words.position;
    let key = words.value();
    if key.is_empty() {
        return Err(ApiError::invalid(format!(
            "bad tag key: \"\", at position {position}"
        )));
    }
    words.skip_blanks();
    let position = words.position;
    let operator = words.operator();
    let comparison = match operator {
        "=" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "=~" | "!~" => {
            let message =
                format!("operator: {operator:?} at position: {position} is not supported yet");
            return Err(ApiError::invalid(message));
        }
        other => {
            return Err(ApiError::invalid(format!(
                "invalid operator {other:?} at position: {position}"
            )));
        }
    };
    let position = words.position;
    words.skip_blanks();
    let value = words.value();
    if value.is_empty() {
        return Err(ApiError::invalid(format!(
            "bad tag value: \"\", at position {position}"
        )));
    }
    let subject = match key.as_str() {
        "_measurement" => Subject::Measurement,
        "_field" => {
            return Err(ApiError::new(
                Code::NotImplemented,
                "delete by field is not supported",
            ));
        }
        _ => Subject::Tag(key.into()),
    };
    Ok(Predicate::Compare(
        subject,
        comparison,
        Literal::String(value.into()),
    ))
}

/// The predicate's text and how far it was read.
struct Words<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Words<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, letter: char) -> bool {
        self.skip_blanks();
        let eaten = self.rest().starts_with(letter);
        self.position += if eaten { letter.len_utf8() } else { 0 };
        eaten
    }

    fn name(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || "=!<>~()\"'".contains(c))
            .unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    fn operator(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !"=!<>~".contains(c))
            .unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    /// A name, or a text in single or double quotes with `\` before a quote in it.
    fn value(&mut self) -> String {
        let Some(quote) = self
            .rest()
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
        else {
            return self.name().to_owned();
        };
        let mut value = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((index, letter)) = letters.next() {
            match letter {
                '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
                letter if letter == quote => {
                    self.position += index + quote.len_utf8();
                    return value;
                }
                letter => value.push(letter),
            }
        }
        self.position = self.text.len();
        String::new()
    }
}
