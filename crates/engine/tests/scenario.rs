//! Scenarios: recorded exchanges with a server, in order, read from `testdata/http/*.md`.
//!
//! A file starts on a server of its own, set up unless it says `server: fresh`. Each `##` is an exchange: a `request` block
//! (request line, headers, then `body: KIND` and the body), a `response` block (status, headers, body), and before them
//! what to keep (`- save NAME from POINTER`) and how to compare. Bodies are `json`, `plain`, `crlf` (plain with CRLF line
//! ends) or `escaped` (one JSON string).
//!
//! What is volatile stands as `{{name}}` (known or kept), `<id>`, `<time>`, `<token>`, `<version>`, `<commit>`, `<duration>`,
//! `<secret>` or `<any>`; the same is put in its place in the answer at hand before the two are compared.

use std::collections::BTreeMap;

use serde_json::Value;

/// A file of exchanges.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Whether the server is not to be set up.
    pub(crate) fresh: bool,
    /// The exchanges.
    pub(crate) steps: Vec<Step>,
}

/// One exchange.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// `03`: its place in the file.
    pub(crate) number: String,
    /// What it shows.
    pub(crate) title: String,
    /// What is asked.
    pub(crate) request: Message,
    /// What was answered.
    pub(crate) response: Message,
    /// What to keep: name and JSON pointer.
    pub(crate) save: Vec<(String, String)>,
    /// Repeat until the pointer has the value.
    pub(crate) poll: Option<(String, String)>,
    /// Lists in any order.
    pub(crate) any_order: bool,
    /// Only the status and the members of the object.
    pub(crate) status_only: bool,
    /// Only the names of the members.
    pub(crate) keys_only: bool,
    /// Only so many lines.
    pub(crate) first_lines: Option<usize>,
    /// Only the names of metrics that match.
    pub(crate) names_only: Option<String>,
}

/// A request or a response.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message {
    /// The request line or the status.
    pub(crate) start: String,
    /// Headers, and `auth`, `encode`, `repeat` of a request.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body.
    pub(crate) body: Option<Body>,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// JSON.
    Json(Value),
    /// Text.
    Text(String),
}

impl Scenario {
    /// Reads a file.
    pub(crate) fn parse(text: &str) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut fresh = false;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(heading) = line.strip_prefix("## ") {
                let (number, title) = heading.split_once(' ').expect("a number and a title");
                steps.push(Step {
                    number: number.to_owned(),
                    title: title.to_owned(),
                    ..Step::default()
                });
            } else if line == "server: fresh" {
                fresh = true;
            } else if let Some(directive) = line.strip_prefix("- ") {
                steps
                    .last_mut()
                    .expect("a heading before")
                    .directive(directive);
            } else if let Some(kind) = line.strip_prefix("```") {
                let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                let step = steps.last_mut().expect("a heading before");
                match kind {
                    "request" => step.request = Message::parse(&block),
                    "response" => step.response = Message::parse(&block),
                    other => panic!("{other} is no kind of block"),
                }
            }
        }
        Self { fresh, steps }
    }
}

impl Step {
    fn directive(&mut self, text: &str) {
        if let Some(pattern) = text.strip_prefix("names only ") {
            self.names_only = Some(pattern.to_owned());
            return;
        }
        let words: Vec<&str> = text.splitn(4, ' ').collect();
        match words[..] {
            ["save", name, "from", pointer] => {
                self.save.push((name.to_owned(), pointer.to_owned()))
            }
            ["poll", pointer, "until", value] => {
                self.poll = Some((pointer.to_owned(), value.to_owned()))
            }
            ["compare", "any-order"] => self.any_order = true,
            ["compare", "status"] => self.status_only = true,
            ["keys", "only"] => self.keys_only = true,
            ["first", "lines", count] => self.first_lines = Some(count.parse().expect("a number")),
            _ => panic!("{text:?} is no directive"),
        }
    }
}

impl Message {
    fn parse(block: &[&str]) -> Self {
        let end = block
            .iter()
            .position(|line| line.is_empty())
            .unwrap_or(block.len());
        let mut headers = BTreeMap::new();
        for line in &block[1..end] {
            let (name, value) = line.split_once(": ").expect("a header");
            headers.insert(name.to_owned(), value.to_owned());
        }
        let text = block.get(end + 1..).unwrap_or_default().join("\n");
        let body = headers.remove("body").map(|kind| match kind.as_str() {
            "json" => Body::Json(serde_json::from_str(&text).expect("JSON")),
            "plain" => Body::Text(text),
            "crlf" => Body::Text(text.replace('\n', "\r\n") + "\r\n"),
            "escaped" => Body::Text(serde_json::from_str(&text).expect("a JSON string")),
            other => panic!("{other} is no kind of body"),
        });
        Self {
            start: block[0].to_owned(),
            headers,
            body,
        }
    }
}

/// The names that stand for volatile values.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names(BTreeMap<String, String>);

/// Shorter values are too common to be put back.
const SHORTEST: usize = 12;

