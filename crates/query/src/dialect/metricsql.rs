//! MetricsQL: the requests that a question is for VictoriaMetrics.
//!
//! A window there is (t − d, t] and times are milliseconds: evaluated one before the end, it holds the
//! points of [start, end). Each request asks for exactly that (`nocache=1`, else 50 points or more are moved
//! to multiples of the step, and the newest 30 s are not seen) and refuses to be answered in part.

mod rollup;
mod selector;

use std::fmt;

use watchpost_core::time::{NANOS_PER_MILLI, NANOS_PER_SECOND};

use super::Unsupported;
use crate::{Ask, Group, Label, Question, Statistic};

pub use self::selector::BUCKET_LABEL;

/// Longest text of a query. VictoriaMetrics refuses more than 16 KiB.
const TEXT_LIMIT: usize = 15 * 1024;
/// Most points that one request asks of a series. VictoriaMetrics refuses more than 30,000.
const POINTS_LIMIT: i64 = 10_000;
/// Names the parts of a request that asks for two things of a series.
pub(crate) const PART_LABEL: &str = "watchpost_part";

/// One request: its path below the address for reading, and its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub path: &'static str,
    pub parameters: Vec<(&'static str, String)>,
    pub(crate) reading: Reading,
}

/// For people: what is asked, and of when.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |wanted: &str| {
            let found = self.parameters.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let (text, step) = (value("query").unwrap_or_default(), value("step"));
        match (value("time"), value("start"), value("end")) {
            (None, Some(start), Some(end)) => {
                let step = step.unwrap_or_default();
                write!(f, "{text} from {start} to {end} every {step}")
            }
            (time, ..) => write!(f, "{text} at {}", time.unwrap_or_default()),
        }
    }
}

/// What a request's answer is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// One value a series; of the window with this label, if it is one's.
    Values {
        field: Option<String>,
        statistic: Statistic,
        label: Option<i64>,
    },
    /// Values at steps: a window's label is the time of evaluation and `shift`, in nanoseconds.
    Steps {
        field: Option<String>,
        statistic: Statistic,
        shift: i64,
    },
    /// Time (in seconds) and value of one point a series, as two series of a part each.
    Point,
    /// The same, of each window.
    PointOfEach,
    /// Slope and value at the stop.
    Line,
    /// Points as they are.
    Points,
    /// The values of a tag, one a series.
    Names(String),
}

/// The requests of a question, in the order in which [`reader::prometheus`](crate::reader::prometheus)
/// takes their answers.
///
/// # Errors
/// A window is shorter than a millisecond.
pub fn requests(question: &Question) -> Result<Vec<Request>, Unsupported> {
    let (start, stop) = question.range.in_milliseconds();
    if start >= stop {
        return Ok(Vec::new());
    }
    let every = match question.ask {
        Ask::Windows { every, .. } | Ask::Sliding { every, .. } | Ask::NewestOfEach { every } => {
            every
        }
        _ => NANOS_PER_MILLI,
    };
    if every < NANOS_PER_MILLI || every % NANOS_PER_MILLI != 0 {
        return Err(Unsupported {
            language: "MetricsQL",
            reason: format!("windows of {every} ns; write whole milliseconds"),
        });
    }
    let mut requests = Vec::new();
    for part in selector::parts(question) {
        requests.extend(of_part(&part, start, stop));
    }
    Ok(requests)
}

/// Whether a question is answered from the points themselves.
pub(crate) fn needs_points(question: &Question) -> bool {
    let is_grouped = question.group != Group::Series;
    question.statistics().iter().any(|how| match how {
        Statistic::Rate => true,
        Statistic::Mean | Statistic::Min | Statistic::Max | Statistic::Sum | Statistic::Count => {
            false
        }
        _ => is_grouped,
    })
}

/// The requests of a part whose text is short enough.
fn of_part(question: &Question, start: i64, stop: i64) -> Vec<Request> {
    let whole = |text: String, reading| vec![at(stop - 1, text, reading)];
    let length = stop - start;
    if needs_points(question) {
        let text = format!("{}[{}]", selector::text(question), duration(length));
        return whole(text, Reading::Points);
    }
    match &question.ask {
        Ask::Values(_) => values(question, length, None)
            .into_iter()
            .map(|(text, reading)| at(stop - 1, text, reading))
            .collect(),
        Ask::Top { statistic, count } => rollup::each(question, *statistic, length)
            .into_iter()
            .map(|(field, text)| {
                let reading = Reading::Values {
                    field,
                    statistic: *statistic,
                    label: None,
                };
                at(stop - 1, format!("topk({count}, {text})"), reading)
            })
            .collect(),
        Ask::Newest => whole(rollup::point(question, length, "last"), Reading::Point),
        Ask::Oldest => whole(rollup::point(question, length, "first"), Reading::Point),
        Ask::Line => whole(rollup::line(question, length), Reading::Line),
        Ask::Rows { .. } => {
            let text = format!("{}[{}]", selector::text(question), duration(length));
            whole(text, Reading::Points)
        }
        Ask::TagValues { tag } => whole(
            rollup::names(question, length, tag),
            Reading::Names(tag.clone()),
        ),
        Ask::NewestOfEach { every } => {
            newest_of_each(question, every / NANOS_PER_MILLI, (start, stop))
        }
        Ask::Windows { every, label, .. } => {
            windows(question, every / NANOS_PER_MILLI, *label, (start, stop))
        }
        Ask::Sliding { every, period, .. } => {
            let (every, period) = (every / NANOS_PER_MILLI, period / NANOS_PER_MILLI);
            let first = start.div_euclid(every) * every;
            let first = if first < start { first + every } else { first };
            values_at_steps(
                question,
                period,
                (first + period - 1, stop - 1),
                every,
                NANOS_PER_MILLI,
            )
        }
    }
}

