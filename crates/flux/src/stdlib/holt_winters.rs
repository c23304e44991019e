//! `holtWinters`: a damped multiplicative forecast fitted to what was.
//!
//! Holt–Winters' recursions with smoothing parameters, starting level, trend and seasons fitted by least squares from a grid
//! of starts (Hyndman, Athanasopoulos, "Forecasting: Principles and Practice", section 8.3).

use super::build::map_table;
use super::convert::floats;
use super::native;
use super::nelder_mead::{Stop, minimize};
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, Table, Vector};
use crate::value::{Duration, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[native(
    "",
    "holtWinters",
    "<-tables, n, interval, ?withFit, ?column, ?timeColumn, ?seasonality, ?withMinSSE",
    Stream,
    holt_winters,
)];

/// Where the fit of each smoothing parameter starts.
const GRID: [f64; 2] = [0.3, 0.7];

/// When a fit is good enough.
const STOP: Stop = Stop {
    absolute: 1.0e-4,
    iterations: 100,
};

/// Level, trend and their smoothing come before the seasons among the parameters.
const SEASONS_FROM: usize = 6;

/// Points and seasons beyond which a fit would take minutes.
const MAX_POINTS: usize = 100_000;

fn holt_winters(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let n = usize::try_from(arguments.integer("n")?).unwrap_or(0);
    let interval = arguments.duration("interval")?;
    let seasonality = usize::try_from(arguments.integer_or("seasonality", 0)?)
        .map_err(|_| Error::invalid("seasonality must not be negative"))?;
    let with_fit = arguments.boolean_or("withFit", false)?;
    let with_error = arguments.boolean_or("withMinSSE", false)?;
    let column = arguments.string_or("column", "_value")?;
    let time_column = arguments.string_or("timeColumn", "_time")?;
    if interval.negative || interval.is_zero() {
        return Err(Error::invalid(
            "holtWinters: interval must be greater than zero",
        ));
    }
    if n > MAX_POINTS || seasonality > MAX_POINTS {
        return Err(Error::exhausted(format!(
            "holtWinters: at most {MAX_POINTS} points"
        )));
    }
    map_table(context, arguments, "holtWinters", move |context, table| {
        let series = evenly_spaced(&table, &column, &time_column, interval)?;
        let model = Model {
            values: &series.values,
            horizon: n,
            season: if seasonality >= 2 { seasonality } else { 0 },
        };
        let (forecast, error) = model.forecast(with_fit, context)?;
        let first = if with_fit {
            series.start
        } else {
            interval.add_to(series.stop)
        };
        let mut times = Vec::with_capacity(forecast.len());
        let mut time = first;
        for _ in &forecast {
            times.push(time);
            time = interval.add_to(time);
        }
        let rows = forecast.len();
        let mut result = Table::of_key(table.key.clone(), rows);
        result.set("_time", Column::Time(Vector::dense(times)));
        result.set("_value", Column::Float(Vector::dense(forecast)));
        if with_error {
            result.set("minSSE", Column::Float(Vector::constant(Some(error), rows)));
        }
        Ok(result)
    })
}

/// Values one interval apart, null where an interval has none.
struct Evenly {
    values: Vec<Option<f64>>,
    start: i64,
    stop: i64,
}

/// The nearest multiple of an interval, halves up.
fn rounded(time: i64, interval: i64) -> i64 {
    let rest = time.rem_euclid(interval);
    if rest * 2 < interval {
        time - rest
    } else {
        time - rest + interval
    }
}

fn evenly_spaced(
    table: &Table,
    column: &str,
    time_column: &str,
    interval: Duration,
) -> Result<Evenly, Error> {
    let times = table.expect_times(time_column)?;
    let source = table.expect_column(column)?;
    let values = floats(source).ok_or_else(|| {
        Error::invalid(format!("cannot forecast values of type {}", source.kind()))
    })?;
    let step = interval.approximate_nanoseconds();
    let mut even = Evenly {
        values: Vec::new(),
        start: 0,
        stop: 0,
    };
    let mut end: Option<i64> = None;
    for (time, value) in times.iter().zip(values.iter()) {
        let Some(time) = time else { continue };
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(Error::invalid("NaN/Inf in input"));
        }
        let bucket = rounded(*time, step);
        match end {
            None if value.is_none() => {}
            None => {
                even.start = *time;
                even.values.push(value.copied());
                end = Some(bucket);
            }
            Some(last) if bucket <= last => {}
            Some(last) => {
                let missing = usize::try_from((bucket - last - 1) / step).unwrap_or(0);
                if even.values.len().saturating_add(missing) > MAX_POINTS {
                    return Err(Error::exhausted(format!(
                        "holtWinters: more than {MAX_POINTS} intervals"
                    )));
                }
                even.values.extend(std::iter::repeat_n(None, missing));
                even.values.push(value.copied());
                even.stop = *time;
                end = Some(last + step * (i64::try_from(missing).unwrap_or(0) + 1));
            }
        }
    }
    Ok(even)
}