impl Names {
    /// Keeps a value.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Puts values in place of `{{name}}`.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.0 {
            filled = filled.replace(&format!("{{{{{name}}}}}"), value);
        }
        filled
    }

    /// Puts names and placeholders in place of what is volatile.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        let mut known: Vec<_> = self
            .0
            .iter()
            .filter(|(_, value)| value.len() >= SHORTEST)
            .collect();
        known.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        for (name, value) in known {
            masked = masked.replace(value, &format!("{{{{{name}}}}}"));
        }
        let masked = replace_words(&masked, 88, is_token, "<token>");
        let masked = replace_words(&masked, 16, is_id, "<id>");
        replace_times(&masked)
    }

    /// The same throughout a JSON value.
    pub(crate) fn mask_json(&self, value: &Value, member: &str) -> Value {
        match value {
            Value::String(text) if matches!(member, "version" | "commit") && !text.is_empty() => {
                Value::String(format!("<{member}>"))
            }
            Value::String(_) if member == "up" => Value::String("<duration>".to_owned()),
            Value::String(text) => Value::String(self.mask(text)),
            Value::Array(items) => items
                .iter()
                .map(|item| self.mask_json(item, member))
                .collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (self.mask(name), self.mask_json(value, name)))
                .collect(),
            other => other.clone(),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_token(word: &str) -> bool {
    word.ends_with("==")
        && word
            .bytes()
            .take(86)
            .all(|byte| is_word(byte) || matches!(byte, b'-' | b'_'))
}

fn is_id(word: &str) -> bool {
    let is_hexadecimal = word
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    // The cases' own: ids that no server gives.
    is_hexadecimal && !word.starts_with("00000000") && !word.starts_with("dead")
}

/// Replaces stretches of a length, with no letter or digit around, that satisfy a condition.
fn replace_words(text: &str, length: usize, is: fn(&str) -> bool, placeholder: &str) -> String {
    let bytes = text.as_bytes();
    let (mut masked, mut position) = (String::new(), 0);
    while position < bytes.len() {
        let end = position + length;
        let is_bounded = (position == 0 || !is_word(bytes[position - 1]))
            && bytes.get(end).is_none_or(|next| !is_word(*next));
        if is_bounded && text.get(position..end).is_some_and(is) {
            masked.push_str(placeholder);
            position = end;
        } else {
            let letter = text[position..].chars().next().expect("a letter is left");
            masked.push(letter);
            position += letter.len_utf8();
        }
    }
    masked
}

/// Replaces times of this century's twenties, but for the years that the cases themselves name.
fn replace_times(text: &str) -> String {
    let (mut masked, mut rest) = (String::new(), text);
    while let Some(start) = rest.find("202") {
        let is_inside = rest[..start].ends_with(|c: char| c.is_ascii_digit());
        let length = time_length(&rest[start..]).filter(|_| !is_inside);
        let keep = ["2020-", "2023-", "2024-"]
            .iter()
            .any(|year| rest[start..].starts_with(year));
        masked.push_str(&rest[..start]);
        match length {
            Some(length) if !keep => {
                masked.push_str("<time>");
                rest = &rest[start + length..];
            }
            _ => {
                masked.push_str(&rest[start..start + 3]);
                rest = &rest[start + 3..];
            }
        }
    }
    masked + rest
}

/// How long the time in RFC 3339 at the beginning of a text is.
fn time_length(text: &str) -> Option<usize> {
    let pattern = "dddd-dd-ddTdd:dd:dd";
    let matches = |(byte, pattern): (u8, u8)| {
        if pattern == b'd' {
            byte.is_ascii_digit()
        } else {
            byte == pattern
        }
    };
    if text.len() < pattern.len() || !text.bytes().zip(pattern.bytes()).all(matches) {
        return None;
    }
    let mut end = pattern.len();
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    if text[end..].starts_with('.') {
        end += 1 + digits(end + 1);
    }
    match text[end..].bytes().next()? {
        b'Z' => Some(end + 1),
        b'+' | b'-' => Some(end + 6),
        _ => None,
    }
}

/// Where two values differ, if they do. `<any>` matches anything.
pub(crate) fn difference(
    wanted: &Value,
    found: &Value,
    path: &str,
    any_order: bool,
) -> Option<String> {
    if wanted == "<any>" {
        return None;
    }
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (name, value) in wanted {
                let Some(at_hand) = found.get(name) else {
                    return Some(format!("{path}/{name}: missing"));
                };
                let differs = difference(value, at_hand, &format!("{path}/{name}"), any_order);
                if differs.is_some() {
                    return differs;
                }
            }
            let extra: Vec<&String> = found
                .keys()
                .filter(|name| !wanted.contains_key(*name))
                .collect();
            (!extra.is_empty()).then(|| format!("{path}: extra {extra:?}"))
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() != found.len() => Some(
            format!("{path}: {} items, {} expected", found.len(), wanted.len()),
        ),
        (Value::Array(wanted), Value::Array(found)) if any_order => {
            let mut rest: Vec<&Value> = found.iter().collect();
            for (index, value) in wanted.iter().enumerate() {
                let hit = rest
                    .iter()
                    .position(|at_hand| difference(value, at_hand, path, true).is_none());
                let Some(hit) = hit else {
                    return Some(format!("{path}/{index}: no such item, whatever the order"));
                };
                rest.swap_remove(hit);
            }
            None
        }
        (Value::Array(wanted), Value::Array(found)) => wanted
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(index, (wanted, found))| {
                difference(wanted, found, &format!("{path}/{index}"), false)
            }),
        // 1 and 1.0 are the same number.
        (Value::Number(wanted), Value::Number(found)) if wanted.as_f64() == found.as_f64() => None,
        _ if wanted == found => None,
        _ => Some(format!("{path}: {found}, {wanted} expected")),
    }
}
