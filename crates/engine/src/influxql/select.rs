//! `SELECT`: rows read from storage, grouped by tags, then listed as they are or aggregated, a window at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchpost_core::point::{FieldValue, SeriesKey};
use watchpost_storage::predicate::{Comparison, Literal, Subject};
use watchpost_storage::{Predicate, ScanRequest, TimeRange};

use super::answer::{Cell, Series};
use super::ast::{Expression, Fill, Operator, Select, SelectColumn, Source, TagChoice, Window};
use super::condition::{accepts, names, split};
use super::functions::{Point, aggregate, is_aggregate, is_selector, transform};
use super::merge::merge;
use super::{QueryError, Target};

/// The most windows of an answer: a minute's windows of 69 days.
const MAX_WINDOWS: usize = 100_000;

/// A series' rows: fields by time.
struct Rows {
    series: Arc<SeriesKey>,
    rows: BTreeMap<i64, BTreeMap<String, FieldValue>>,
}

/// Carries out a `SELECT`.
pub(super) fn run(target: &Target<'_>, select: &Select) -> Result<Vec<Series>, QueryError> {
    let (range, condition) = split(select.condition.as_ref(), target.now)?;
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let mut answer = Vec::new();
    for measurement in measurements(target, &select.sources)? {
        let rows = read(target, &measurement, range, select, condition.as_ref())?;
        let columns = expanded(select, &rows);
        for (tags, members) in grouped(select, rows) {
            let group = Group {
                select,
                columns: &columns,
                members: &members,
                range,
                now: target.now,
            };
            let rows = group.rows()?;
            if !rows.is_empty() {
                let mut labels = vec!["time".to_owned()];
                labels.extend(column_names(&columns));
                answer.push(Series {
                    name: Some(measurement.clone()),
                    tags,
                    columns: labels,
                    rows,
                });
            }
        }
    }
    let shown = answer.into_iter().skip(select.series_offset);
    Ok(shown
        .take(select.series_limit.unwrap_or(usize::MAX))
        .collect())
}

/// The measurements that sources name, those of a pattern in order of name.
pub(super) fn measurements(
    target: &Target<'_>,
    sources: &[Source],
) -> Result<Vec<String>, QueryError> {
    let mut found = Vec::new();
    for source in sources {
        match source {
            Source::Name { measurement, .. } => found.push(measurement.clone()),
            Source::Pattern(pattern) => {
                let all = target.storage.measurements(
                    target.bucket,
                    TimeRange::ALL,
                    &Predicate::default(),
                )?;
                found.extend(all.into_iter().filter(|name| pattern.is_match(name)));
            }
        }
    }
    Ok(found)
}

/// The names that the columns and the condition use; none if all fields are wanted.
fn wanted(select: &Select, condition: Option<&Expression>) -> Option<BTreeSet<String>> {
    let mut wanted = BTreeSet::new();
    for column in &select.columns {
        if !collect(&column.value, &mut wanted) {
            return None;
        }
    }
    let mut used = Vec::new();
    if let Some(condition) = condition {
        names(condition, &mut used);
    }
    wanted.extend(used.into_iter().map(str::to_owned));
    Some(wanted)
}

/// Collects the names of an expression; false if it stands for all fields.
fn collect(expression: &Expression, found: &mut BTreeSet<String>) -> bool {
    match expression {
        Expression::Reference(name) => {
            found.insert(name.clone());
            true
        }
        Expression::Wildcard | Expression::Pattern(_) => false,
        Expression::Call(_, arguments) => arguments.iter().all(|argument| collect(argument, found)),
        Expression::Binary(_, left, right) => collect(left, found) && collect(right, found),
        _ => true,
    }
}

