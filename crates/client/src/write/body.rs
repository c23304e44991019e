//! What a kind of server cannot take is not sent to it.

use std::borrow::Cow;
use std::time::SystemTime;

use watchpost_core::line_protocol::{LineError, Lines, Precision, Reason, append_value};
use watchpost_core::point::FieldValue;
use watchpost_query::Kind;

use super::{RejectedLine, Rejection};

/// Refused lines named at most; a body of garbage needs no longer list.
const LINE_LIMIT: usize = 10_000;

/// The body as the kind may get it, or the lines that it may not get.
///
/// VictoriaMetrics keeps no texts: it would store a zero for each. InfluxDB 3 takes a line with a tag key
/// twice, and is ruined by it: its queries fail, then its writes hang, then it does not start again.
pub(super) fn for_kind(
    kind: Kind,
    precision: Precision,
    lines: &[u8],
) -> Result<Cow<'_, [u8]>, Rejection> {
    match kind {
        Kind::InfluxDb2 => Ok(Cow::Borrowed(lines)),
        Kind::VictoriaMetrics if !lines.contains(&b'"') => Ok(Cow::Borrowed(lines)),
        Kind::VictoriaMetrics => without_texts(precision, lines).map(Cow::Owned),
        Kind::InfluxDb3 => checked(precision, lines).map(|()| Cow::Borrowed(lines)),
    }
}

fn without_texts(precision: Precision, lines: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut body = Vec::with_capacity(lines.len());
    let mut refused = Vec::new();
    let mut reader = Lines::new(lines, precision, now());
    while let Some(line) = reader.next_line() {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                refused.push(error);
                continue;
            }
        };
        let mut separator = b' ';
        for field in line.fields {
            let value = field.value.to_owned_value();
            if matches!(value, FieldValue::String(_)) {
                continue;
            }
            if separator == b' ' {
                line.append_series_key(&mut body);
            }
            body.push(separator);
            append_key(&mut body, &field.key);
            body.push(b'=');
            append_value(&mut body, &value);
            separator = b',';
        }
        if separator == b',' {
            let time = line.timestamp.div_euclid(precision.nanoseconds());
            body.extend_from_slice(format!(" {time}\n").as_bytes());
        }
    }
    match refused.is_empty() {
        true => Ok(body),
        false => Err(rejection(refused)),
    }
}

fn checked(precision: Precision, lines: &[u8]) -> Result<(), Rejection> {
    let mut reader = Lines::new(lines, precision, 0);
    let mut refused = Vec::new();
    while let Some(line) = reader.next_line() {
        if let Err(error) = line
            && error.reason == Reason::DuplicateTags
        {
            refused.push(error);
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(rejection(refused)),
    }
}

fn append_key(body: &mut Vec<u8>, key: &str) {
    for byte in key.bytes() {
        if matches!(byte, b',' | b'=' | b' ') {
            body.push(b'\\');
        }
        body.push(byte);
    }
}

fn rejection(refused: Vec<LineError>) -> Rejection {
    let lines = refused
        .into_iter()
        .take(LINE_LIMIT)
        .map(|error| RejectedLine {
            number: Some(error.number),
            reason: error.reason.to_string(),
            text: error.text,
        });
    Rejection {
        status: 0,
        message: "not sent: lines that this kind of server must not get".to_owned(),
        lines: lines.collect(),
        rest_stored: false,
        dropped: None,
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
