//! JSON rows, as InfluxDB 3 answers SQL: NULL is left out, times have no zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use watchpost_core::csv::Value;
use watchpost_core::time::parse_rfc3339;

use super::ReadError;
use crate::dialect::sql::{Query, Schema, needs_points};
use crate::{Answer, Ask, Group, Label, Point, Question, Series, Statistic, samples};

const EXPECTED: &str = "JSON as InfluxDB 3 answers";

/// A series while its rows come: by field, statistic, which value of a line, and labels.
type Key = (Arc<str>, Option<Statistic>, BTreeMap<String, String>);

/// Reads the answers to a question's queries, one after the other.
#[derive(Debug)]
pub struct Reader<'q> {
    question: &'q Question,
    /// What the rows are about; the points of the question where it is computed of them.
    rows_of: Question,
    tags: Vec<String>,
    found: BTreeMap<Key, Vec<Point>>,
    /// In the order of the rows.
    order: Vec<Key>,
    limit: usize,
    points: usize,
}

impl<'q> Reader<'q> {
    /// A reader of at most `limit` points.
    pub fn new(question: &'q Question, schema: &Schema, limit: usize) -> Reader<'q> {
        let rows_of = match needs_points(question) {
            true => question.points(),
            false => question.clone(),
        };
        let tags = match &rows_of.group {
            Group::By(tags) => tags.clone(),
            Group::Series => schema.tags.clone(),
        };
        Reader {
            question,
            rows_of,
            tags,
            found: BTreeMap::new(),
            order: Vec::new(),
            limit,
            points: 0,
        }
    }

    /// Takes the body of a query's answer.
    ///
    /// # Errors
    /// It is not JSON of this form, or there are too many points. A failure while the server computes cuts
    /// the body, which then is no JSON.
    pub fn take(&mut self, query: &Query, body: &[u8]) -> Result<(), ReadError> {
        let rows: Vec<Map<String, Json>> =
            serde_json::from_slice(body).map_err(|error| ReadError::form(EXPECTED, error, body))?;
        let field: Arc<str> = Arc::from(query.field.as_str());
        for row in rows {
            self.points += 1;
            if self.points > self.limit {
                return Err(ReadError::TooMany { limit: self.limit });
            }
            self.add(&field, &row);
        }
        Ok(())
    }

    fn add(&mut self, field: &Arc<str>, row: &Map<String, Json>) {
        let labels: BTreeMap<String, String> = self
            .tags
            .iter()
            .filter_map(|tag| Some((tag.clone(), row.get(tag)?.as_str()?.to_owned())))
            .collect();
        if self.rows_of.ask == Ask::Line {
            for name in ["slope", "at_stop"] {
                if let Some(value) = row.get(name).and_then(Json::as_f64) {
                    let mut labels = labels.clone();
                    labels.insert("line".to_owned(), name.to_owned());
                    self.put((Arc::clone(field), None, labels), None, Value::Float(value));
                }
            }
            return;
        }
        let statistics = self.rows_of.statistics().to_vec();
        if statistics.is_empty() {
            let time = row.get("_time").and_then(time);
            if let Some(value) = row.get("_value").map(value) {
                self.put((Arc::clone(field), None, labels), time, value);
            }
            return;
        }
        let time = row.get("_bin").and_then(time).map(|bin| self.label(bin));
        for how in statistics {
            let column = format!("_{}", how.name());
            if let Some(value) = row.get(&column).map(value).filter(|value| !value.is_null()) {
                self.put((Arc::clone(field), Some(how), labels.clone()), time, value);
            }
        }
    }

    fn put(&mut self, key: Key, time: Option<i64>, value: Value) {
        let points = self.found.entry(key.clone()).or_insert_with(|| {
            self.order.push(key);
            Vec::new()
        });
        points.push(Point { time, value });
    }

    /// A window's label, by its start.
    fn label(&self, bin: i64) -> i64 {
        let range = self.rows_of.range;
        match self.rows_of.ask {
            Ask::Windows {
                every,
                label: Label::Stop,
                ..
            } => bin.saturating_add(every).min(range.stop),
            _ => bin.max(range.start),
        }
    }

    /// The answer that all of them make.
    pub fn finish(mut self) -> Answer {
        if let Ask::TagValues { .. } = self.rows_of.ask {
            let points = self.found.into_values().flatten();
            let names: Vec<Arc<str>> = points
                .filter_map(|point| match point.value {
                    Value::String(name) => Some(name),
                    _ => None,
                })
                .collect();
            return super::named(names.iter().map(|name| &**name));
        }
        let mut series = Vec::new();
        for key in std::mem::take(&mut self.order) {
            let Some(mut points) = self.found.remove(&key) else {
                continue;
            };
            points.sort_by_key(|point| point.time);
            let (field, statistic, labels) = key;
            series.push(Series {
                field,
                statistic,
                labels,
                points,
            });
        }
        let answer = Answer { series };
        let answer = match needs_points(self.question) {
            true => samples::answer(self.question, answer),
            false => answer,
        };
        self.question.trimmed(answer)
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(whole)) => Value::Unsigned(whole),
            _ => number.as_f64().map_or(Value::Null, Value::Float),
        },
        // NaN and the infinities, too.
        _ => Value::Null,
    }
}

fn time(json: &Json) -> Option<i64> {
    parse_rfc3339(&format!("{}Z", json.as_str()?)).ok()
}