fn read(
    target: &Target<'_>,
    measurement: &str,
    range: TimeRange,
    select: &Select,
    condition: Option<&Expression>,
) -> Result<Vec<Rows>, QueryError> {
    let equal = |subject, text: &str| {
        Predicate::Compare(subject, Comparison::Equal, Literal::String(text.into()))
    };
    let mut parts = vec![equal(Subject::Measurement, measurement)];
    if let Some(wanted) = wanted(select, condition) {
        parts.push(Predicate::Or(
            wanted
                .iter()
                .map(|name| equal(Subject::Field, name))
                .collect(),
        ));
    }
    let request = ScanRequest {
        range,
        predicate: Predicate::And(parts),
    };
    let (mut found, mut count) = (Vec::<Rows>::new(), 0);
    for batch in target.storage.scan(target.bucket, &request)? {
        let batch = batch?;
        count += batch.times.len();
        if count > target.max_rows {
            return Err(QueryError::new(format!(
                "the query reads more than {} values (--max-query-rows); narrow its time range",
                target.max_rows
            )));
        }
        if found.last().is_none_or(|last| last.series != batch.series) {
            found.push(Rows {
                series: Arc::clone(&batch.series),
                rows: BTreeMap::new(),
            });
        }
        if let Some(last) = found.last_mut() {
            for (row, time) in batch.times.iter().enumerate() {
                last.rows
                    .entry(*time)
                    .or_default()
                    .insert(batch.field.to_string(), batch.values.value(row));
            }
        }
    }
    if let Some(condition) = condition {
        for Rows { series, rows } in &mut found {
            rows.retain(|_, fields| {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.clone()))
                    .collect();
                accepts(condition, series, &fields)
            });
        }
        found.retain(|one| !one.rows.is_empty());
    }
    Ok(found)
}

/// The columns with `*` and patterns replaced by what there is.
fn expanded(select: &Select, rows: &[Rows]) -> Vec<SelectColumn> {
    let fields: BTreeSet<&String> = rows
        .iter()
        .flat_map(|one| one.rows.values())
        .flat_map(BTreeMap::keys)
        .collect();
    let grouped: &[String] = match &select.tags {
        TagChoice::Names(names) => names,
        TagChoice::All => &[],
    };
    let tags = rows
        .iter()
        .flat_map(|one| one.series.tags())
        .map(|(key, _)| key);
    let tags: BTreeSet<&String> = match select.tags {
        TagChoice::All => BTreeSet::new(),
        TagChoice::Names(_) => tags.filter(|key| !grouped.contains(key)).collect(),
    };
    let plain = |name: &String| SelectColumn {
        value: Expression::Reference(name.clone()),
        alias: None,
    };
    let mut columns = Vec::new();
    for column in &select.columns {
        match &column.value {
            Expression::Wildcard => columns.extend(fields.union(&tags).map(|name| plain(name))),
            Expression::Pattern(pattern) => {
                columns.extend(
                    fields
                        .union(&tags)
                        .filter(|name| pattern.is_match(name))
                        .map(|name| plain(name)),
                );
            }
            Expression::Call(function, arguments) => match arguments.first() {
                Some(Expression::Wildcard | Expression::Pattern(_)) => {
                    for field in &fields {
                        if matches!(arguments.first(), Some(Expression::Pattern(pattern)) if !pattern.is_match(field))
                        {
                            continue;
                        }
                        let mut arguments = arguments.clone();
                        arguments[0] = Expression::Reference((*field).clone());
                        let value = Expression::Call(function.clone(), arguments);
                        columns.push(SelectColumn {
                            value,
                            alias: Some(format!("{function}_{field}")),
                        });
                    }
                }
                _ => columns.push(column.clone()),
            },
            _ => columns.push(column.clone()),
        }
    }
    columns
}

fn column_names(columns: &[SelectColumn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let name = match (&column.alias, &column.value) {
            (Some(alias), _) => alias.clone(),
            (None, Expression::Reference(name) | Expression::Call(name, _)) => name.clone(),
            (None, expression) => spelled(expression),
        };
        let taken = names
            .iter()
            .filter(|known| **known == name || known.starts_with(&format!("{name}_")))
            .count();
        names.push(if taken == 0 {
            name
        } else {
            format!("{name}_{taken}")
        });
    }
    names
}

/// The name of an arithmetic column: its operands' names.
fn spelled(expression: &Expression) -> String {
    match expression {
        Expression::Reference(name) | Expression::Call(name, _) => name.clone(),
        Expression::Binary(_, left, right) => {
            let parts = [spelled(left), spelled(right)];
            parts
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("_")
        }
        _ => String::new(),
    }
}

type Tags = Vec<(String, String)>;

/// The series by the values of the tags that are grouped by, in order of these.
fn grouped(select: &Select, rows: Vec<Rows>) -> BTreeMap<Tags, Vec<Rows>> {
    let mut groups: BTreeMap<Tags, Vec<Rows>> = BTreeMap::new();
    for one in rows {
        let tags = match &select.tags {
            TagChoice::All => one.series.tags().to_vec(),
            TagChoice::Names(names) => {
                let value = |name: &String| {
                    (
                        name.clone(),
                        one.series.tag(name).unwrap_or_default().to_owned(),
                    )
                };
                names.iter().map(value).collect()
            }
        };
        groups.entry(tags).or_default().push(one);
    }
    groups
}

