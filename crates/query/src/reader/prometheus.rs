//! The JSON of Prometheus' API, as VictoriaMetrics answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use watchpost_core::csv::Value;

use super::ReadError;
use crate::dialect::metricsql::{
    BUCKET_LABEL, PART_LABEL, Reading, Request, nanoseconds, needs_points,
};
use crate::{Answer, Ask, Point, Question, Series, Statistic, samples};

const EXPECTED: &str = "JSON as VictoriaMetrics answers";

#[derive(Deserialize)]
struct Body {
    status: String,
    #[serde(default, rename = "isPartial")]
    is_partial: bool,
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// A series while its parts come together: by field, statistic and labels.
type Key = (Arc<str>, Option<Statistic>, BTreeMap<String, String>);

/// Reads the answers to a question's requests, one after the other.
#[derive(Debug)]
pub struct Reader<'q> {
    question: &'q Question,
    /// The values of each time, by the name of their part.
    found: BTreeMap<Key, BTreeMap<i64, BTreeMap<String, f64>>>,
    limit: usize,
    points: usize,
}

/// The time of a value of the whole range.
const WHOLE: i64 = i64::MIN;

impl<'q> Reader<'q> {
    /// A reader of at most `limit` points.
    pub fn new(question: &'q Question, limit: usize) -> Reader<'q> {
        Reader {
            question,
            found: BTreeMap::new(),
            limit,
            points: 0,
        }
    }

    /// Takes the body of a request's answer.
    ///
    /// # Errors
    /// It is not JSON of this form, says that it is partial or failed, or there are too many points.
    pub fn take(&mut self, request: &Request, body: &[u8]) -> Result<(), ReadError> {
        let read: Body =
            serde_json::from_slice(body).map_err(|error| ReadError::form(EXPECTED, error, body))?;
        if read.status != "success" {
            let error = read.error.unwrap_or(read.status);
            return Err(ReadError::Failed(error));
        }
        if read.is_partial {
            return Err(ReadError::Partial);
        }
        let items = read.data.map(|data| data.result).unwrap_or_default();
        for item in items {
            self.points += item.values.len() + usize::from(item.value.is_some());
            if self.points > self.limit {
                return Err(ReadError::TooMany { limit: self.limit });
            }
            self.add(request, item);
        }
        Ok(())
    }

    fn add(&mut self, request: &Request, item: Item) {
        let mut metric = item.metric;
        let part = metric
            .remove(PART_LABEL)
            .unwrap_or_else(|| "value".to_owned());
        let name = metric.remove("__name__");
        metric.remove(BUCKET_LABEL);
        let (field, statistic) = match &request.reading {
            Reading::Values {
                field, statistic, ..
            }
            | Reading::Steps {
                field, statistic, ..
            } => (field.clone(), Some(*statistic)),
            _ => (None, None),
        };
        let field = field.or_else(|| name.map(|name| self.field(&name)));
        let put = |values: &mut BTreeMap<i64, BTreeMap<String, f64>>, time, value: &str| {
            if let Ok(value) = value.parse::<f64>() {
                values.entry(time).or_default().insert(part.clone(), value);
            }
        };
        let key = (Arc::from(field.unwrap_or_default()), statistic, metric);
        let values = self.found.entry(key).or_default();
        match &request.reading {
            Reading::Values { label, .. } => {
                if let Some((_, value)) = item.value {
                    put(values, label.unwrap_or(WHOLE), &value);
                }
            }
            Reading::Steps { shift, .. } => {
                for (time, value) in item.values {
                    put(values, nanoseconds(time) + shift, &value);
                }
            }
            Reading::Points => {
                for (time, value) in item.values {
                    take_larger(values, nanoseconds(time), &value);
                }
            }
            Reading::Point | Reading::PointOfEach | Reading::Line | Reading::Names(_) => {
                for (time, value) in item.value.into_iter().chain(item.values) {
                    put(values, nanoseconds(time), &value);
                }
            }
        }
    }

    fn field(&self, name: &str) -> String {
        let own = name.strip_prefix(&self.question.measurement);
        own.and_then(|rest| rest.strip_prefix('_'))
            .unwrap_or(name)
            .to_owned()
    }

    /// The answer that all of them make.
    pub fn finish(self) -> Answer {
        let question = self.question;
        if let Ask::TagValues { tag } = &question.ask {
            let values = self
                .found
                .into_keys()
                .filter_map(|(_, _, mut labels)| labels.remove(tag));
            let mut values: Vec<String> = values.filter(|value| !value.is_empty()).collect();
            values.sort_unstable();
            return super::named(values.iter().map(String::as_str));
        }
        let limit = match question.ask {
            Ask::Rows { limit } => limit,
            _ => None,
        };
        let mut series = Vec::new();
        for ((field, statistic, labels), values) in self.found {
            if question.ask == Ask::Line {
                series.extend(line(&field, &labels, values));
                continue;
            }
            let points = values
                .into_iter()
                .filter_map(|(time, parts)| point(statistic, time, &parts));
            let mut points: Vec<Point> = points.collect();
            points.sort_by_key(|point| point.time);
            points.truncate(limit.unwrap_or(usize::MAX));
            if !points.is_empty() {
                series.push(Series {
                    field,
                    statistic,
                    labels,
                    points,
                });
            }
        }
        let answer = Answer { series };
        let answer = match question.ask {
            _ if needs_points(question) => samples::answer(question, answer),
            Ask::Top { count, .. } => greatest(answer, count),
            _ => answer,
        };
        question.trimmed(answer)
    }
}

/// A point that was sent twice is one; of two values of one time the larger stays, as it does where the
/// server removes duplicates.
fn take_larger(values: &mut BTreeMap<i64, BTreeMap<String, f64>>, time: i64, value: &str) {
    if let Ok(value) = value.parse::<f64>() {
        let known = values
            .entry(time)
            .or_default()
            .entry("value".to_owned())
            .or_insert(value);
        *known = known.max(value);
    }
}

/// The point that the parts of one time make.
fn point(statistic: Option<Statistic>, time: i64, parts: &BTreeMap<String, f64>) -> Option<Point> {
    let value = parts.get("value").copied();
    let count = parts.get("count").copied();
    let value = match (statistic, count) {
        (Some(Statistic::Deviation), Some(count)) => {
            Some(value? * (count / (count - 1.0)).sqrt()).filter(|value| !value.is_nan())
        }
        (Some(Statistic::Increase), Some(_)) => value.or(Some(0.0)),
        _ => value,
    }?;
    let own = parts.get("time").map(|seconds| nanoseconds(*seconds));
    Some(Point {
        time: own.or(Some(time)).filter(|time| *time != WHOLE),
        value: Value::Float(value),
    })
}

/// One point makes no line, whatever it is asked for.
fn line(
    field: &Arc<str>,
    labels: &BTreeMap<String, String>,
    values: BTreeMap<i64, BTreeMap<String, f64>>,
) -> Vec<Series> {
    let Some(parts) = values.into_values().next() else {
        return Vec::new();
    };
    let is_line = parts.get("count").is_some_and(|count| *count >= 2.0);
    let one = |name: &str| {
        let value = parts.get(name).copied().filter(|_| is_line)?;
        let mut labels = labels.clone();
        labels.insert("line".to_owned(), name.to_owned());
        Some(Series {
            field: Arc::clone(field),
            statistic: None,
            labels,
            points: vec![Point {
                time: None,
                value: Value::Float(value),
            }],
        })
    };
    ["slope", "at_stop"].into_iter().filter_map(one).collect()
}

/// The greatest first; `topk` gives them in no order.
fn greatest(mut answer: Answer, count: usize) -> Answer {
    let value = |series: &Series| series.number().unwrap_or(f64::NEG_INFINITY);
    answer.series.sort_by(|a, b| value(b).total_cmp(&value(a)));
    answer.series.truncate(count);
    answer
}

/// What an error answer says: Prometheus' JSON, or the text of whatever else it is.
pub fn error_message(body: &[u8]) -> Option<String> {
    let read: Body = serde_json::from_slice(body).ok()?;
    read.error
}
