//! Line protocol written canonically: tags sorted, escapes only where needed, floats with the
//! fewest digits that read back, the timestamp always in nanoseconds.

use super::class;
use crate::point::{FieldValue, Point};

/// Why a point has no form in line protocol. The body written so far is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("a point without a measurement cannot be written")]
    NoMeasurement,
    #[error("point {series}: no field with a value that can be stored (NaN and infinity cannot)")]
    NoFields { series: String },
    #[error("point {series}: {part} {text:?} {problem}")]
    Name {
        series: String,
        part: &'static str,
        text: String,
        problem: &'static str,
    },
}

/// Appends one line with its newline. Fields that are NaN or infinite are left out, since
/// InfluxDB cannot store them; if none is left, that is an error.
pub fn append_point(out: &mut Vec<u8>, point: &Point) -> Result<(), WriteError> {
    check(point)?;
    let tags = point.series.tags().iter();
    let tags = tags.map(|(key, value)| (key.as_str(), value.as_str()));
    append_series_key(out, point.series.measurement(), tags);
    let mut separator = b' ';
    for (key, value) in point
        .fields()
        .iter()
        .filter(|(_, value)| is_storable(value))
    {
        out.push(separator);
        append_escaped(out, key, class::DELIMITER | class::QUOTE);
        out.push(b'=');
        append_value(out, value);
        separator = b',';
    }
    out.push(b' ');
    append_integer(out, point.timestamp);
    out.push(b'\n');
    Ok(())
}

/// The points as one body.
pub fn write_points<'a>(
    points: impl IntoIterator<Item = &'a Point>,
) -> Result<Vec<u8>, WriteError> {
    let mut out = Vec::new();
    for point in points {
        append_point(&mut out, point)?;
    }
    Ok(out)
}

/// Appends `measurement,key=value,…`, escaped. `tags` must be sorted by key.
pub fn append_series_key<'a>(
    out: &mut Vec<u8>,
    measurement: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    append_escaped(out, measurement, class::COMMA | class::SPACE);
    for (key, value) in tags {
        out.push(b',');
        append_escaped(out, key, class::DELIMITER);
        out.push(b'=');
        append_escaped(out, value, class::DELIMITER);
    }
}

/// Appends a field value: `1.5`, `2i`, `3u`, `"text"`, `true`.
pub fn append_value(out: &mut Vec<u8>, value: &FieldValue) {
    match value {
        FieldValue::Float(value) => append_float(out, *value),
        FieldValue::Integer(value) => {
            append_integer(out, *value);
            out.push(b'i');
        }
        FieldValue::Unsigned(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            out.push(b'u');
        }
        FieldValue::String(value) => {
            out.push(b'"');
            append_escaped(out, value, class::QUOTE | class::BACKSLASH);
            out.push(b'"');
        }
        FieldValue::Boolean(value) => {
            out.extend_from_slice(if *value { b"true" } else { b"false" })
        }
    }
}

/// Whole numbers lose their `.0`, which says nothing: a float needs no mark in line protocol.
fn append_float(out: &mut Vec<u8>, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format(value);
    out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
}

fn append_integer(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a text with a backslash before each byte of the `escaped` classes.
fn append_escaped(out: &mut Vec<u8>, text: &str, escaped: u8) {
    if !class::any(text, escaped) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        if class::OF[usize::from(byte)] & escaped != 0 {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

fn is_storable(value: &FieldValue) -> bool {
    !matches!(value, FieldValue::Float(value) if !value.is_finite())
}

/// White space that InfluxDB skips before a measurement and before the fields; a space has an
/// escape, these have none.
const BLANKS: [char; 2] = ['\t', '\0'];

/// InfluxDB cuts a body into lines, and a line into fields, taking a backslash and the byte behind
/// it as a pair. An escaped delimiter behind a backslash is then a bare one, so such names have
/// no form that it reads back.
const MISREAD: [&str; 3] = ["\\,", "\\ ", "\\="];

/// Names that line protocol has no escape for are refused rather than changed in silence.
fn check(point: &Point) -> Result<(), WriteError> {
    let series = &point.series;
    if series.measurement().is_empty() {
        return Err(WriteError::NoMeasurement);
    }
    let named = |part, text: &str, problem| WriteError::Name {
        series: series.to_string(),
        part,
        text: text.to_owned(),
        problem,
    };
    let check_name =
        |part, text| name_problem(text).map_or(Ok(()), |why| Err(named(part, text, why)));
    check_name("the measurement", series.measurement())?;
    if series.measurement().starts_with('#') {
        let why = "begins with '#', which makes the line a comment";
        return Err(named("the measurement", series.measurement(), why));
    }
    let blank = "begins with a tab or a zero byte, which is dropped as a blank";
    if series.measurement().starts_with(BLANKS) {
        return Err(named("the measurement", series.measurement(), blank));
    }
    for (key, value) in series.tags() {
        check_name("the tag key", key)?;
        check_name("the tag value", value)?;
    }
    for (key, _) in point.fields() {
        check_name("the field key", key)?;
        if key.starts_with(BLANKS) {
            return Err(named("the field key", key, blank));
        }
        if key.contains("\\\"") {
            return Err(named("the field key", key, BACKSLASH));
        }
    }
    if !point.fields().iter().any(|(_, value)| is_storable(value)) {
        let series = series.to_string();
        return Err(WriteError::NoFields { series });
    }
    Ok(())
}

const BACKSLASH: &str = "has a backslash before a delimiter, which InfluxDB reads otherwise";

/// Why a measurement, a tag's key or value, or a field's key has no form in line protocol: `ends with a
/// backslash, …`, to stand behind the name.
pub fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if !class::any(name, class::BACKSLASH | class::NEWLINE) {
        return None;
    }
    if name.ends_with('\\') {
        return Some("ends with a backslash, which would hide what follows it");
    }
    if MISREAD.iter().any(|pair| name.contains(pair)) {
        return Some(BACKSLASH);
    }
    name.contains('\n')
        .then_some("has a newline, for which line protocol has no escape")
}
