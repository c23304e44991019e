//! Points and series keys: what an agent sends, an engine stores and a rule speaks about.

use std::fmt;

use crate::line_protocol;

/// The value of a field, owned. A field keeps one type within a shard of a bucket.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    String(String),
    Boolean(bool),
}

/// The type of a field, under the names InfluxDB uses in its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
}

impl FieldType {
    /// `float`, `integer`, `unsigned`, `string` or `boolean`: as InfluxDB's type conflict errors
    /// name them.
    pub fn name(self) -> &'static str {
        match self {
            FieldType::Float => "float",
            FieldType::Integer => "integer",
            FieldType::Unsigned => "unsigned",
            FieldType::String => "string",
            FieldType::Boolean => "boolean",
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FieldValue {
    pub fn field_type(&self) -> FieldType {
        match self {
            FieldValue::Float(_) => FieldType::Float,
            FieldValue::Integer(_) => FieldType::Integer,
            FieldValue::Unsigned(_) => FieldType::Unsigned,
            FieldValue::String(_) => FieldType::String,
            FieldValue::Boolean(_) => FieldType::Boolean,
        }
    }

    /// The number, whatever its type; `None` for strings and booleans.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            FieldValue::Float(value) => Some(*value),
            FieldValue::Integer(value) => Some(*value as f64),
            FieldValue::Unsigned(value) => Some(*value as f64),
            FieldValue::String(_) | FieldValue::Boolean(_) => None,
        }
    }
}

impl From<f64> for FieldValue {
    fn from(value: f64) -> FieldValue {
        FieldValue::Float(value)
    }
}

impl From<i64> for FieldValue {
    fn from(value: i64) -> FieldValue {
        FieldValue::Integer(value)
    }
}

impl From<u64> for FieldValue {
    fn from(value: u64) -> FieldValue {
        FieldValue::Unsigned(value)
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> FieldValue {
        FieldValue::Boolean(value)
    }
}

impl From<&str> for FieldValue {
    fn from(value: &str) -> FieldValue {
        FieldValue::String(value.to_owned())
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> FieldValue {
        FieldValue::String(value)
    }
}

/// A measurement and its tags: the identity of a series (its fields are columns of it).
///
/// Invariant: tags are sorted by key, no key twice, no value empty (an empty tag is no tag).
/// The order of keys is the order of measurements, then of sorted tags, which is the order in
/// which InfluxDB answers a query.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    measurement: String,
    tags: Vec<(String, String)>,
}

impl SeriesKey {
    /// Sorts the tags; of a key that occurs twice the later value stays; empty values go.
    pub fn new<K: Into<String>, V: Into<String>>(
        measurement: impl Into<String>,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> SeriesKey {
        let mut key = SeriesKey {
            measurement: measurement.into(),
            tags: Vec::new(),
        };
        for (name, value) in tags {
            key.set_tag(name, value);
        }
        key
    }

    pub fn measurement(&self) -> &str {
        &self.measurement
    }

    /// Sorted by key.
    pub fn tags(&self) -> &[(String, String)] {
        &self.tags
    }

    pub fn tag(&self, name: &str) -> Option<&str> {
        let place = self.place(name).ok()?;
        Some(self.tags[place].1.as_str())
    }

    /// Sets a tag; an empty value removes it.
    pub fn set_tag(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match (self.place(&name), value.is_empty()) {
            (Ok(place), true) => {
                self.tags.remove(place);
            }
            (Ok(place), false) => self.tags[place].1 = value,
            (Err(_), true) => {}
            (Err(place), false) => self.tags.insert(place, (name, value)),
        }
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.tags
            .binary_search_by(|(key, _)| key.as_str().cmp(name))
    }
}

/// The canonical text, as line protocol writes it: `cpu,host=a,region=eu`.
impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        let tags = self
            .tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        line_protocol::append_series_key(&mut text, &self.measurement, tags);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// One line of line protocol, owned: a series, fields and a time in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub series: SeriesKey,
    /// In the order they were added; a key at most once.
    fields: Vec<(String, FieldValue)>,
    pub timestamp: i64,
}

impl Point {
    /// A point without tags and fields; `timestamp` in nanoseconds since 1970.
    pub fn new(measurement: impl Into<String>, timestamp: i64) -> Point {
        Point {
            series: SeriesKey::new::<String, String>(measurement, []),
            fields: Vec::new(),
            timestamp,
        }
    }

    /// Sets a tag (an empty value is no tag).
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Point {
        self.series.set_tag(name, value);
        self
    }

    /// Sets a field.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Point {
        self.set_field(name, value);
        self
    }

    /// Sets a field; the later value of a name stays.
    pub fn set_field(&mut self, name: impl Into<String>, value: impl Into<FieldValue>) {
        let (name, value) = (name.into(), value.into());
        match self.fields.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name, value)),
        }
    }

    pub fn fields(&self) -> &[(String, FieldValue)] {
        &self.fields
    }

    pub fn get(&self, field: &str) -> Option<&FieldValue> {
        let found = self.fields.iter().find(|(key, _)| key == field);
        found.map(|(_, value)| value)
    }
}