/// The rows of one group.
struct Group<'a> {
    select: &'a Select,
    columns: &'a [SelectColumn],
    members: &'a [Rows],
    range: TimeRange,
    now: i64,
}

impl Group<'_> {
    fn rows(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let has_calls = self.columns.iter().any(|column| has_call(&column.value));
        let mut rows = if has_calls {
            self.computed()?
        } else {
            self.listed()?
        };
        if has_calls && self.select.descending {
            rows.reverse();
        }
        let shown = rows.into_iter().skip(self.select.offset);
        Ok(shown
            .take(self.select.limit.unwrap_or(usize::MAX))
            .collect())
    }

    /// The rows as they are.
    fn listed(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        if self.select.window.is_some() {
            return Err(QueryError::new(
                "GROUP BY requires at least one aggregate function",
            ));
        }
        let mut kept: Vec<Vec<(i64, Vec<Cell>)>> = Vec::new();
        for Rows { series, rows } in self.members {
            let mut of_series = Vec::new();
            for (time, fields) in rows {
                let is_field = |column: &SelectColumn| uses_field(&column.value, fields);
                if !self.columns.iter().any(is_field) {
                    continue;
                }
                let cells = self
                    .columns
                    .iter()
                    .map(|column| cell(&column.value, series, fields));
                of_series.push((*time, cells.collect::<Result<Vec<_>, _>>()?));
            }
            kept.push(of_series);
        }
        let times: Vec<Vec<i64>> = kept
            .iter()
            .map(|rows| rows.iter().map(|(time, _)| *time).collect())
            .collect();
        let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        let mut order = merge(&times, self.select.descending);
        if self.columns.len() > 1 {
            // Rows of several columns come by series where their times are equal.
            order.sort_by_key(|(series, row)| (times[*series][*row], *series));
            if self.select.descending {
                order.reverse();
            }
        }
        let row = |(series, row): (usize, usize)| {
            let (time, cells) = &kept[series][row];
            let mut row = vec![Cell::Time(*time)];
            row.extend(cells.iter().cloned());
            row
        };
        Ok(order.into_iter().map(row).collect())
    }

    /// The rows that functions make.
    fn computed(&self) -> Result<Vec<Vec<Cell>>, QueryError> {
        let mut columns = Vec::new();
        for column in self.columns {
            columns.push(self.points(&column.value)?);
        }
        if columns.iter().all(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let are_plain = self.columns.iter().all(|column| is_plain(&column.value));
        let mut times: BTreeSet<i64> = columns.iter().flatten().map(|point| point.time).collect();
        if let Some(window) = self
            .select
            .window
            .filter(|_| are_plain && self.select.fill != Fill::None)
        {
            times.extend(self.windows(window, &times)?);
        }
        let times: Vec<i64> = times.into_iter().collect();
        let mut rows: Vec<Vec<Cell>> = times.iter().map(|time| vec![Cell::Time(*time)]).collect();
        for (column, points) in self.columns.iter().zip(columns) {
            // Several points of one time (top, distinct without a window) make rows of their own.
            let repeated = points.windows(2).any(|pair| pair[0].time == pair[1].time);
            if repeated && self.columns.len() == 1 {
                let row = |point: Point| vec![Cell::Time(point.time), Cell::Value(point.value)];
                return Ok(points.into_iter().map(row).collect());
            }
            let cells = self.filled(&column.value, &times, &points);
            rows.iter_mut()
                .zip(cells)
                .for_each(|(row, cell)| row.push(cell));
        }
        Ok(rows)
    }

    /// The starts of all windows of the range.
    fn windows(&self, window: Window, known: &BTreeSet<i64>) -> Result<Vec<i64>, QueryError> {
        let start = match self.range.start {
            i64::MIN => known.first().copied().unwrap_or(0),
            start => window_start(start, window),
        };
        let stop = match self.range.stop {
            i64::MAX => known.last().copied().unwrap_or(0).max(self.now),
            stop => stop,
        };
        let count = (i128::from(stop) - i128::from(start)) / i128::from(window.every);
        if count > MAX_WINDOWS as i128 {
            return Err(QueryError::new(format!(
                "the answer has {count} windows, at most {MAX_WINDOWS} are possible; widen them or narrow the range"
            )));
        }
        Ok((0..)
            .map(|turn| start.saturating_add(window.every * turn))
            .take_while(|time| *time < stop)
            .collect())
    }

    fn filled(&self, expression: &Expression, times: &[i64], points: &[Point]) -> Vec<Cell> {
        let found: BTreeMap<i64, &FieldValue> = points
            .iter()
            .map(|point| (point.time, &point.value))
            .collect();
        let is_count = matches!(expression, Expression::Call(name, _) if name == "count");
        let fill = |time: i64| match self.select.fill {
            Fill::Number(number) if is_count => Cell::Value(FieldValue::Integer(number as i64)),
            Fill::Number(number) => Cell::Value(FieldValue::Float(number)),
            Fill::Previous => match found.range(..time).next_back() {
                Some((_, value)) => Cell::Value((*value).clone()),
                None => Cell::Null,
            },
            Fill::Linear => between(&found, time),
            Fill::Null | Fill::None if is_count => Cell::Value(FieldValue::Integer(0)),
            Fill::Null | Fill::None => Cell::Null,
        };
        times
            .iter()
            .map(|time| {
                found
                    .get(time)
                    .map_or_else(|| fill(*time), |value| Cell::Value((*value).clone()))
            })
            .collect()
    }

    /// What an expression makes of the group's rows.
    fn points(&self, expression: &Expression) -> Result<Vec<Point>, QueryError> {
        match expression {
            Expression::Reference(name) => Ok(self.field(name)),
            Expression::Call(name, arguments) if is_aggregate(name) => {
                self.aggregated(name, arguments)
            }
            Expression::Call(name, arguments) => {
                let inner = self.points(argument(name, arguments)?)?;
                transform(name, &inner, second(arguments))
            }
            Expression::Binary(operator, left, right) => self.arithmetic(*operator, left, right),
            _ => Err(QueryError::new(
                "a column is a field, a function or arithmetic of these",
            )),
        }
    }

    /// A field's values of all series, in order of time.
    fn field(&self, name: &str) -> Vec<Point> {
        let lists: Vec<Vec<Point>> = self
            .members
            .iter()
            .map(|member| {
                let values = member
                    .rows
                    .iter()
                    .filter_map(|(time, fields)| Some((time, fields.get(name)?)));
                values
                    .map(|(time, value)| Point {
                        time: *time,
                        value: value.clone(),
                    })
                    .collect()
            })
            .collect();
        let times: Vec<Vec<i64>> = lists
            .iter()
            .map(|list| list.iter().map(|point| point.time).collect())
            .collect();
        let times: Vec<&[i64]> = times.iter().map(Vec::as_slice).collect();
        merge(&times, false)
            .into_iter()
            .map(|(list, row)| lists[list][row].clone())
            .collect()
    }

    fn aggregated(&self, name: &str, arguments: &[Expression]) -> Result<Vec<Point>, QueryError> {
        let of = argument(name, arguments)?;
        let (inner, is_distinct) = match of {
            Expression::Call(inner, arguments) if inner == "distinct" => {
                (argument(inner, arguments)?, true)
            }
            other => (other, false),
        };
        let points = self.points(inner)?;
        let compute = |points: &[Point]| -> Result<Vec<Point>, QueryError> {
            if is_distinct {
                return aggregate(
                    name,
                    &aggregate("distinct", points, None)?,
                    second(arguments),
                );
            }
            aggregate(name, points, second(arguments))
        };
        let Some(window) = self.select.window else {
            let keeps_time = is_selector(name) && self.columns.len() == 1;
            let start = if self.range.start == i64::MIN {
                0
            } else {
                self.range.start
            };
            let at = |point: Point| Point {
                time: if keeps_time { point.time } else { start },
                ..point
            };
            return Ok(compute(&points)?.into_iter().map(at).collect());
        };
        let mut answer = Vec::new();
        for part in
            points.chunk_by(|a, b| window_start(a.time, window) == window_start(b.time, window))
        {
            let start = window_start(part[0].time, window);
            answer.extend(compute(part)?.into_iter().map(|point| Point {
                time: start,
                ..point
            }));
        }
        Ok(answer)
    }

    fn arithmetic(
        &self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
    ) -> Result<Vec<Point>, QueryError> {
        let compute = |left: &FieldValue, right: &FieldValue| {
            Some(FieldValue::Float(calculated(
                operator,
                left.as_f64()?,
                right.as_f64()?,
            )?))
        };
        let constant = |expression: &Expression| number(expression).map(FieldValue::Float);
        let point = |time: i64, value: Option<FieldValue>| {
            Some(Point {
                time,
                value: value?,
            })
        };
        Ok(match (constant(left), constant(right)) {
            (Some(left), _) => {
                let right = self.points(right)?;
                right
                    .iter()
                    .filter_map(|right| point(right.time, compute(&left, &right.value)))
                    .collect()
            }
            (None, Some(right)) => {
                let left = self.points(left)?;
                left.iter()
                    .filter_map(|left| point(left.time, compute(&left.value, &right)))
                    .collect()
            }
            (None, None) => {
                let (left, right) = (self.points(left)?, self.points(right)?);
                let right: BTreeMap<i64, FieldValue> = right
                    .into_iter()
                    .map(|point| (point.time, point.value))
                    .collect();
                let paired =
                    |left: &Point| point(left.time, compute(&left.value, right.get(&left.time)?));
                left.iter().filter_map(paired).collect()
            }
        })
    }
}

