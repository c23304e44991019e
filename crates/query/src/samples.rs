//! Statistics of points that came as they are, for what a server cannot compute exactly: the p95 of
//! merged series on VictoriaMetrics, sliding windows in SQL.

use std::collections::BTreeMap;

use watchpost_core::csv::Value;
use watchpost_core::time::NANOS_PER_SECOND;

use crate::{Answer, Ask, Group, Label, Point, Question, Series, Statistic};

/// A point: nanoseconds since 1970, and its number.
pub type Sample = (i64, f64);

/// The statistic of points in order of time; `None` where it has no value.
pub fn statistic(samples: &[Sample], how: Statistic) -> Option<f64> {
    let values = || samples.iter().map(|sample| sample.1);
    if samples.is_empty() {
        return None;
    }
    match how {
        Statistic::Mean => Some(values().sum::<f64>() / samples.len() as f64),
        Statistic::Min => values().reduce(f64::min),
        Statistic::Max => values().reduce(f64::max),
        Statistic::Sum => Some(values().sum()),
        Statistic::Count => Some(samples.len() as f64),
        Statistic::First => values().next(),
        Statistic::Last => values().next_back(),
        Statistic::P95 => quantile(values().collect(), 0.95),
        Statistic::Median => quantile(values().collect(), 0.5),
        Statistic::Deviation => deviation(samples),
        Statistic::MedianDeviation => {
            let median = quantile(values().collect(), 0.5)?;
            quantile(values().map(|value| (value - median).abs()).collect(), 0.5)
        }
        Statistic::Increase => Some(increase(samples)),
        Statistic::Rate => rate(samples),
    }
}

fn quantile(mut values: Vec<f64>, q: f64) -> Option<f64> {
    values.retain(|value| !value.is_nan());
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let position = q * last as f64;
    let (low, high) = (position.floor() as usize, position.ceil() as usize);
    Some(values[low] + (values[high] - values[low]) * (position - low as f64))
}

fn deviation(samples: &[Sample]) -> Option<f64> {
    let n = samples.len();
    if n < 2 {
        return None;
    }
    let mean = samples.iter().map(|sample| sample.1).sum::<f64>() / n as f64;
    let squares: f64 = samples
        .iter()
        .map(|(_, value)| (value - mean).powi(2))
        .sum();
    Some((squares / (n - 1) as f64).sqrt())
}

fn increase(samples: &[Sample]) -> f64 {
    let rises = samples.windows(2).map(|pair| {
        let (old, new) = (pair[0].1, pair[1].1);
        if new < old { new } else { new - old }
    });
    rises.sum()
}

fn rate(samples: &[Sample]) -> Option<f64> {
    let rates: Vec<f64> = samples
        .windows(2)
        .filter(|pair| pair[1].1 >= pair[0].1 && pair[1].0 > pair[0].0)
        .map(|pair| {
            let seconds = (pair[1].0 - pair[0].0) as f64 / NANOS_PER_SECOND as f64;
            (pair[1].1 - pair[0].1) / seconds
        })
        .collect();
    (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
}

/// Slope a second and value at `at` of the least-squares line; none of points of one time.
pub fn line(samples: &[Sample], at: i64) -> Option<(f64, f64)> {
    let n = samples.len() as f64;
    let x = |time: i64| (time - at) as f64 / NANOS_PER_SECOND as f64;
    let mean_x = samples.iter().map(|sample| x(sample.0)).sum::<f64>() / n;
    let mean_y = samples.iter().map(|sample| sample.1).sum::<f64>() / n;
    let distance = |time| x(time) - mean_x;
    let variance: f64 = samples
        .iter()
        .map(|(time, _)| distance(*time).powi(2))
        .sum();
    let products = samples
        .iter()
        .map(|(time, value)| distance(*time) * (value - mean_y));
    (variance > 0.0).then(|| {
        let slope = products.sum::<f64>() / variance;
        (slope, mean_y - slope * mean_x)
    })
}

/// A window: the samples from `start` until before `stop`, and its label.
struct Window {
    start: i64,
    stop: i64,
    label: i64,
}

/// Answers a question of windows or values from the points of its series.
pub(crate) fn answer(question: &Question, rows: Answer) -> Answer {
    // Rates are made of each series, and then added; of all else the points are merged first.
    let is_rate = question.statistics().contains(&Statistic::Rate);
    let merged = if is_rate {
        rows
    } else {
        grouped(question, rows)
    };
    let windows = windows(question);
    let mut series = Vec::new();
    for one in &merged.series {
        let samples: Vec<Sample> = one
            .points
            .iter()
            .filter_map(|point| Some((point.time?, point.value.as_f64()?)))
            .collect();
        for how in question.statistics() {
            let value = |(label, part): (Option<i64>, &[Sample])| {
                let value = Value::Float(statistic(part, *how)?);
                Some(Point { time: label, value })
            };
            let points: Vec<Point> = match &windows {
                None => value((None, &samples)).into_iter().collect(),
                Some(windows) => windows
                    .iter()
                    .map(|window| (Some(window.label), part(&samples, window)))
                    .filter_map(value)
                    .collect(),
            };
            if !points.is_empty() {
                series.push(Series {
                    field: one.field.clone(),
                    statistic: Some(*how),
                    labels: one.labels.clone(),
                    points,
                });
            }
        }
    }
    let answer = Answer { series };
    if is_rate {
        added(question, answer)
    } else {
        answer
    }
}

fn part<'s>(samples: &'s [Sample], window: &Window) -> &'s [Sample] {
    let from = samples.partition_point(|sample| sample.0 < window.start);
    let to = samples.partition_point(|sample| sample.0 < window.stop);
    &samples[from..to.max(from)]
}

