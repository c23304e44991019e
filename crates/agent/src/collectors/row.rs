//! One row of measurements on its way to becoming a point: the measurement and `metric_type` are set,
//! numbers are brought into the types the catalogue promises.

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
    /// control characters become blanks and a backslash at the end goes, since line protocol has no text
    /// for them.
    #[must_use]
    pub fn tag(self, key: &str, value: &str) -> Self {
        let value = value.trim_end_matches(['\\', '\n']);
        if value.chars().any(char::is_control) {
            return Self(self.0.tag(key, value.replace(char::is_control, " ")));
        }
        Self(self.0.tag(key, value))
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

    /// The points pushed, in order.
    pub fn into_vec(self) -> Vec<Point> {
        self.0
    }
}

/// Three decimals: what a percentage or load can mean, and a third of the bytes of a full float.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
