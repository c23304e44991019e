//! What Grafana's Flux data source does: it fills in variables before it asks, and makes frames of
//! the tables that come back, of which each kind of panel wants a certain shape.

use std::collections::BTreeMap;

use regex::{Captures, Regex};
use watchpost_core::csv::{DataType, Table};
use watchpost_core::time;

/// What is chosen, by the name of the variable.
pub(super) type Selection = BTreeMap<String, Vec<String>>;

/// The choice of everything, which becomes the variable's own pattern `.*`.
pub(super) const ALL: &str = "$__all";

const SECOND: i64 = 1_000_000_000;
/// Grafana asks for about as many points as a panel has pixels.
const POINTS: i64 = 1_000;

/// The time that a dashboard shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    start: i64,
    stop: i64,
}

impl Range {
    /// `from` is `now-6h`, as a dashboard says it.
    pub(super) fn ending(now: i64, from: &str) -> Range {
        let length: watchpost_service::config::Interval =
            from.strip_prefix("now-").unwrap().parse().unwrap();
        Range {
            start: now - i64::try_from(length.get().as_nanos()).unwrap(),
            stop: now,
        }
    }

    /// Seconds between two points, at least one.
    fn interval(self) -> i64 {
        ((self.stop - self.start) / POINTS / SECOND).max(1)
    }
}

/// The text that is sent for a query.
///
/// # Panics
/// If it names a variable that has no value.
pub(super) fn interpolate(query: &str, selection: &Selection, range: &Range) -> String {
    let variable = Regex::new(r"\$\{(\w+)(?::(\w+))?\}").unwrap();
    let text = variable.replace_all(query, |found: &Captures<'_>| {
        let values = selection.get(&found[1]);
        let values = values.unwrap_or_else(|| panic!("no variable {}", &found[1]));
        format_values(values, found.get(2).map(|it| it.as_str()))
    });
    let text = text
        .replace("v.timeRangeStart", &time::format_rfc3339(range.start))
        .replace("v.timeRangeStop", &time::format_rfc3339(range.stop))
        .replace("v.windowPeriod", &go_duration(range.interval()))
        .replace("$__interval_ms", &(range.interval() * 1_000).to_string())
        .replace("$__interval", &format!("{}s", range.interval()));
    let left = Regex::new(r"\$\{|\$__|\bv\.[a-z]").unwrap();
    assert!(!left.is_match(&text), "something is not filled in:\n{text}");
    text
}

fn format_values(values: &[String], format: Option<&str>) -> String {
    match (values, format) {
        ([one], _) if one == ALL => ".*".to_owned(),
        ([one], None) => one.clone(),
        ([one], Some("regex")) => escape(one),
        (many, Some("regex")) => {
            let all: Vec<String> = many.iter().map(|it| escape(it)).collect();
            format!("({})", all.join("|"))
        }
        _ => panic!("{values:?} as {format:?}: Flux has no place for it"),
    }
}

fn escape(value: &str) -> String {
    let special = |it: char| r"\^$*+?.()|[]{}/".contains(it);
    let one = |it| match special(it) {
        true => format!("\\{it}"),
        false => it.to_string(),
    };
    value.chars().map(one).collect()
}

/// As Go writes it: `10s`, `1m0s`, `1h0m0s`.
fn go_duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// What became of the tables of an answer: of each, its columns beside the group key, which becomes
/// labels.
pub(super) struct Shape {
    rows: usize,
    tables: Vec<Vec<(String, DataType)>>,
}

impl Shape {
    pub(super) fn of(tables: &[Table]) -> Shape {
        let filled = tables.iter().filter(|it| !it.is_empty());
        let columns = |table: &Table| {
            let data = table.columns.iter().filter(|it| !it.group);
            data.map(|it| (it.label.clone(), it.data_type)).collect()
        };
        Shape {
            rows: tables.iter().map(Table::row_count).sum(),
            tables: filled.map(columns).collect(),
        }
    }

    /// Whether a kind of panel can draw it.
    pub(super) fn fits(&self, kind: &str) -> Result<(), String> {
        if self.rows == 0 {
            return Err("no data".to_owned());
        }
        for columns in &self.tables {
            let named = |wanted: &str| columns.iter().any(|(name, _)| name == wanted);
            let is_time = |it: &&(String, DataType)| it.1 == DataType::Time;
            let others = || columns.iter().filter(|it| !is_time(it));
            let fits = match kind {
                // Only then is the value named by its field, and the time the one axis.
                "timeseries" => is_simple(columns) && others().all(|it| is_number(it.1)),
                "state-timeline" => is_simple(columns),
                // Rows of one table: several would be shown one at a time.
                "table" => self.tables.len() == 1,
                "annotation" => {
                    self.tables.len() == 1 && named("_time") && named("title") && named("text")
                }
                // One value a table.
                _ => columns.iter().filter(is_time).count() <= 1 && others().count() == 1,
            };
            if !fits {
                return Err(format!("a {kind} cannot draw {columns:?}"));
            }
        }
        Ok(())
    }
}

/// One time and one value: the columns `_time` and `_value` and no further.
fn is_simple(columns: &[(String, DataType)]) -> bool {
    let mut names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names == ["_time", "_value"]
}

fn is_number(of: DataType) -> bool {
    matches!(
        of,
        DataType::Double | DataType::Long | DataType::UnsignedLong
    )
}
