//! One row of measurements on its way to becoming a point: the measurement and `metric_type` are set,
//! numbers are brought into the types the catalogue promises.

use std::borrow::Cow;

use watchpost_core::point::Point;

/// The measurement of every metric of a host.
pub const MEASUREMENT: &str = "system_metrics";

/// A point under construction.
#[derive(Debug)]
pub struct Row(Point);

impl Row {
    /// A row of `metric_type` (cpu, memory, swap, disk, diskio, network, process, system) at `at`
    /// nanoseconds since 1970.
    pub fn new(metric_type: &str, at: i64) -> Self {
        Self(Point::new(MEASUREMENT, at).tag("metric_type", metric_type))
    }

    /// A row of another measurement, without a `metric_type`.
    pub fn of(measurement: &str, at: i64) -> Self {
        Self(Point::new(measurement, at))
    }

    /// Adds a tag; an empty value is no tag. Names come from outside (a process may call itself anything):
    /// what line protocol has no text for is replaced, see [`tag_text`].
    #[must_use]
    pub fn tag(self, key: &str, value: &str) -> Self {
        match tag_text(value) {
            Cow::Borrowed(value) => Self(self.0.tag(key, value)),
            Cow::Owned(value) => Self(self.0.tag(key, value)),
        }
    }

    /// Adds a float; what is not finite is left out, line protocol has no text for it.
    #[must_use]
    pub fn float(self, field: &str, value: f64) -> Self {
        if value.is_finite() {
            Self(self.0.field(field, round(value)))
        } else {
            self
        }
    }

    /// Adds an integer; counters above `i64::MAX` (292 years of nanoseconds) stay there.
    #[must_use]
    pub fn integer(self, field: &str, value: u64) -> Self {
        Self(
            self.0
                .field(field, i64::try_from(value).unwrap_or(i64::MAX)),
        )
    }

    /// Adds a float where there is one.
    #[must_use]
    pub fn optional_float(self, field: &str, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.float(field, value),
            None => self,
        }
    }

    /// Adds an integer where there is one.
    #[must_use]
    pub fn optional_integer(self, field: &str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.integer(field, value),
            None => self,
        }
    }
}

/// The share of a whole in percent; none where the part is larger, or there is nothing to have a part of.
pub fn percent(part: u64, whole: u64) -> Option<f64> {
    (part <= whole && whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// The rows of one collection.
#[derive(Debug, Default)]
pub struct Points(Vec<Point>);

impl Points {
    /// Takes a row, unless it has no field: such a row is nothing to write.
    pub fn push(&mut self, row: Row) {
        if !row.0.fields().is_empty() {
            self.0.push(row.0);
        }
    }

    /// Takes a point of a program, unless it has no field.
    pub fn push_point(&mut self, point: Point) {
        if !point.fields().is_empty() {
            self.0.push(point);
        }
    }

    /// The points pushed, in order.
    pub fn into_vec(self) -> Vec<Point> {
        self.0
    }
}

/// Bytes of a tag value at most. A path may be four times as long, and a name from outside is anything; the
/// keys of a series share 64 KiB.
const MAX_TAG_BYTES: usize = 1024;

/// A name from outside as the value of a tag: control characters become blanks, a backslash that would hide
/// what follows becomes a slash or, at the end, goes, and what is longer than 1 KiB is cut.
pub fn tag_text(value: &str) -> Cow<'_, str> {
    let cut = value.floor_char_boundary(MAX_TAG_BYTES);
    let value = value[..cut].trim_end_matches(|end: char| end == '\\' || end.is_control());
    if !value.contains(|any: char| any == '\\' || any.is_control()) {
        return Cow::Borrowed(value);
    }
    let mut text = value.replace(char::is_control, " ");
    for (pair, instead) in [("\\,", "/,"), ("\\ ", "/ "), ("\\=", "/=")] {
        text = text.replace(pair, instead);
    }
    Cow::Owned(text)
}

/// Three decimals: what a percentage or load can mean, and a third of the bytes of a full float. Zero has no
/// sign.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0 + 0.0
}