/// Each statistic's text over the last `length` milliseconds, and how its values are read.
fn values(question: &Question, length: i64, label: Option<i64>) -> Vec<(String, Reading)> {
    let of = |statistic: &Statistic| {
        let statistic = *statistic;
        let texts = rollup::each(question, statistic, length).into_iter();
        let read = move |(field, text)| {
            let reading = Reading::Values {
                field,
                statistic,
                label,
            };
            (text, reading)
        };
        texts.map(read).collect::<Vec<_>>()
    };
    question.statistics().iter().flat_map(of).collect()
}

/// Windows on the clock. One that an end of the range cuts is asked for by itself, and so is the newest: an
/// instant query shows it, a range query may not yet.
fn windows(
    question: &Question,
    every: i64,
    label: Label,
    (start, stop): (i64, i64),
) -> Vec<Request> {
    let named = |begin: i64, end: i64| match label {
        Label::Start => begin.max(start) * NANOS_PER_MILLI,
        Label::Stop => end.min(stop) * NANOS_PER_MILLI,
    };
    let alone = |begin: i64| {
        let end = begin + every;
        let (from, to) = (begin.max(start), end.min(stop));
        values(question, to - from, Some(named(begin, end)))
            .into_iter()
            .map(move |(text, reading)| at(to - 1, text, reading))
            .collect::<Vec<_>>()
    };
    let first = start.div_euclid(every) * every;
    let last = (stop - 1).div_euclid(every) * every;
    let mut requests = Vec::new();
    // The first whole window that is not the newest.
    let begin = if first < start { first + every } else { first };
    if first < start && first < last {
        requests.extend(alone(first));
    }
    if begin < last {
        let shift = match label {
            Label::Start => NANOS_PER_MILLI - every * NANOS_PER_MILLI,
            Label::Stop => NANOS_PER_MILLI,
        };
        let ends = (begin + every - 1, last - 1);
        requests.extend(values_at_steps(question, every, ends, every, shift));
    }
    requests.extend(alone(last));
    requests
}

/// Each statistic of the last `length` milliseconds, evaluated at steps from the first to the last time.
fn values_at_steps(
    question: &Question,
    length: i64,
    (first, last): (i64, i64),
    step: i64,
    shift: i64,
) -> Vec<Request> {
    let mut requests = Vec::new();
    for statistic in question.statistics() {
        for (field, text) in rollup::each(question, *statistic, length) {
            let reading = Reading::Steps {
                field,
                statistic: *statistic,
                shift,
            };
            requests.extend(steps(&text, (first, last), step, &reading));
        }
    }
    requests
}

fn newest_of_each(question: &Question, every: i64, (start, stop): (i64, i64)) -> Vec<Request> {
    let first = start.div_euclid(every) * every;
    let last = (stop - 1).div_euclid(every) * every;
    let alone = |begin: i64| {
        let (from, to) = (begin.max(start), (begin + every).min(stop));
        let text = rollup::point(question, to - from, "last");
        at(to - 1, text, Reading::Point)
    };
    let mut requests = Vec::new();
    let begin = if first < start { first + every } else { first };
    if first < start && first < last {
        requests.push(alone(first));
    }
    if begin < last {
        let text = rollup::point(question, every, "last");
        let ends = (begin + every - 1, last - 1);
        requests.extend(steps(&text, ends, every, &Reading::PointOfEach));
    }
    requests.push(alone(last));
    requests
}

/// An instant query at a time in milliseconds.
fn at(time: i64, text: String, reading: Reading) -> Request {
    let parameters = vec![
        ("query", text),
        ("time", seconds(time)),
        ("nocache", "1".to_owned()),
        ("deny_partial_response", "1".to_owned()),
    ];
    Request {
        path: "api/v1/query",
        parameters,
        reading,
    }
}

/// Range queries of at most [`POINTS_LIMIT`] points.
fn steps(text: &str, (first, last): (i64, i64), step: i64, reading: &Reading) -> Vec<Request> {
    let mut requests = Vec::new();
    let mut from = first;
    while from <= last {
        let to = last.min(from + (POINTS_LIMIT - 1) * step);
        let parameters = vec![
            ("query", text.to_owned()),
            ("start", seconds(from)),
            ("end", seconds(to)),
            ("step", duration(step)),
            ("nocache", "1".to_owned()),
            // Zero is refused.
            ("latency_offset", "1ms".to_owned()),
            ("deny_partial_response", "1".to_owned()),
        ];
        requests.push(Request {
            path: "api/v1/query_range",
            parameters,
            reading: reading.clone(),
        });
        from = to + step;
    }
    requests
}

/// Milliseconds as seconds since 1970.
fn seconds(time: i64) -> String {
    format!("{}.{:03}", time.div_euclid(1000), time.rem_euclid(1000))
}

/// A length in milliseconds, in the largest unit that holds it whole.
pub(crate) fn duration(length: i64) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
        (1, "ms"),
    ];
    let unit = UNITS.iter().find(|(unit, _)| length % unit == 0);
    let (unit, name) = unit.unwrap_or(&UNITS[4]);
    format!("{}{name}", length / unit)
}

/// Seconds as VictoriaMetrics writes them, in nanoseconds; to the millisecond, which is all it keeps.
pub(crate) fn nanoseconds(seconds: f64) -> i64 {
    let milliseconds = (seconds * 1e3).round() as i64;
    milliseconds.saturating_mul(NANOS_PER_SECOND / 1000)
}
