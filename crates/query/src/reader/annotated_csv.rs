//! Annotated CSV, as InfluxDB 2 answers Flux.

use std::collections::BTreeMap;
use std::sync::Arc;

use watchpost_core::csv::{DataType, Row, Table, Value};

use crate::dialect::flux;
use crate::{Answer, Ask, Group, Point, Question, Series, Statistic, samples};

/// The answer that the tables of a question's query are.
pub fn read(question: &Question, tables: &[Table]) -> Answer {
    if flux::needs_points(question) {
        let rows = read_tables(&question.points(), tables);
        return question.trimmed(samples::answer(question, rows));
    }
    question.trimmed(read_tables(question, tables))
}

fn read_tables(question: &Question, tables: &[Table]) -> Answer {
    if let Ask::TagValues { .. } = question.ask {
        return names(tables);
    }
    let mut series = Vec::new();
    for table in tables {
        // `max`, `last` and their like keep the time of the point that they select.
        let is_whole = matches!(question.ask, Ask::Values(_) | Ask::Top { .. });
        let tags = tags(question, table);
        let statistic = statistic(question, table);
        let mut last: Option<Series> = None;
        for row in table.rows() {
            if question.ask == Ask::Line {
                series.extend(line(row, &tags));
                continue;
            }
            // The deviation of one point is no number.
            let no_number = |value: &Value| {
                let is_nan = value.as_f64().is_some_and(f64::is_nan);
                statistic == Some(Statistic::Deviation) && is_nan
            };
            let is_value = |value: &&Value| !value.is_null() && !no_number(value);
            let Some(value) = row.get("_value").filter(is_value) else {
                continue;
            };
            let point = Point {
                time: row.time("_time").filter(|_| !is_whole),
                value: value.clone(),
            };
            match &mut last {
                // Tags are in the group key: the rows of a table share them, unless someone regrouped.
                Some(known) if is_of(known, row, &tags) => known.points.push(point),
                _ => {
                    series.extend(last.take());
                    last = Some(Series {
                        field: field(row),
                        statistic,
                        labels: labels(row, &tags),
                        points: vec![point],
                    });
                }
            }
        }
        series.extend(last);
    }
    Answer { series }
}

/// Of one result, the question's only statistic; of several, the one that the result is named after.
fn statistic(question: &Question, table: &Table) -> Option<Statistic> {
    match question.statistics() {
        [only] => Some(*only),
        _ => Statistic::from_name(&table.result),
    }
}

fn field(row: Row<'_>) -> Arc<str> {
    match row.get("_field") {
        Some(Value::String(field)) => Arc::clone(field),
        _ => Arc::from(""),
    }
}

fn labels(row: Row<'_>, tags: &[String]) -> BTreeMap<String, String> {
    let label = |tag: &String| Some((tag.clone(), row.str(tag)?.to_owned()));
    tags.iter().filter_map(label).collect()
}

fn is_of(series: &Series, row: Row<'_>, tags: &[String]) -> bool {
    row.str("_field").unwrap_or("") == &*series.field
        && tags
            .iter()
            .all(|tag| row.str(tag).unwrap_or("") == series.label(tag))
}

/// The string columns that are tags: all but those that Flux makes. `max`, `min` and `last` keep the other
/// tags of the point that they select, which merged points have not.
fn tags(question: &Question, table: &Table) -> Vec<String> {
    let is_tag = |label: &str| !label.starts_with('_') && label != "result" && label != "table";
    let is_answered = |label: &str| match &question.group {
        Group::By(tags) => tags.iter().any(|tag| tag == label),
        Group::Series => true,
    };
    let columns = table.columns.iter().filter(|column| {
        column.data_type == DataType::String && is_tag(&column.label) && is_answered(&column.label)
    });
    columns.map(|column| column.label.clone()).collect()
}

/// The two values of a fitted line; none through points of one time.
fn line(row: Row<'_>, tags: &[String]) -> Vec<Series> {
    let one = |name: &str| {
        let value = row.get(name)?.clone();
        let mut labels = labels(row, tags);
        labels.insert("line".to_owned(), name.to_owned());
        value.as_f64().filter(|value| value.is_finite())?;
        Some(Series {
            field: field(row),
            statistic: None,
            labels,
            points: vec![Point { time: None, value }],
        })
    };
    ["slope", "at_stop"].into_iter().filter_map(one).collect()
}

fn names(tables: &[Table]) -> Answer {
    let rows = tables.iter().flat_map(Table::rows);
    let mut names: Vec<&str> = rows.filter_map(|row| row.str("_value")).collect();
    names.sort_unstable();
    names.dedup();
    super::named(names)
}