fn window_start(time: i64, window: Window) -> i64 {
    let into = (i128::from(time) - i128::from(window.offset)).rem_euclid(i128::from(window.every));
    time.saturating_sub(into as i64)
}

/// The value on the line between the neighbours of a time.
fn between(found: &BTreeMap<i64, &FieldValue>, time: i64) -> Cell {
    let before = found
        .range(..time)
        .next_back()
        .and_then(|(time, value)| Some((*time, value.as_f64()?)));
    let after = found
        .range(time..)
        .next()
        .and_then(|(time, value)| Some((*time, value.as_f64()?)));
    match (before, after) {
        (Some((start, low)), Some((stop, high))) => {
            let share = (time - start) as f64 / (stop - start) as f64;
            Cell::Value(FieldValue::Float(low + (high - low) * share))
        }
        _ => Cell::Null,
    }
}

fn has_call(expression: &Expression) -> bool {
    match expression {
        Expression::Call(..) => true,
        Expression::Binary(_, left, right) => has_call(left) || has_call(right),
        _ => false,
    }
}

/// Whether an expression has a value for each window: an aggregate, or arithmetic of aggregates.
fn is_plain(expression: &Expression) -> bool {
    match expression {
        Expression::Call(name, _) => is_aggregate(name),
        Expression::Binary(_, left, right) => {
            (is_plain(left) || number(left).is_some())
                && (is_plain(right) || number(right).is_some())
        }
        _ => false,
    }
}

