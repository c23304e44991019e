//! What a `SELECT` must be, before any data is looked at: as in InfluxDB the numbers and kinds of arguments, and which
//! functions may stand together.

use watchpost_core::point::FieldValue;
use watchpost_flux::value::window::Location;

use super::calls::{Fields, wrong_count};
use crate::influxql::QueryError;
use crate::influxql::ast::{Expression, Fill, Select, SelectColumn, Source};
use crate::influxql::condition::{Times, split};
use crate::influxql::eval::{is_math, math_arguments};
use crate::influxql::reduce::{Clock, time_literal};

/// `time(every, offset)`, nanoseconds; no windows: zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Interval {
    /// From the start of one to the start of the next.
    pub(super) every: i64,
    /// Moves the grid.
    pub(super) offset: i64,
}

/// A statement that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    /// The statement; its literals are computed, its time is no column of its own.
    pub(super) select: Select,
    /// What the time's column is called.
    pub(super) time: String,
    /// The condition without times.
    pub(super) condition: Option<Expression>,
    /// The times that the condition names.
    pub(super) times: Times,
    /// Its own windows.
    pub(super) interval: Interval,
    /// Whether no column has a function.
    pub(super) is_raw: bool,
    /// Its subqueries, at the places of their sources.
    pub(super) subqueries: Vec<Option<Compiled>>,
}

/// What a statement takes over from the one around it.
struct Outer {
    interval: Interval,
    descending: bool,
}

/// Looks at a statement.
///
/// # Errors
/// The first thing that is wrong with it.
pub(super) fn compile(select: &Select, now: i64) -> Result<Compiled, QueryError> {
    compiled(select, now, None)
}

fn compiled(select: &Select, now: i64, outer: Option<&Outer>) -> Result<Compiled, QueryError> {
    let mut select = select.clone();
    let zone = select.zone.clone().unwrap_or_default();
    let clock = Clock {
        now: Some(now),
        zone: zone.clone(),
    };
    let (condition, times) = split(select.condition.as_ref(), &clock)?;
    if let Some(condition) = &condition {
        check_condition(condition)?;
    }
    let interval = dimensions(&mut select, now, &zone)?;
    if let (Some(outer), Some(descending)) = (outer, select.order)
        && descending != outer.descending
    {
        return Err(QueryError::new(
            "subqueries must be ordered in the same direction as the query itself",
        ));
    }
    let inherited = outer
        .map(|outer| outer.interval)
        .filter(|_| interval.every == 0);
    let is_inherited = inherited.is_some_and(|interval| interval.every != 0);
    let mut fields = Fields::new(inherited.unwrap_or(interval), is_inherited, select.limit);
    let time = columns(&mut select, &mut fields)?;
    fields.check(&select)?;
    let own = Outer {
        interval: fields.interval,
        descending: outer.map_or(select.order == Some(true), |outer| outer.descending),
    };
    let mut subqueries = Vec::new();
    for source in &select.sources {
        subqueries.push(match source {
            Source::Subquery(inner) => Some(compiled(inner, now, Some(&own))?),
            _ => None,
        });
    }
    let is_raw = fields.calls == 0 && !has_call(&select);
    Ok(Compiled {
        select,
        time,
        condition,
        times,
        interval,
        is_raw,
        subqueries,
    })
}

/// Whether a column has any function, of numbers also.
fn has_call(select: &Select) -> bool {
    let mut found = false;
    for column in &select.columns {
        let mut visit = |part: &Expression| found |= matches!(part, Expression::Call(..));
        column.value.walk(&mut visit);
    }
    found
}

/// Computes what is literal in the columns, takes the time out of them, and looks at each; what the time is called.
fn columns(select: &mut Select, fields: &mut Fields) -> Result<String, QueryError> {
    let clock = Clock::still();
    let mut time = "time".to_owned();
    let mut kept = Vec::new();
    for column in std::mem::take(&mut select.columns) {
        if matches!(&column.value, Expression::Reference(name, _) if name == "time") {
            time = column.alias.unwrap_or(time);
            continue;
        }
        let mut value = match clock.reduced(&column.value) {
            Expression::Parentheses(inner) => *inner,
            other => other,
        };
        fields.column(&value)?;
        value.walk_mut(&mut |part| {
            if let Expression::Distinct(name) = part {
                let field = Expression::Reference(std::mem::take(name), Default::default());
                *part = Expression::Call("distinct".to_owned(), vec![field]);
            }
        });
        kept.push(SelectColumn {
            value,
            alias: column.alias,
        });
    }
    select.columns = kept;
    Ok(time)
}