/// The windows of a question; none where it asks for the whole range.
fn windows(question: &Question) -> Option<Vec<Window>> {
    let range = question.range;
    let (every, period) = match question.ask {
        Ask::Windows { every, .. } => (every, every),
        Ask::Sliding { every, period, .. } => (every, period),
        _ => return None,
    };
    let label = match question.ask {
        Ask::Windows { label, .. } => label,
        _ => Label::Stop,
    };
    let is_sliding = matches!(question.ask, Ask::Sliding { .. });
    let mut begin = range.start - range.start.rem_euclid(every.max(1));
    let mut windows = Vec::new();
    while begin < range.stop {
        let (start, stop) = (begin.max(range.start), (begin + period).min(range.stop));
        let is_cut = start != begin || stop != begin + period;
        if !(is_sliding && is_cut) {
            let label = match label {
                Label::Start => start,
                Label::Stop => stop,
            };
            windows.push(Window { start, stop, label });
        }
        begin += every.max(1);
    }
    Some(windows)
}

/// The points of each group together, in order of time.
fn grouped(question: &Question, rows: Answer) -> Answer {
    let Group::By(tags) = &question.group else {
        return rows;
    };
    let mut groups: BTreeMap<_, Vec<Point>> = BTreeMap::new();
    for series in rows.series {
        let key = (series.field.clone(), projected(&series.labels, tags));
        groups.entry(key).or_default().extend(series.points);
    }
    let series = groups.into_iter().map(|((field, labels), mut points)| {
        points.sort_by_key(|point| point.time);
        Series {
            field,
            statistic: None,
            labels,
            points,
        }
    });
    Answer {
        series: series.collect(),
    }
}

/// The values of each group's series, added.
fn added(question: &Question, answer: Answer) -> Answer {
    let Group::By(tags) = &question.group else {
        return answer;
    };
    let mut groups: BTreeMap<_, BTreeMap<Option<i64>, f64>> = BTreeMap::new();
    for series in answer.series {
        let labels = projected(&series.labels, tags);
        let sums = groups
            .entry((series.field, labels, series.statistic))
            .or_default();
        for point in series.points {
            *sums.entry(point.time).or_default() += point.value.as_f64().unwrap_or(0.0);
        }
    }
    let series = groups
        .into_iter()
        .map(|((field, labels, statistic), sums)| {
            let point = |(time, sum)| Point {
                time,
                value: Value::Float(sum),
            };
            Series {
                field,
                statistic,
                labels,
                points: sums.into_iter().map(point).collect(),
            }
        });
    Answer {
        series: series.collect(),
    }
}

fn projected(labels: &BTreeMap<String, String>, tags: &[String]) -> BTreeMap<String, String> {
    let kept = labels.iter().filter(|(name, _)| tags.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
