//! The text formats of Prometheus: its own (version 0.0.4, with the quoted names of version 1.0.0) and OpenMetrics 1.0.
//!
//! ```text
//! # TYPE http_requests_total counter
//! http_requests_total{method="post",code="200"} 1027 1395066363000
//! {"http.requests",code="200"} 7
//! ```
//!
//! Every sample is read alone, so that a bad line costs itself. Types, help and exemplars are passed over.

use std::borrow::Cow;

use watchpost_core::time::NANOS_PER_SECOND;

/// Labels of one sample at most. Prometheus' own servers warn above 30.
const MAX_LABELS: usize = 64;

/// Which of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Times in milliseconds.
    Prometheus,
    /// Times in seconds; `# EOF` ends it.
    OpenMetrics,
}

impl Format {
    /// The format of a page by its content type.
    pub fn of(content_type: &str) -> Self {
        match content_type.starts_with("application/openmetrics-text") {
            true => Format::OpenMetrics,
            false => Format::Prometheus,
        }
    }
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'t> {
    /// The name with its suffix: `http_request_duration_seconds_bucket`.
    pub name: Cow<'t, str>,
    /// Labels in the order of the line.
    pub labels: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    /// The value; may be infinite or no number.
    pub value: f64,
    /// Nanoseconds since 1970, where the line has a time.
    pub timestamp: Option<i64>,
}

/// Why a line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Neither a name nor a quoted one in braces.
    #[error("it has no name")]
    NoName,
    /// Braces or quotes that do not fit, or a label without a value.
    #[error("its labels are not NAME=\"VALUE\", …")]
    BadLabels,
    /// A label twice.
    #[error("a label occurs twice")]
    LabelTwice,
    /// More labels than are taken.
    #[error("it has more than {MAX_LABELS} labels")]
    TooManyLabels,
    /// Nothing behind the labels that is a number.
    #[error("its value is no number")]
    BadValue,
    /// Behind the value something that is no time.
    #[error("its time is no number")]
    BadTime,
}

/// Reads the samples of a page: each good one, and each line that is refused with its reason.
pub fn read<'t>(
    page: &'t [u8],
    format: Format,
    mut each: impl FnMut(Result<Sample<'t>, (SampleError, &'t [u8])>),
) {
    for line in page.split(|byte| *byte == b'\n') {
        let Ok(text) = std::str::from_utf8(line) else {
            each(Err((SampleError::NotUtf8, line)));
            continue;
        };
        let text = text.trim_matches([' ', '\t', '\r']);
        if format == Format::OpenMetrics && text == "# EOF" {
            return;
        }
        if !text.is_empty() && !text.starts_with('#') {
            each(sample(text, format).map_err(|error| (error, line)));
        }
    }
}

fn sample(line: &str, format: Format) -> Result<Sample<'_>, SampleError> {
    let end = line
        .find(|any: char| !is_of_name(any))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(SampleError::NoName);
    }
    let mut name = (!name.is_empty()).then_some(Cow::Borrowed(name));
    let mut labels = Vec::new();
    let mut scanner = Scanner {
        rest: rest.trim_start_matches(BLANKS),
    };
    if scanner.skip("{") {
        scanner.labels(&mut name, &mut labels)?;
    } else if rest == scanner.rest {
        return Err(SampleError::NoName); // Something else than a blank behind the name.
    }
    let name = name.ok_or(SampleError::NoName)?;
    let rest = match format {
        Format::Prometheus => scanner.rest,
        // What follows is an exemplar.
        Format::OpenMetrics => scanner.rest.split('#').next().unwrap_or(""),
    };
    let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
    let value = words.next().and_then(number).ok_or(SampleError::BadValue)?;
    let timestamp = words.next().map(|word| time(word, format)).transpose()?;
    match words.next() {
        Some(_) => Err(SampleError::BadTime),
        None => Ok(Sample {
            name,
            labels,
            value,
            timestamp,
        }),
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

fn is_of_name(any: char) -> bool {
    any.is_ascii_alphanumeric() || any == '_' || any == ':'
}

/// As Go's ParseFloat reads it, without hexadecimal numbers.
fn number(word: &str) -> Option<f64> {
    word.parse().ok()
}

fn time(word: &str, format: Format) -> Result<i64, SampleError> {
    let nanoseconds = match format {
        Format::Prometheus => {
            let milliseconds = word.parse::<i64>().ok();
            milliseconds.and_then(|time| time.checked_mul(NANOS_PER_SECOND / 1000))
        }
        Format::OpenMetrics => {
            let seconds = number(word).map(|seconds| seconds * NANOS_PER_SECOND as f64);
            let within = |nanoseconds: &f64| nanoseconds.abs() < i64::MAX as f64;
            seconds.filter(within).map(|nanoseconds| nanoseconds as i64)
        }
    };
    nanoseconds.ok_or(SampleError::BadTime)
}

struct Scanner<'t> {
    rest: &'t str,
}

impl<'t> Scanner<'t> {
    /// Passes over `text` and the blanks behind it; false if it is not next.
    fn skip(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else {
            return false;
        };
        self.rest = rest.trim_start_matches(BLANKS);
        true
    }

    /// `name="value", …}`; a quoted text alone is the metric's name.
    fn labels(
        &mut self,
        name: &mut Option<Cow<'t, str>>,
        labels: &mut Vec<(Cow<'t, str>, Cow<'t, str>)>,
    ) -> Result<(), SampleError> {
        while !self.skip("}") {
            let key = if self.skip("\"") {
                self.quoted()?
            } else {
                self.word()?
            };
            if self.skip("=") {
                if !self.skip_quote() {
                    return Err(SampleError::BadLabels);
                }
                let value = self.quoted()?;
                if labels.iter().any(|(known, _)| *known == key) {
                    return Err(SampleError::LabelTwice);
                }
                if labels.len() >= MAX_LABELS {
                    return Err(SampleError::TooManyLabels);
                }
                labels.push((key, value));
            } else if name.replace(key).is_some() {
                return Err(SampleError::BadLabels);
            }
            if !self.skip(",") && !self.rest.starts_with('}') {
                return Err(SampleError::BadLabels);
            }
        }
        Ok(())
    }

    /// Passes over a quote alone: blanks behind it belong to the text.
    fn skip_quote(&mut self) -> bool {
        let rest = self.rest.strip_prefix('"');
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> Result<Cow<'t, str>, SampleError> {
        let end = self.rest.find(|any: char| !is_of_name(any));
        let (word, rest) = self.rest.split_at(end.ok_or(SampleError::BadLabels)?);
        self.rest = rest.trim_start_matches(BLANKS);
        match word.is_empty() || !self.rest.starts_with('=') {
            true => Err(SampleError::BadLabels),
            false => Ok(Cow::Borrowed(word)),
        }
    }

    /// The text up to the closing quote, and blanks behind that.
    fn quoted(&mut self) -> Result<Cow<'t, str>, SampleError> {
        let mut is_escaped = false;
        let end = self.rest.bytes().position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        let (text, rest) = self.rest.split_at(end.ok_or(SampleError::BadLabels)?);
        self.rest = rest[1..].trim_start_matches(BLANKS);
        Ok(unescaped(text))
    }
}

/// `\\`, `\"` and `\n`; a backslash before anything else stays.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(any) = characters.next() {
        if any != '\\' {
            plain.push(any);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some(same @ ('\\' | '"')) => plain.push(same),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    Cow::Owned(plain)
}
