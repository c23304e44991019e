//! Results as the JSON that version 1 writes, member by member as InfluxDB does.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use watchpost_core::point::FieldValue;
use watchpost_flux::value::window::Location;

use super::QueryError;
use super::answer::{Cell, Epoch, Series};
use crate::clock::rfc3339;

/// A document: results side by side, or a line of a chunked answer.
pub struct Document<'a> {
    /// Of statements, or a part of one.
    pub results: Vec<StatementResult<'a>>,
    /// How times are written.
    pub epoch: Epoch,
}

/// What came of a statement, or a part of it.
pub struct StatementResult<'a> {
    /// Its place in the request.
    pub number: usize,
    /// What it answers.
    pub answer: Result<Vec<Part<'a>>, &'a QueryError>,
    /// Whether another part follows.
    pub is_partial: bool,
}

/// A series, or some of its rows.
pub struct Part<'a> {
    /// What the rows are of.
    pub series: &'a Series,
    /// The rows.
    pub rows: &'a [Vec<Cell>],
    /// Whether more of the series follow.
    pub is_partial: bool,
}

impl<'a> StatementResult<'a> {
    /// All of it.
    pub fn whole(number: usize, answer: &'a Result<Vec<Series>, QueryError>) -> Self {
        let part = |series: &'a Series| Part {
            series,
            rows: &series.rows,
            is_partial: false,
        };
        Self {
            number,
            answer: answer
                .as_ref()
                .map(|series| series.iter().map(part).collect()),
            is_partial: false,
        }
    }

    /// In parts of at most so many rows, each of one series; all but the last of a series, and of the statement, say that
    /// there is more.
    pub fn parts(
        number: usize,
        answer: &'a Result<Vec<Series>, QueryError>,
        rows: usize,
    ) -> Vec<Self> {
        let series = match answer {
            Ok(series) if !series.is_empty() => series,
            _ => return vec![Self::whole(number, answer)],
        };
        let mut parts: Vec<Self> = Vec::new();
        for series in series {
            let mut chunks = series.rows.chunks(rows.max(1)).peekable();
            while let Some(chunk) = chunks.next() {
                let part = Part {
                    series,
                    rows: chunk,
                    is_partial: chunks.peek().is_some(),
                };
                parts.push(Self {
                    number,
                    answer: Ok(vec![part]),
                    is_partial: true,
                });
            }
        }
        if let Some(last) = parts.last_mut() {
            last.is_partial = false;
        }
        parts
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.results.is_empty() {
            map.serialize_entry("results", &Results(self))?;
        }
        map.end()
    }
}

struct Results<'a>(&'a Document<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Document { results, epoch } = self.0;
        let results = results.iter().map(|result| OfStatement(result, *epoch));
        serializer.collect_seq(results)
    }
}

struct OfStatement<'a>(&'a StatementResult<'a>, Epoch);

impl Serialize for OfStatement<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(result, epoch) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("statement_id", &result.number)?;
        match &result.answer {
            Ok(parts) if parts.is_empty() => {}
            Ok(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| OfSeries(part, *epoch)).collect();
                map.serialize_entry("series", &parts)?;
            }
            Err(error) => map.serialize_entry("error", &error.to_string())?,
        }
        if result.is_partial {
            map.serialize_entry("partial", &true)?;
        }
        map.end()
    }
}

struct OfSeries<'a>(&'a Part<'a>, Epoch);

impl Serialize for OfSeries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(part, epoch) = self;
        let series = part.series;
        let mut map = serializer.serialize_map(None)?;
        if let Some(name) = &series.name {
            map.serialize_entry("name", name)?;
        }
        if !series.tags.is_empty() {
            map.serialize_entry("tags", &Tags(&series.tags))?;
        }
        map.serialize_entry("columns", &series.columns)?;
        map.serialize_entry("values", &Rows(part, *epoch))?;
        if part.is_partial {
            map.serialize_entry("partial", &true)?;
        }
        map.end()
    }
}

struct Tags<'a>(&'a [(String, String)]);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

struct Rows<'a>(&'a Part<'a>, Epoch);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(part, epoch) = self;
        let zone = &part.series.zone;
        serializer.collect_seq(part.rows.iter().map(|row| Row(row, *epoch, zone)))
    }
}

struct Row<'a>(&'a [Cell], Epoch, &'a Location);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(cells, epoch, zone) = self;
        let mut row = serializer.serialize_seq(Some(cells.len()))?;
        for cell in *cells {
            match (cell, epoch) {
                (Cell::Null, _) => row.serialize_element(&())?,
                (Cell::Time(time), Epoch::Text) => {
                    row.serialize_element(&local_time(*time, zone))?;
                }
                (Cell::Time(time), Epoch::Unit(unit)) => {
                    row.serialize_element(&time.div_euclid(*unit))?;
                }
                (Cell::Value(value), _) => match value {
                    FieldValue::Float(number) => match whole(*number) {
                        Some(number) => row.serialize_element(&number)?,
                        // What JSON cannot hold is null.
                        None => row.serialize_element(number)?,
                    },
                    FieldValue::Integer(number) => row.serialize_element(number)?,
                    FieldValue::Unsigned(number) => row.serialize_element(number)?,
                    FieldValue::String(text) => row.serialize_element(text)?,
                    FieldValue::Boolean(truth) => row.serialize_element(truth)?,
                },
            }
        }
        row.end()
    }
}

/// A float that is written without `.0`, as Go does.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// RFC 3339 with the offset of a zone.
fn local_time(time: i64, zone: &Location) -> String {
    let local = zone.to_local(time);
    let minutes = (local - time) / 60_000_000_000;
    if minutes == 0 {
        return rfc3339(time);
    }
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
    let clock = rfc3339(local);
    let clock = clock.trim_end_matches('Z');
    format!("{clock}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}
