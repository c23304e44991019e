//! The lines of a body, one at a time, borrowed from it.

use std::borrow::Cow;

use super::split::next_line;
use super::{
    LineError, MAX_TIMESTAMP, MIN_TIMESTAMP, Precision, Reason, append_series_key, class, number,
};
use crate::limits;
use crate::point::{FieldType, FieldValue, Point, SeriesKey};

/// InfluxDB keeps these columns for itself.
const RESERVED_TAG_KEYS: [&str; 3] = ["_field", "_measurement", "time"];

/// A tag, unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    pub key: Cow<'a, str>,
    pub value: Cow<'a, str>,
}

/// A field, unescaped.
#[derive(Clone, Debug, PartialEq)]
pub struct Field<'a> {
    pub key: Cow<'a, str>,
    pub value: ValueRef<'a>,
}

/// The value of a field, borrowed.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueRef<'a> {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    String(Cow<'a, str>),
    Boolean(bool),
}

impl ValueRef<'_> {
    pub fn field_type(&self) -> FieldType {
        match self {
            ValueRef::Float(_) => FieldType::Float,
            ValueRef::Integer(_) => FieldType::Integer,
            ValueRef::Unsigned(_) => FieldType::Unsigned,
            ValueRef::String(_) => FieldType::String,
            ValueRef::Boolean(_) => FieldType::Boolean,
        }
    }

    pub fn to_owned_value(&self) -> FieldValue {
        match self {
            ValueRef::Float(value) => FieldValue::Float(*value),
            ValueRef::Integer(value) => FieldValue::Integer(*value),
            ValueRef::Unsigned(value) => FieldValue::Unsigned(*value),
            ValueRef::String(value) => FieldValue::String(value.to_string()),
            ValueRef::Boolean(value) => FieldValue::Boolean(*value),
        }
    }
}

/// One good line. `'l` is the buffers of the iterator, `'a` the body.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'l, 'a> {
    /// Counted from 1.
    pub number: usize,
    /// As it came, without leading blanks.
    pub text: &'a str,
    pub measurement: Cow<'a, str>,
    /// Sorted by key, no key twice.
    pub tags: &'l [Tag<'a>],
    /// In the order of the line, no key twice of one type (the later one won), without the field `time`,
    /// which InfluxDB drops. A key with values of two types is a conflict that storage refuses. Empty only if `time` was the only one: then the point cannot be
    /// stored, see [`super::only_time_field_message`].
    pub fields: &'l [Field<'a>],
    /// Nanoseconds since 1970.
    pub timestamp: i64,
}

impl Line<'_, '_> {
    /// Appends the canonical series key, `measurement,key=value,…` with sorted tags: equal for
    /// equal series, whatever order and escapes the line had.
    pub fn append_series_key(&self, out: &mut Vec<u8>) {
        let tags = self.tags.iter().map(|tag| (&*tag.key, &*tag.value));
        append_series_key(out, &self.measurement, tags);
    }

    pub fn series_key(&self) -> SeriesKey {
        let tags = self.tags.iter().map(|tag| (&*tag.key, &*tag.value));
        SeriesKey::new(&*self.measurement, tags)
    }

    pub fn to_point(&self) -> Point {
        let mut point = Point::new("", self.timestamp);
        point.series = self.series_key();
        for field in self.fields {
            point.set_field(&*field.key, field.value.to_owned_value());
        }
        point
    }
}

/// The lines of a body, lent one after another (comments and blank lines are passed over):
///
/// ```
/// # use watchpost_core::line_protocol::{Lines, Precision};
/// let mut lines = Lines::new(b"cpu,host=a usage=12.5 1\n", Precision::Seconds, 0);
/// while let Some(line) = lines.next_line() {
///     let line = line.unwrap();
///     assert_eq!((line.timestamp, line.fields.len()), (1_000_000_000, 1));
/// }
/// ```
#[derive(Debug)]
pub struct Lines<'a> {
    body: &'a [u8],
    at: usize,
    number: usize,
    precision: Precision,
    default_timestamp: i64,
    tags: Vec<Tag<'a>>,
    fields: Fields<'a>,
}

