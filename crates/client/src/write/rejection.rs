//! Which lines of a body a server refused, read from its messages.
//!
//! VictoriaMetrics names the first refused line, and quotes from there to the end of the body; nothing of it
//! is stored. InfluxDB 3 stores the rest and quotes twenty characters of a line, which find none.
//!
//! InfluxDB 2 names refused lines in two ways. 400: `unable to parse 'LINE': REASON`, one a line, and
//! nothing of the body is stored. 422: `partial write: REASON dropped=N`, which quotes no line, and
//! the rest of the body is stored; a conflict of types describes its field, which finds the lines.

use std::collections::HashMap;

use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_query::Kind;

/// Refused lines reported at most; a body of garbage needs no longer list.
const LINE_LIMIT: usize = 10_000;

/// Shortest quotation that is taken for the beginning of a longer line.
const CUT_BYTES: usize = 256;

/// What a server refused of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status: 400 or 422.
    pub status: u16,
    /// InfluxDB's message.
    pub message: String,
    /// The refused lines the message names or describes. Empty where it does neither: then halve the body to find
    /// them, unless `rest_stored`.
    pub lines: Vec<RejectedLine>,
    /// True when the server stored all other lines: the body is finished. False when it stored
    /// nothing: send it again without `lines`.
    pub rest_stored: bool,
    /// Points dropped, where the server counts them.
    pub dropped: Option<u64>,
}

/// One refused line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// Its number in the body, from 1; `None` if no line of the body reads like this.
    pub number: Option<usize>,
    /// Its text.
    pub text: String,
    /// Why it was refused.
    pub reason: String,
}

impl Rejection {
    /// Reads the message of a 400 or 422 answer to `body`; `None` when it is not about lines but
    /// about the request (a bad precision, a missing organization).
    pub(super) fn read(kind: Kind, status: u16, message: &str, body: &[u8]) -> Option<Self> {
        let rest_stored = message.contains("partial write");
        match kind {
            Kind::InfluxDb2 => {}
            Kind::VictoriaMetrics => return incorrect_line(status, message, body),
            // Anything else is about the request, or a limit of databases, tables or columns.
            Kind::InfluxDb3 if !rest_stored => return None,
            Kind::InfluxDb3 => {}
        }
        let mut lines = quoted_lines(message, body);
        lines.extend(conflicting_lines(message, body));
        if status == 400 && lines.is_empty() && !rest_stored {
            return None;
        }
        Some(Self {
            status,
            message: message.to_owned(),
            lines,
            rest_stored,
            dropped: dropped(message),
        })
    }
}

/// The line of `incorrect influx line "LINE\nREST": REASON`, quoted as Go does.
fn incorrect_line(status: u16, message: &str, body: &[u8]) -> Option<Rejection> {
    let (_, quoted) = message.split_once("incorrect influx line \"")?;
    let ends = [quoted.find("\\n"), quoted.find("\": ")];
    let end = ends.into_iter().flatten().min().unwrap_or(quoted.len());
    let begins = quoted[..end].replace("\\\"", "\"").replace("\\\\", "\\");
    let reason = quoted.split_once("\": ").map_or("", |(_, reason)| reason);
    let text = String::from_utf8_lossy(body);
    let lines = text.lines().enumerate().find(|(_, line)| {
        let line = line.trim_start();
        !begins.is_empty() && line.starts_with(&begins)
    });
    let line = |(index, line): (usize, &str)| RejectedLine {
        number: Some(index + 1),
        text: line.trim_start().to_owned(),
        reason: reason.split("; see ").next().unwrap_or(reason).to_owned(),
    };
    Some(Rejection {
        status,
        message: message.to_owned(),
        lines: lines.into_iter().map(line).collect(),
        rest_stored: false,
        dropped: None,
    })
}

/// The lines of `unable to parse 'LINE': REASON`. A line may hold quotes and even this phrase, so a
/// line of the body that fits is preferred over the first `': `.
fn quoted_lines(message: &str, body: &[u8]) -> Vec<RejectedLine> {
    const START: &str = "unable to parse '";
    let numbers = line_numbers(body);
    let mut found = Vec::new();
    let mut rest = message;
    while let Some(at) = rest.find(START) {
        if found.len() == LINE_LIMIT {
            break;
        }
        rest = &rest[at + START.len()..];
        let ends: Vec<usize> = rest
            .match_indices("': ")
            .map(|(at, _)| at)
            .take(8)
            .collect();
        let Some(first) = ends.first() else { break };
        let end = ends
            .iter()
            .find(|end| numbers.contains_key(&rest[..**end]))
            .unwrap_or(first);
        let text = &rest[..*end];
        let after = &rest[end + 3..];
        let stop = after.find(&format!("\n{START}")).unwrap_or(after.len());
        found.push(RejectedLine {
            number: number_of(text, &numbers),
            text: text.to_owned(),
            reason: after[..stop].trim_end().to_owned(),
        });
        rest = &after[stop..];
    }
    found
}

/// The number of the line that reads like this, or begins like this: a server may cut what it
/// quotes.
fn number_of(text: &str, numbers: &HashMap<String, usize>) -> Option<usize> {
    let cut = || {
        let long = text.len() >= CUT_BYTES;
        let mut begin_so = numbers
            .iter()
            .filter(|(line, _)| long && line.starts_with(text));
        begin_so.next().map(|(_, number)| *number)
    };
    numbers.get(text).copied().or_else(cut)
}

/// The lines of `input field "F" on measurement "M" is type T`: those that have such a field. The
/// server describes the first conflict only, so others of the dropped points may be missing here.
fn conflicting_lines(message: &str, body: &[u8]) -> Vec<RejectedLine> {
    let Some((field, measurement, type_name)) = conflict(message) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // Neither precision nor time decides about a field's type.
    let mut lines = Lines::new(body, Precision::Nanoseconds, 0);
    while let Some(line) = lines.next_line() {
        let Ok(line) = line else { continue };
        let conflicts = line.measurement == measurement
            && line
                .fields
                .iter()
                .any(|one| one.key == field && one.value.field_type().name() == type_name);
        if conflicts && found.len() < LINE_LIMIT {
            found.push(RejectedLine {
                number: Some(line.number),
                text: line.text.to_owned(),
                reason: format!(
                    "field {field:?} is of type {type_name} here, of another in the bucket"
                ),
            });
        }
    }
    found
}

/// Field, measurement and type of a conflict's description.
fn conflict(message: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = message.split_once("field type conflict: input field \"")?;
    let (field, rest) = rest.split_once("\" on measurement \"")?;
    let (measurement, rest) = rest.split_once("\" is type ")?;
    let (type_name, _) = rest.split_once(',')?;
    Some((field, measurement, type_name))
}

/// The number of each line of a body; InfluxDB quotes lines without white space in front.
fn line_numbers(body: &[u8]) -> HashMap<String, usize> {
    let text = String::from_utf8_lossy(body);
    let mut numbers = HashMap::new();
    for (index, line) in text.split('\n').enumerate() {
        numbers
            .entry(line.trim_start_matches([' ', '\t', '\0']).to_owned())
            .or_insert(index + 1);
    }
    numbers
}

/// The N of `dropped=N`.
fn dropped(message: &str) -> Option<u64> {
    let after = &message[message.rfind("dropped=")? + "dropped=".len()..];
    let digits = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after[..digits].parse().ok()
}
