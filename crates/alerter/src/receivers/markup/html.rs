//! The HTML that Telegram takes (Bot API, "HTML style"): a few tags, properly nested, and four entities.
//! It refuses a whole message for any other tag, for one that is not closed, and for a stray end.

use super::{Piece, plain};

/// Tags that are taken without an attribute.
const TAGS: [&str; 13] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "tg-spoiler",
    "code",
    "pre",
    "blockquote",
];
/// Longest tag that is read, in bytes: an address has at most some 2,000.
const TAG_LIMIT: usize = 2_200;
/// Longest entity, in bytes: `&#x10ffff;`.
const ENTITY_LIMIT: usize = 10;

/// Takes the text apart; what Telegram would not take is shown as text, `<br>` is a line break.
pub(in super::super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&']) {
        pieces.extend(plain(&rest[..at]));
        rest = &rest[at..];
        let length = if let Some(length) = entity(rest) {
            pieces.push(Piece::Whole(rest[..length].into()));
            length
        } else if let Some((tag, length)) = Tag::read(rest)
            && tag.put(&mut pieces, &mut open)
        {
            length
        } else {
            pieces.push(Piece::Whole(escaped(rest).into()));
            1
        };
        rest = &rest[length..];
    }
    pieces.extend(plain(rest));
    pieces
}

/// The first character, which is one of markup, as text.
fn escaped(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'<') => "&lt;",
        Some(b'>') => "&gt;",
        _ => "&amp;",
    }
}

/// Length of the entity at the beginning of the text.
fn entity(text: &str) -> Option<usize> {
    let name = text.strip_prefix('&')?;
    let end = name.bytes().take(ENTITY_LIMIT).position(|b| b == b';')?;
    let name = &name[..end];
    let is_number = |digits: &str, radix: u32| {
        let number = u32::from_str_radix(digits, radix).ok();
        number.and_then(char::from_u32).is_some_and(|c| c != '\0')
    };
    let valid = match name.strip_prefix('#') {
        None => matches!(name, "lt" | "gt" | "amp" | "quot"),
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => is_number(digits, 16),
            None => is_number(number, 10),
        },
    };
    valid.then_some(end + 2)
}

/// A tag as it is written.
struct Tag {
    /// In small letters.
    name: String,
    is_end: bool,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// Reads the tag at the beginning of the text; gives its length, too.
    fn read(text: &str) -> Option<(Tag, usize)> {
        let text = &text[..text.floor_char_boundary(TAG_LIMIT)];
        let inside = text.strip_prefix('<')?;
        let is_end = inside.starts_with('/');
        let inside = inside.strip_prefix('/').unwrap_or(inside);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let (name, mut rest) = inside.split_at(inside.find(|c| !is_name(c))?);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start();
            rest = rest.strip_prefix('/').unwrap_or(rest);
            if let Some(after) = rest.strip_prefix('>') {
                let tag = Tag {
                    name: name.to_ascii_lowercase(),
                    is_end,
                    attributes,
                };
                return Some((tag, text.len() - after.len()));
            }
            let (attribute, after) = attribute(rest)?;
            attributes.push(attribute);
            rest = after;
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Adds what the tag means; `false` if it means nothing to Telegram.
    fn put(&self, pieces: &mut Vec<Piece<'_>>, open: &mut Vec<String>) -> bool {
        if self.is_end {
            return self.end(pieces, open);
        }
        let begin = match self.name.as_str() {
            "br" => {
                pieces.push(Piece::Whole("\n".into()));
                return true;
            }
            "a" => match self.attribute("href") {
                // No zero-width space of an escaped value belongs to an address.
                Some(href) => format!("<a href=\"{}\">", href.replace('\u{200b}', "")),
                None => return false,
            },
            "span" if self.attribute("class") == Some("tg-spoiler") => "<tg-spoiler>".to_owned(),
            "code" => match self.attribute("class") {
                Some(class) if class.starts_with("language-") => {
                    format!("<code class=\"{class}\">")
                }
                _ => "<code>".to_owned(),
            },
            "blockquote" if self.attribute("expandable").is_some() => {
                "<blockquote expandable>".to_owned()
            }
            name if TAGS.contains(&name) => format!("<{name}>"),
            _ => return false,
        };
        let written = begin[1..].split([' ', '>']).next().unwrap_or_default();
        pieces.push(Piece::Open(
            begin.clone().into(),
            format!("</{written}>").into(),
        ));
        open.push(self.name.clone());
        true
    }

    /// Ends the tag, and those within that were left open; a stray end is left out.
    fn end(&self, pieces: &mut Vec<Piece<'_>>, open: &mut Vec<String>) -> bool {
        let known = TAGS.contains(&self.name.as_str()) || matches!(&*self.name, "a" | "span");
        if let Some(at) = open.iter().rposition(|name| *name == self.name) {
            pieces.extend(open.drain(at..).map(|_| Piece::Close));
        }
        known || self.name == "br"
    }
}

/// `name`, `name="value"`, `name='value'` or `name=value`, and what comes after it. The value is as
/// within double quotes.
fn attribute(text: &str) -> Option<((String, String), &str)> {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/'))?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let Some(rest) = rest.trim_start().strip_prefix('=') else {
        return Some(((name, String::new()), rest));
    };
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = rest[1..].split_once(quote)?;
    Some(((name, quoted(value)), after))
}

/// As within double quotes: without what would end the value or begin a tag.
fn quoted(value: &str) -> String {
    let mut quoted = String::new();
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        let length = match (entity(rest), c) {
            (Some(length), _) => {
                quoted.push_str(&rest[..length]);
                length
            }
            (None, '&' | '<' | '>') => {
                quoted.push_str(escaped(rest));
                1
            }
            (None, '"') => {
                quoted.push_str("&quot;");
                1
            }
            (None, c) => {
                quoted.extend(Some(c).filter(|c| !c.is_control()));
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    quoted
}