impl<'a> Lines<'a> {
    /// `now`, in nanoseconds since 1970, is the time of lines without one; it is cut to the
    /// precision, as InfluxDB does.
    pub fn new(body: &'a [u8], precision: Precision, now: i64) -> Lines<'a> {
        let unit = precision.nanoseconds();
        Lines {
            body,
            at: 0,
            number: 0,
            precision,
            default_timestamp: now.saturating_sub(now.rem_euclid(unit)),
            tags: Vec::new(),
            fields: Fields::default(),
        }
    }

    /// The next line or why it is refused; `None` at the end of the body. An error does not end
    /// the body: the lines after it follow.
    pub fn next_line(&mut self) -> Option<Result<Line<'_, 'a>, LineError>> {
        let (bytes, number) = loop {
            if self.at >= self.body.len() {
                return None;
            }
            let span = next_line(self.body, self.at);
            let whole = &self.body[span.start..span.end];
            let number = self.number + 1;
            self.at = span.end + 1;
            self.number += 1 + newlines_inside(whole);
            let line = &whole[blanks(whole)..];
            if !line.is_empty() && line[0] != b'#' {
                break (line, number);
            }
        };
        Some(self.parse(bytes, number))
    }

    fn parse(&mut self, bytes: &'a [u8], number: usize) -> Result<Line<'_, 'a>, LineError> {
        let refuse = |reason| LineError {
            number,
            text: quote(bytes),
            reason,
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|error| refuse(Reason::NotUtf8(error.valid_up_to())))?;
        let (measurement, timestamp) = self.parse_text(text).map_err(refuse)?;
        Ok(Line {
            number,
            text,
            measurement,
            tags: &self.tags,
            fields: &self.fields.list,
            timestamp,
        })
    }

    fn parse_text(&mut self, text: &'a str) -> Result<(Cow<'a, str>, i64), Reason> {
        self.tags.clear();
        self.fields.clear();
        let mut scanner = Scanner { text, at: 0 };
        let measurement = scanner.measurement()?;
        scanner.tags(&mut self.tags)?;
        sort_tags(&mut self.tags)?;
        let key_bytes = scanner.at;
        if key_bytes > limits::SERIES_KEY_BYTES {
            return Err(Reason::KeyTooLong(key_bytes));
        }
        scanner.skip_blanks();
        scanner.fields(&mut self.fields)?;
        let longest = self.fields.longest_key;
        let key_bytes = key_bytes + limits::FIELD_KEY_SEPARATOR_BYTES + longest;
        if key_bytes > limits::SERIES_KEY_BYTES {
            return Err(Reason::KeyTooLong(key_bytes));
        }
        scanner.skip_blanks();
        let timestamp = scanner.timestamp(self.precision, self.default_timestamp)?;
        Ok((measurement, timestamp))
    }
}

fn newlines_inside(line: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', line).count()
}

/// How many bytes of white space, as InfluxDB counts it, begin the text.
fn blanks(bytes: &[u8]) -> usize {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | 0);
    bytes.iter().take_while(|byte| blank(byte)).count()
}

fn quote(bytes: &[u8]) -> String {
    match bytes.get(..limits::QUOTED_LINE_BYTES) {
        None => String::from_utf8_lossy(bytes).into_owned(),
        Some(beginning) => format!("{}…", String::from_utf8_lossy(beginning)),
    }
}

fn sort_tags(tags: &mut [Tag<'_>]) -> Result<(), Reason> {
    let reserved = |name: &&&str| tags.iter().any(|tag| tag.key == **name);
    if let Some(name) = RESERVED_TAG_KEYS.iter().find(reserved) {
        return Err(Reason::ReservedTagKey(name));
    }
    if !tags.is_sorted_by(|left, right| left.key < right.key) {
        tags.sort_by(|left, right| left.key.cmp(&right.key));
        if tags.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(Reason::DuplicateTags);
        }
    }
    Ok(())
}