fn uses_field(expression: &Expression, fields: &BTreeMap<String, FieldValue>) -> bool {
    match expression {
        Expression::Reference(name) => fields.contains_key(name),
        Expression::Binary(_, left, right) => uses_field(left, fields) || uses_field(right, fields),
        _ => false,
    }
}

fn cell(
    expression: &Expression,
    series: &SeriesKey,
    fields: &BTreeMap<String, FieldValue>,
) -> Result<Cell, QueryError> {
    Ok(match expression {
        Expression::Reference(name) => match (fields.get(name), series.tag(name)) {
            (Some(value), _) => Cell::Value(value.clone()),
            (None, Some(tag)) => Cell::text(tag),
            (None, None) => Cell::Null,
        },
        Expression::Binary(operator, left, right) => {
            let of = |expression: &Expression| match cell(expression, series, fields) {
                Ok(Cell::Value(value)) => value.as_f64(),
                _ => None,
            };
            let value = of(left)
                .zip(of(right))
                .and_then(|(left, right)| calculated(*operator, left, right));
            value.map_or(Cell::Null, |value| Cell::Value(FieldValue::Float(value)))
        }
        other => match number(other) {
            Some(number) => Cell::Value(FieldValue::Float(number)),
            None => {
                return Err(QueryError::new(
                    "a column is a field, a function or arithmetic of these",
                ));
            }
        },
    })
}

fn calculated(operator: Operator, left: f64, right: f64) -> Option<f64> {
    Some(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        // As InfluxDB does.
        Operator::Divide | Operator::Modulo if right == 0.0 => 0.0,
        Operator::Divide => left / right,
        Operator::Modulo => left % right,
        _ => return None,
    })
}

fn number(expression: &Expression) -> Option<f64> {
    match expression {
        Expression::Integer(number) => Some(*number as f64),
        Expression::Number(number) => Some(*number),
        Expression::Duration(length) => Some(*length as f64),
        _ => None,
    }
}

fn argument<'e>(name: &str, arguments: &'e [Expression]) -> Result<&'e Expression, QueryError> {
    let first = arguments.first();
    first.ok_or_else(|| {
        QueryError::new(format!(
            "invalid number of arguments for {name}, expected at least 1, got 0"
        ))
    })
}

fn second(arguments: &[Expression]) -> Option<f64> {
    arguments.get(1).and_then(number)
}