struct Model<'a> {
    values: &'a [Option<f64>],
    horizon: usize,
    /// Values a season; 0 without.
    season: usize,
}

impl Model<'_> {
    /// The values to come (after those fitted, if asked for) and the fit's sum of squared errors.
    fn forecast(&self, with_fit: bool, context: &Context<'_>) -> Result<(Vec<f64>, f64), Error> {
        let length = self.values.len();
        if length < 2 || length < self.season || self.horizon == 0 {
            return Ok((Vec::new(), 0.0));
        }
        let mut start = self.first_guess();
        let mut best: Option<(Vec<f64>, f64)> = None;
        for alpha in GRID {
            for beta in GRID {
                for gamma in GRID {
                    for phi in GRID {
                        context.check()?;
                        start[..4].copy_from_slice(&[alpha, beta, gamma, phi]);
                        let mut error = |parameters: &[f64]| self.squared_error(parameters);
                        let found = minimize(&mut error, &start, STOP);
                        if best.as_ref().is_none_or(|(_, known)| found.1 < *known) {
                            best = Some(found);
                        }
                    }
                }
            }
        }
        let (parameters, error) = best.unwrap_or((start, f64::NAN));
        Ok((self.run(&parameters, self.horizon, with_fit), error))
    }

    fn first_guess(&self) -> Vec<f64> {
        let value = |at: usize| self.values.get(at).copied().flatten();
        let season = self.season;
        let mut guess = vec![0.0; SEASONS_FROM + season];
        if season == 0 {
            let first = value(0).unwrap_or(0.0);
            guess[4] = 0.5 * first;
            guess[5] = value(1).map_or(0.0, |second| 0.5 * (second - first));
            return guess;
        }
        let length = season as f64;
        guess[4] = (0..season)
            .filter_map(value)
            .map(|value| value / length)
            .sum();
        guess[5] = (0..season)
            .filter_map(|at| Some((value(season + at)? - value(at)?) / (length * length)))
            .sum();
        for at in 0..season {
            guess[SEASONS_FROM + at] = value(at).map_or(1.0, |value| value / guess[4]);
        }
        guess
    }

    fn squared_error(&self, parameters: &[f64]) -> f64 {
        let fitted = self.run(parameters, 0, true);
        let pairs = fitted.iter().zip(self.values);
        let sum: f64 = pairs
            .filter_map(|(fitted, value)| value.map(|value| (fitted - value).powi(2)))
            .sum();
        if sum.is_finite() { sum } else { f64::MAX }
    }

    /// The recursion over the values' times and `horizon` more; each step takes the step before as observed.
    fn run(&self, parameters: &[f64], horizon: usize, with_fit: bool) -> Vec<f64> {
        let [alpha, beta, gamma, phi] =
            [0, 1, 2, 3].map(|at: usize| parameters[at].clamp(0.0, 1.0));
        let (mut level, mut trend) = (parameters[4], parameters[5]);
        let mut seasons = parameters[SEASONS_FROM..].to_vec();
        let length = self.values.len();
        let mut observed = self.values.first().copied().flatten().unwrap_or(0.0);
        let mut damping = phi;
        let mut forecast = Vec::with_capacity(length + horizon);
        if with_fit {
            forecast.push(observed);
        }
        let season = seasons.len();
        for time in 1..length + horizon {
            let (mut past, mut ahead) = (1.0, 1.0);
            if season > 0 {
                // The ring of seasons turns by one each step.
                let turn = time + season - 1 + (time - 1);
                past = seasons[(turn - season) % season];
                ahead = seasons[(turn - season + time % season) % season];
            }
            let before = level + phi * trend;
            let next_level = alpha * (observed / past) + (1.0 - alpha) * before;
            let next_trend = beta * (next_level - level) + (1.0 - beta) * phi * trend;
            let next_season = gamma * (observed / before) + (1.0 - gamma) * past;
            observed = (next_level + damping * next_trend) * ahead;
            (level, trend) = (next_level, next_trend);
            damping += phi.powf(time as f64);
            if season > 0 {
                seasons[(time + season - 1 + (time - 1)) % season] = next_season;
            }
            if with_fit || time >= length {
                forecast.push(observed);
            }
        }
        forecast
    }
}