/// The fields of a line. A later value of a key replaces the earlier one of its type; the fingerprints (a
/// cheap digest of each key) keep that check from comparing every key with every other.
#[derive(Debug, Default)]
struct Fields<'a> {
    list: Vec<Field<'a>>,
    fingerprints: Vec<u32>,
    /// Bytes of the longest key of the line as it was written.
    longest_key: usize,
}

impl<'a> Fields<'a> {
    fn clear(&mut self) {
        self.list.clear();
        self.fingerprints.clear();
        self.longest_key = 0;
    }

    fn push(&mut self, written_bytes: usize, key: Cow<'a, str>, value: ValueRef<'a>) {
        self.longest_key = self.longest_key.max(written_bytes);
        if key == "time" {
            return;
        }
        let fingerprint = fingerprint(key.as_bytes());
        if self.fingerprints.contains(&fingerprint)
            && let Some(earlier) = self
                .list
                .iter_mut()
                .find(|field| field.key == key && field.value.field_type() == value.field_type())
        {
            earlier.value = value;
            return;
        }
        self.fingerprints.push(fingerprint);
        self.list.push(Field { key, value });
    }
}

/// Eight bytes at a time, multiplied and folded; equal keys give equal digests, and that two
/// unequal ones do costs only a comparison.
fn fingerprint(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mix = |digest: u64, word: &[u8; 8]| {
        (digest.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let digest = words.iter().chain([&last]).fold(bytes.len() as u64, mix);
    (digest >> 32) as u32
}

/// A place in one line. Delimiters are ASCII, so every cut is at a character's boundary.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        self.at += blanks(&self.bytes()[self.at..]);
    }

    /// Moves to the next byte, after the one at the current place, that is among `stops` (a sum of
    /// classes) and not behind a backslash. Returns whether the text walked over has a backslash.
    fn walk_to(&mut self, stops: u8) -> bool {
        let bytes = self.bytes();
        let mut escaped = false;
        let mut before = 0;
        for (step, byte) in bytes[self.at..].iter().enumerate() {
            let class = class::OF[usize::from(*byte)];
            if class & stops != 0 && step > 0 && before != class::BACKSLASH {
                self.at += step;
                return escaped;
            }
            escaped |= class == class::BACKSLASH;
            before = class;
        }
        self.at = bytes.len();
        escaped
    }

    fn measurement(&mut self) -> Result<Cow<'a, str>, Reason> {
        if matches!(self.peek(), None | Some(b',')) {
            return Err(Reason::MissingMeasurement);
        }
        let escaped = self.walk_to(class::COMMA | class::SPACE);
        match self.peek() {
            None => Err(Reason::MissingFields),
            Some(_) => Ok(unescape(&self.text[..self.at], escaped, b", ")),
        }
    }

    fn tags(&mut self, tags: &mut Vec<Tag<'a>>) -> Result<(), Reason> {
        while self.peek() == Some(b',') {
            self.at += 1;
            let key = self.tag_key()?;
            let value = self.tag_value()?;
            tags.push(Tag { key, value });
        }
        Ok(())
    }

    /// A key and the equals sign behind it.
    fn tag_key(&mut self) -> Result<Cow<'a, str>, Reason> {
        if matches!(self.peek(), None | Some(b' ' | b',' | b'=')) {
            return Err(Reason::MissingTagKey);
        }
        let start = self.at;
        let escaped = self.walk_to(class::DELIMITER);
        if self.peek() != Some(b'=') {
            return Err(Reason::MissingTagValue);
        }
        let key = unescape(&self.text[start..self.at], escaped, b", =");
        self.at += 1;
        Ok(key)
    }

    fn tag_value(&mut self) -> Result<Cow<'a, str>, Reason> {
        if matches!(self.peek(), None | Some(b' ' | b',')) {
            return Err(Reason::MissingTagValue);
        }
        let start = self.at;
        let escaped = self.walk_to(class::DELIMITER);
        match self.peek() {
            None => Err(Reason::MissingFields),
            Some(b'=') => Err(Reason::InvalidTagFormat),
            Some(_) => Ok(unescape(&self.text[start..self.at], escaped, b", =")),
        }
    }

    fn fields(&mut self, fields: &mut Fields<'a>) -> Result<(), Reason> {
        loop {
            let start = self.at;
            let escaped = self.field_key()?;
            let written = &self.text[start..self.at];
            self.at += 1;
            let value = self.field_value()?;
            let key = unescape(written, escaped, b", =\"");
            fields.push(written.len(), key, value);
            match self.peek() {
                None | Some(b' ') => return Ok(()),
                Some(b',') => self.at += 1,
                Some(_) => return Err(Reason::InvalidFieldFormat),
            }
        }
    }

    /// Moves to the equals sign behind a field key; returns whether the key has a backslash.
    fn field_key(&mut self) -> Result<bool, Reason> {
        match self.peek() {
            Some(b'=') => return Err(Reason::MissingFieldKey),
            None | Some(b',' | b' ') => return Err(Reason::InvalidFieldFormat),
            Some(_) => {}
        }
        let escaped = self.walk_to(class::DELIMITER);
        match self.peek() {
            Some(b'=') => Ok(escaped),
            _ => Err(Reason::InvalidFieldFormat),
        }
    }

    fn field_value(&mut self) -> Result<ValueRef<'a>, Reason> {
        match self.peek() {
            None | Some(b',' | b' ') => Err(Reason::MissingFieldValue),
            Some(b'"') => self.string(),
            Some(_) => {
                let (value, length) = number::parse(&self.text[self.at..])?;
                self.at += length;
                Ok(value)
            }
        }
    }

    /// A quoted string; within it a backslash hides a quote or a backslash and stands for itself
    /// before anything else.
    fn string(&mut self) -> Result<ValueRef<'a>, Reason> {
        let start = self.at + 1;
        let bytes = self.bytes();
        let mut at = start;
        let mut escaped = false;
        loop {
            match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                None => return Err(Reason::UnbalancedQuotes),
                Some(found) if bytes[at + found] == b'\\' => {
                    escaped = true;
                    at = (at + found + 2).min(bytes.len());
                }
                Some(found) => {
                    self.at = at + found + 1;
                    let inside = &self.text[start..at + found];
                    return Ok(ValueRef::String(unescape(inside, escaped, b"\"\\")));
                }
            }
        }
    }

    /// The rest of the line: a timestamp and blanks, or nothing.
    fn timestamp(&mut self, precision: Precision, default: i64) -> Result<i64, Reason> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return Ok(default);
        }
        let (digits, after) = rest.split_once(' ').unwrap_or((rest, ""));
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        if !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Reason::BadTimestamp);
        }
        if unsigned.is_empty() {
            return Err(Reason::TimestampNumber(digits.to_owned(), "invalid syntax"));
        }
        let count: i64 = digits
            .parse()
            .map_err(|_| Reason::TimestampNumber(digits.to_owned(), "value out of range"))?;
        let nanoseconds = count
            .checked_mul(precision.nanoseconds())
            .filter(|time| (MIN_TIMESTAMP..=MAX_TIMESTAMP).contains(time))
            .ok_or(Reason::TimeOutsideRange)?;
        match after.bytes().all(|byte| byte == b' ') {
            true => Ok(nanoseconds),
            false => Err(Reason::TextAfterTimestamp),
        }
    }
}

/// Drops the backslash before each byte of `escapable`; other backslashes stay.
fn unescape<'a>(text: &'a str, has_backslash: bool, escapable: &[u8]) -> Cow<'a, str> {
    if !has_backslash {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let escaped = rest.as_bytes().get(at + 1);
        if let Some(byte) = escaped.filter(|byte| escapable.contains(byte)) {
            out.push(char::from(*byte));
            rest = &rest[at + 2..];
        } else {
            out.push('\\');
            rest = &rest[at + 1..];
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}