/// Conditions know functions of numbers alone.
fn check_condition(condition: &Expression) -> Result<(), QueryError> {
    let mut refused = None;
    condition.walk(&mut |part| {
        if let Expression::Call(name, arguments) = part {
            let expected = match name.as_str() {
                "log" => 1,
                name => math_arguments(name),
            };
            if !is_math(name) {
                refused = refused
                    .take()
                    .or_else(|| Some(format!("invalid function call in condition: {part}")));
            } else if arguments.len() != expected {
                refused = refused
                    .take()
                    .or_else(|| Some(wrong_count(name, expected, arguments.len())));
            }
        }
    });
    refused.map_or(Ok(()), |message| Err(QueryError::new(message)))
}

/// The windows of GROUP BY.
fn dimensions(select: &mut Select, now: i64, zone: &Location) -> Result<Interval, QueryError> {
    let mut interval = Interval::default();
    let clock = Clock::still();
    let refused = |message: &str| Err(QueryError::new(message));
    for dimension in &mut select.dimensions {
        let reduced = match clock.reduced(dimension) {
            Expression::Parentheses(inner) => *inner,
            other => other,
        };
        match &reduced {
            Expression::Reference(name, _) if name.eq_ignore_ascii_case("time") => {
                return refused("time() is a function and expects at least one argument");
            }
            Expression::Reference(..) | Expression::Wildcard(_) | Expression::Pattern(_) => {}
            Expression::Call(name, arguments) if name == "time" => {
                if interval.every != 0 {
                    return refused("multiple time dimensions not allowed");
                }
                interval = window(arguments, now, zone)?;
            }
            Expression::Call(..) => return refused("only time() calls allowed in dimensions"),
            _ => return refused("only time and tag dimensions allowed"),
        }
        *dimension = reduced;
    }
    Ok(interval)
}

fn window(arguments: &[Expression], now: i64, zone: &Location) -> Result<Interval, QueryError> {
    let refused = |message: &str| Err(QueryError::new(message));
    if arguments.is_empty() || arguments.len() > 2 {
        return refused("time dimension expected 1 or 2 arguments");
    }
    let Expression::Duration(every) = arguments[0] else {
        return refused("time dimension must have duration argument");
    };
    let every = every.max(0);
    // InfluxDB counts windows from the year 1, which for these is the same as from 1970 but for weeks.
    const FROM_YEAR_1: i64 = 62_135_596_800;
    let truncated = |time: i64| match every {
        0 => 0,
        every => {
            let zero = (i128::from(FROM_YEAR_1) * 1_000_000_000 + i128::from(time))
                .rem_euclid(i128::from(every));
            zero as i64
        }
    };
    let offset = match arguments.get(1) {
        None => 0,
        Some(Expression::Duration(offset)) => offset.checked_rem(every).unwrap_or(0),
        Some(Expression::Call(name, inner)) if name == "now" && inner.is_empty() => truncated(now),
        Some(Expression::Call(name, _)) if name == "now" => {
            return refused("time dimension offset now() function requires no arguments");
        }
        Some(Expression::Call(..)) => {
            return refused("time dimension offset function must be now()");
        }
        Some(Expression::Text(text)) => match time_literal(text, zone) {
            Some(time) => truncated(time),
            None => return refused("time dimension offset must be duration or now()"),
        },
        Some(_) => return refused("time dimension offset must be duration or now()"),
    };
    Ok(Interval { every, offset })
}

/// A fill's number as a float, where the column has no type of its own.
pub(super) fn fill_value(fill: &Fill) -> Option<FieldValue> {
    match fill {
        Fill::Number(value) => Some(value.clone()),
        _ => None,
    }
}
