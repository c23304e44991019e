//! The metrics of OTLP, as far as they become points: `opentelemetry/proto/metrics/v1/metrics.proto`. Names are those of
//! the specification. JSON is read into it by serde, protobuf by [`super::protobuf`].

use serde::{Deserialize, Deserializer};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ResourceMetrics {
    pub(super) resource: Resource,
    pub(super) scope_metrics: Vec<ScopeMetrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource {
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScopeMetrics {
    pub(super) metrics: Vec<Metric>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) gauge: Option<Data>,
    pub(super) sum: Option<Data>,
    pub(super) histogram: Option<Data>,
    pub(super) exponential_histogram: Option<Data>,
    pub(super) summary: Option<Data>,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

impl Metric {
    /// Its points, of the one kind that it has.
    pub(super) fn data(&self) -> Option<(Kind, &Data)> {
        let of = |kind, data: &Option<Data>| data.is_some().then_some(kind);
        let kind = of(Kind::Gauge, &self.gauge)
            .or(of(Kind::Sum, &self.sum))
            .or(of(Kind::Histogram, &self.histogram))
            .or(of(Kind::ExponentialHistogram, &self.exponential_histogram))
            .or(of(Kind::Summary, &self.summary))?;
        let data = match kind {
            Kind::Gauge => &self.gauge,
            Kind::Sum => &self.sum,
            Kind::Histogram => &self.histogram,
            Kind::ExponentialHistogram => &self.exponential_histogram,
            Kind::Summary => &self.summary,
        };
        Some((kind, data.as_ref()?))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Data {
    pub(super) data_points: Vec<DataPoint>,
    pub(super) aggregation_temporality: Temporality,
}

/// What the values of a sum or histogram begin at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Temporality {
    #[default]
    Unspecified,
    /// At the point before.
    Delta,
    /// At the start of the program.
    Cumulative,
}

impl Temporality {
    pub(super) fn of(number: u64) -> Self {
        match number {
            1 => Temporality::Delta,
            2 => Temporality::Cumulative,
            _ => Temporality::Unspecified,
        }
    }
}

impl<'de> Deserialize<'de> for Temporality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Number::deserialize(deserializer)? {
            Number::Unsigned(number) => Self::of(number),
            Number::Text(text) if text == "AGGREGATION_TEMPORALITY_DELTA" => Self::Delta,
            Number::Text(text) if text == "AGGREGATION_TEMPORALITY_CUMULATIVE" => Self::Cumulative,
            _ => Self::Unspecified,
        })
    }
}

/// A point of any kind; each kind has some of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DataPoint {
    pub(super) attributes: Vec<KeyValue>,
    #[serde(deserialize_with = "unsigned")]
    pub(super) time_unix_nano: u64,
    /// Bit 0: there is no value.
    pub(super) flags: u32,
    #[serde(deserialize_with = "some_float")]
    pub(super) as_double: Option<f64>,
    #[serde(deserialize_with = "some_float")]
    pub(super) as_int: Option<f64>,
    #[serde(deserialize_with = "unsigned")]
    pub(super) count: u64,
    #[serde(deserialize_with = "some_float")]
    pub(super) sum: Option<f64>,
    #[serde(deserialize_with = "counts")]
    pub(super) bucket_counts: Vec<u64>,
    #[serde(deserialize_with = "floats")]
    pub(super) explicit_bounds: Vec<f64>,
    pub(super) scale: i32,
    #[serde(deserialize_with = "unsigned")]
    pub(super) zero_count: u64,
    #[serde(deserialize_with = "float")]
    pub(super) zero_threshold: f64,
    pub(super) positive: Buckets,
    pub(super) negative: Buckets,
    pub(super) quantile_values: Vec<Quantile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Buckets {
    pub(super) offset: i32,
    #[serde(deserialize_with = "counts")]
    pub(super) bucket_counts: Vec<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Quantile {
    #[serde(deserialize_with = "float")]
    pub(super) quantile: f64,
    #[serde(deserialize_with = "float")]
    pub(super) value: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    pub(super) key: String,
    pub(super) value: AnyValue,
}

/// A value of an attribute; lists, maps and bytes are none here.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AnyValue {
    pub(super) string_value: Option<String>,
    pub(super) bool_value: Option<bool>,
    #[serde(deserialize_with = "some_text")]
    pub(super) int_value: Option<String>,
    #[serde(deserialize_with = "some_float")]
    pub(super) double_value: Option<f64>,
}

impl AnyValue {
    /// As the value of a tag; `None` for what is no plain value.
    pub(super) fn text(&self) -> Option<String> {
        let bool_value = || self.bool_value.map(|value| value.to_string());
        let double_value = || self.double_value.map(|value| value.to_string());
        self.string_value
            .clone()
            .or_else(|| self.int_value.clone())
            .or_else(bool_value)
            .or_else(double_value)
    }
}

/// A number of protobuf's JSON mapping: those of 64 bits may be texts, and so are infinities.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
}

impl Number {
    fn float(&self) -> Option<f64> {
        match self {
            Number::Unsigned(value) => Some(*value as f64),
            Number::Signed(value) => Some(*value as f64),
            Number::Float(value) => Some(*value),
            Number::Text(text) => text.parse().ok(), // NaN, Infinity and -Infinity, too.
        }
    }

    fn unsigned(&self) -> Option<u64> {
        match self {
            Number::Unsigned(value) => Some(*value),
            Number::Text(text) => text.parse().ok(),
            Number::Signed(_) | Number::Float(_) => None,
        }
    }
}

fn expected<T, E: serde::de::Error>(value: Option<T>) -> Result<T, E> {
    value.ok_or_else(|| E::custom("a number was expected"))
}

fn unsigned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    expected(Number::deserialize(deserializer)?.unsigned())
}

fn float<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    expected(Number::deserialize(deserializer)?.float())
}

fn some_float<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number = Option::<Number>::deserialize(deserializer)?;
    number.map(|number| expected(number.float())).transpose()
}

fn some_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Number>::deserialize(deserializer)? {
        None => None,
        Some(Number::Unsigned(value)) => Some(value.to_string()),
        Some(Number::Signed(value)) => Some(value.to_string()),
        Some(Number::Float(value)) => Some(value.to_string()),
        Some(Number::Text(text)) => Some(text),
    })
}

fn counts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let numbers = Vec::<Number>::deserialize(deserializer)?;
    let counts = numbers.iter().map(|number| expected(number.unsigned()));
    counts.collect()
}

fn floats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let numbers = Vec::<Number>::deserialize(deserializer)?;
    numbers
        .iter()
        .map(|number| expected(number.float()))
        .collect()
}
