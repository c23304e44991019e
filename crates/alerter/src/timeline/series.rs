//! The series notation of promtool: `50x5 60+5x8 _x3 40`.

use std::sync::Arc;

use crate::alert::Nanos;
use crate::labels::Labels;
use crate::rules::sample::Sample;

/// Most samples of one series: a day at one a second.
const SAMPLES_LIMIT: usize = 100_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    #[error(
        "{0:?} is not a value; write 5, 5x3 (four times 5), 5+2x3 (5 7 9 11), _ or _x3 (nothing)"
    )]
    Value(String),
    #[error("{0:?} is not a series; write field{{label=\"value\"}}")]
    Name(String),
    #[error("a series has at most {SAMPLES_LIMIT} samples")]
    TooLong,
}

/// A field, its tags, and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualSeries {
    pub field: String,
    pub labels: Arc<Labels>,
    pub samples: Vec<Sample>,
}

/// Reads a name such as `cpu{host="h1"}` and values that begin at `start`, one every `step`.
pub fn parse_series(
    name: &str,
    values: &str,
    start: Nanos,
    step: Nanos,
) -> Result<VirtualSeries, SeriesError> {
    let (field, labels) = parse_name(name)?;
    let mut samples = Vec::new();
    let mut time = start;
    for word in values.split_whitespace() {
        for value in expand(word)? {
            samples.extend(value.map(|value| Sample { time, value }));
            time += step;
        }
        if samples.len() > SAMPLES_LIMIT {
            return Err(SeriesError::TooLong);
        }
    }
    Ok(VirtualSeries {
        field,
        labels: Arc::new(labels),
        samples,
    })
}

fn parse_name(name: &str) -> Result<(String, Labels), SeriesError> {
    let wrong = || SeriesError::Name(name.to_owned());
    let Some((field, rest)) = name.trim().split_once('{') else {
        return Ok((name.trim().to_owned(), Labels::new()));
    };
    let inner = rest.strip_suffix('}').ok_or_else(wrong)?;
    let pairs = inner
        .split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
            Ok((
                name.trim().to_owned(),
                value.trim().trim_matches('"').to_owned(),
            ))
        });
    Ok((
        field.to_owned(),
        pairs.collect::<Result<Labels, SeriesError>>()?,
    ))
}

/// One word: `a`, `axn` (n + 1 times a), `a+bxn` and `a-bxn` (n + 1 values), `_`, `_xn` (n gaps).
fn expand(word: &str) -> Result<Vec<Option<f64>>, SeriesError> {
    let wrong = || SeriesError::Value(word.to_owned());
    let (base, count) = match word.split_once('x') {
        Some((base, count)) => (base, Some(count.parse::<usize>().map_err(|_| wrong())?)),
        None => (word, None),
    };
    if count.is_some_and(|count| count > SAMPLES_LIMIT) {
        return Err(SeriesError::TooLong);
    }
    if base == "_" {
        return Ok(vec![None; count.unwrap_or(1)]);
    }
    // A sign after the first character begins the step, unless it belongs to an exponent.
    let sign = base
        .char_indices()
        .skip(1)
        .find(|(at, c)| matches!(c, '+' | '-') && !base[..*at].ends_with(['e', 'E']));
    let (first, step) = match sign {
        Some((at, _)) => (&base[..at], base[at..].parse::<f64>().map_err(|_| wrong())?),
        None => (base, 0.0),
    };
    let first: f64 = first.parse().map_err(|_| wrong())?;
    Ok((0..=count.unwrap_or(0))
        .map(|n| Some(first + step * n as f64))
        .collect())
}
