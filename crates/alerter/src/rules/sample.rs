//! What queries give to rules: rows, and samples of one series.

use std::sync::Arc;

use super::definition::Aggregate;
use super::statistics;
use crate::alert::{Nanos, SECOND};
use crate::labels::{Fingerprint, Labels};

/// One value of one series. Rows of the same series share their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The tags of the series.
    pub labels: Arc<Labels>,
    /// Of `labels`.
    pub series: Fingerprint,
    pub value: f64,
    /// When it was measured; `None` for an aggregate.
    pub time: Option<Nanos>,
}

impl Row {
    pub fn new(labels: Labels, value: f64, time: Option<Nanos>) -> Row {
        Row {
            series: labels.fingerprint(),
            labels: Arc::new(labels),
            value,
            time,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub time: Nanos,
    pub value: f64,
}

/// The value of a window, as the database would compute it. `None` without samples.
pub fn aggregate(samples: &[Sample], how: Aggregate) -> Option<f64> {
    let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    match how {
        Aggregate::Mean => statistics::mean(&values),
        Aggregate::Max => values.into_iter().reduce(f64::max),
        Aggregate::Min => values.into_iter().reduce(f64::min),
        Aggregate::Last => values.last().copied(),
        Aggregate::P95 => statistics::quantile(&values, 0.95),
        Aggregate::Sum => (!values.is_empty()).then(|| values.iter().sum()),
        Aggregate::Count => (!values.is_empty()).then_some(values.len() as f64),
    }
}

/// Mean increase a second between neighbours; a counter that went down is left out, as
/// Flux' `derivative(nonNegative: true)` does. `None` of fewer than two samples.
pub fn rate(samples: &[Sample]) -> Option<f64> {
    let rates: Vec<f64> = samples
        .windows(2)
        .filter(|pair| pair[1].value >= pair[0].value && pair[1].time > pair[0].time)
        .map(|pair| {
            let seconds = (pair[1].time - pair[0].time) as f64 / SECOND as f64;
            (pair[1].value - pair[0].value) / seconds
        })
        .collect();
    statistics::mean(&rates)
}
