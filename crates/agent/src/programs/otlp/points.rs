//! Points of OTLP in the layout of Prometheus' samples (see [`crate::programs::prometheus::samples`]): one measurement,
//! attributes as tags, the metric's name as the field, buckets with their bound in `le`.

use std::collections::HashMap;

use watchpost_core::point::SeriesKey;

use super::buckets::{self, Bucket};
use super::model::{DataPoint, KeyValue, Kind, Resource, Temporality};
use crate::filter::Filter;
use crate::programs::prometheus::{MEASUREMENT, Samples};
use crate::programs::set_tag;

/// Attributes of one point at most.
const MAX_ATTRIBUTES: usize = 64;

/// Why a point is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the metric has no name")]
    NoName,
    #[error("it has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    #[error("it has no value")]
    NoValue,
    #[error("an exponential histogram of deltas is not added up; export it cumulative")]
    ExponentialDelta,
    #[error("there are as many series of deltas as collectors.otlp.max_series")]
    TooManyDeltas,
}

/// What lasts from request to request.
pub(super) struct Points {
    resource_attributes: Filter,
    max_series: usize,
    /// Sums of deltas: fields are totals, as the counters of Prometheus are.
    totals: HashMap<(SeriesKey, String), f64>,
}

impl Points {
    /// Keeps resource attributes that pass the filter, and totals of at most `max_series` fields.
    pub(super) fn new(resource_attributes: Filter, max_series: usize) -> Self {
        Self {
            resource_attributes,
            max_series,
            totals: HashMap::new(),
        }
    }

    /// Adds one point of a metric to `samples`.
    ///
    /// Errors: why it is refused. One without a value, which says that a series ended, is none.
    pub(super) fn add(
        &mut self,
        samples: &mut Samples<'_>,
        now: i64,
        (resource, name, kind, temporality): (&Resource, &str, Kind, Temporality),
        point: &DataPoint,
    ) -> Result<(), Refusal> {
        if point.flags & 1 == 1 {
            return Ok(());
        }
        if name.is_empty() {
            return Err(Refusal::NoName);
        }
        let series = self.series(resource, &point.attributes)?;
        let time = i64::try_from(point.time_unix_nano).ok();
        let time = time
            .filter(|time| Samples::is_near(*time, now))
            .unwrap_or(now);
        let is_delta = temporality == Temporality::Delta;
        for (suffix, tag, value) in values(kind, is_delta, point)? {
            let mut series = series.clone();
            if let Some((key, value)) = tag {
                series.set_tag(key, value);
            }
            let field = format!("{name}{suffix}");
            let value = match is_delta {
                true => self.total(&series, &field, value)?,
                false => value,
            };
            samples.set(series, time, &field, value);
        }
        Ok(())
    }

    fn series(&self, resource: &Resource, attributes: &[KeyValue]) -> Result<SeriesKey, Refusal> {
        if attributes.len() + resource.attributes.len() > MAX_ATTRIBUTES {
            return Err(Refusal::TooManyAttributes);
        }
        let mut series = SeriesKey::new::<&str, &str>(MEASUREMENT, []);
        let of_resource = resource.attributes.iter();
        let of_resource = of_resource.filter(|it| self.resource_attributes.admits(&it.key));
        for attribute in of_resource.chain(attributes) {
            if let Some(value) = attribute.value.text() {
                set_tag(&mut series, &attribute.key, &value);
            }
        }
        Ok(series)
    }

    fn total(&mut self, series: &SeriesKey, field: &str, delta: f64) -> Result<f64, Refusal> {
        let is_full = self.totals.len() >= self.max_series;
        let key = (series.clone(), field.to_owned());
        if is_full && !self.totals.contains_key(&key) {
            return Err(Refusal::TooManyDeltas);
        }
        let total = self.totals.entry(key).or_default();
        if delta.is_finite() {
            *total += delta;
        }
        Ok(*total)
    }
}

/// A field's suffix, its own tag, its value.
type FieldValue = (&'static str, Option<(&'static str, String)>, f64);

fn values(kind: Kind, is_delta: bool, point: &DataPoint) -> Result<Vec<FieldValue>, Refusal> {
    let buckets = match kind {
        Kind::Gauge | Kind::Sum => {
            let value = point.as_double.or(point.as_int).ok_or(Refusal::NoValue)?;
            return Ok(vec![("", None, value)]);
        }
        Kind::ExponentialHistogram if is_delta => return Err(Refusal::ExponentialDelta),
        Kind::ExponentialHistogram => buckets::exponential(point),
        Kind::Histogram => buckets::explicit(point),
        Kind::Summary => Vec::new(),
    };
    let of_bucket = |Bucket { bound, count }: Bucket| {
        let le = match bound.is_infinite() {
            true => "+Inf".to_owned(),
            false => bound.to_string(),
        };
        ("_bucket", Some(("le", le)), count as f64)
    };
    let quantiles = point.quantile_values.iter().map(|it| {
        let quantile = it.quantile.to_string();
        ("", Some(("quantile", quantile)), it.value)
    });
    let sum = point.sum.map(|sum| ("_sum", None, sum));
    let count = ("_count", None, point.count as f64);
    Ok(std::iter::once(count)
        .chain(sum)
        .chain(quantiles)
        .chain(buckets.into_iter().map(of_bucket))
        .collect())
}
