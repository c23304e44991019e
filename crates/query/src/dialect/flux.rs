//! Flux: one query a question.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Ask, Condition, Group, Label, Matcher, Question, Selection, Statistic, flux_text};

/// Whether a question is answered from the points themselves: Flux has no deviation from the median.
pub(crate) fn needs_points(question: &Question) -> bool {
    let statistics = question.statistics();
    statistics.contains(&Statistic::MedianDeviation)
}

/// The text of a question.
pub fn text(question: &Question) -> String {
    if needs_points(question) {
        return text(&question.points());
    }
    let (from, steps) = (source(question), steps(question));
    let [Branch { name: None, steps }] = &steps[..] else {
        let data = format!("data = {}", from.join(PIPE));
        let branch = |branch: &Branch| {
            let name = branch.name.unwrap_or("_result");
            let named = format!("yield(name: {})", flux_text::string(name));
            let lines = branch
                .steps
                .iter()
                .cloned()
                .chain([columns(question), named]);
            let lines: Vec<String> = std::iter::once("data".to_owned()).chain(lines).collect();
            lines.join(PIPE)
        };
        let branches: Vec<String> = steps.iter().map(branch).collect();
        return format!("{data}\n\n{}", branches.join("\n\n"));
    };
    let lines: Vec<String> = from
        .into_iter()
        .chain(steps.iter().cloned())
        .chain([columns(question)])
        .collect();
    lines.join(PIPE)
}

const PIPE: &str = "\n  |> ";

/// The steps of one result; several results have names.
struct Branch {
    name: Option<&'static str>,
    steps: Vec<String>,
}

fn source(question: &Question) -> Vec<String> {
    vec![
        format!("from(bucket: {})", flux_text::string(&question.bucket)),
        format!(
            "range(start: {}, stop: {})",
            flux_text::time(question.range.start),
            flux_text::time(question.range.stop)
        ),
        format!("filter(fn: (r) => {})", predicate(question)),
    ]
}

/// The columns that remain.
fn columns(question: &Question) -> String {
    if let Ask::TagValues { .. } = question.ask {
        return "sort()".to_owned();
    }
    let Some(tags) = &question.tags else {
        return "drop(columns: [\"_start\", \"_stop\", \"_measurement\"])".to_owned();
    };
    let values: &[&str] = match question.ask {
        Ask::Line => &["slope", "at_stop", "_field"],
        _ => &["_time", "_value", "_field"],
    };
    let names = values
        .iter()
        .copied()
        .chain(tags.iter().map(String::as_str));
    format!("keep(columns: {})", flux_text::strings(names))
}

/// What is computed of the selected points, and how they are merged. Rates are made of each series
/// and then added; anything else is made of the merged points.
fn steps(question: &Question) -> Vec<Branch> {
    let statistics = question.statistics();
    if statistics.len() > 1 {
        let branch = |how: &Statistic| Branch {
            name: Some(how.name()),
            steps: grouped(question, *how, computed(question, *how)),
        };
        return statistics.iter().map(branch).collect();
    }
    let how = statistics.first().copied().unwrap_or(Statistic::Last);
    vec![Branch {
        name: None,
        steps: grouped(question, how, computed(question, how)),
    }]
}

fn computed(question: &Question, how: Statistic) -> Vec<String> {
    match &question.ask {
        Ask::Values(_) => value(how),
        Ask::Newest => vec!["last()".to_owned()],
        Ask::Oldest => vec!["first()".to_owned()],
        Ask::NewestOfEach { every } => {
            let window = format!("window(every: {})", duration(*every));
            vec![window, "last()".to_owned()]
        }
        Ask::Windows { every, label, .. } => vec![windows(*every, None, how, *label)],
        Ask::Sliding { every, period, .. } => {
            vec![windows(*every, Some(*period), how, Label::Stop)]
        }
        Ask::Line => line(question),
        Ask::Rows { limit } => limit.iter().map(|n| format!("limit(n: {n})")).collect(),
        Ask::TagValues { tag } => {
            let tag = flux_text::string(tag);
            vec![
                "first()".to_owned(),
                // Of one column that is in the group key alone, InfluxDB 2.7 panics.
                format!("keep(columns: [\"_time\", {tag}])"),
                "group()".to_owned(),
                format!("distinct(column: {tag})"),
            ]
        }
        Ask::Top { count, .. } => {
            let first = [
                "group()".to_owned(),
                "sort(columns: [\"_value\"], desc: true)".to_owned(),
                format!("limit(n: {count})"),
            ];
            value(how).into_iter().chain(first).collect()
        }
    }
}

fn grouped(question: &Question, how: Statistic, computed: Vec<String>) -> Vec<String> {
    let Group::By(tags) = &question.group else {
        return computed;
    };
    let group = |fields: &[&str]| {
        let names = fields
            .iter()
            .copied()
            .chain(tags.iter().map(String::as_str));
        format!("group(columns: {})", flux_text::strings(names))
    };
    let sum = || "sum()".to_owned();
    match (how, &question.ask) {
        (Statistic::Rate, Ask::Values(_)) => [computed, vec![group(&["_field"]), sum()]].concat(),
        (Statistic::Rate, _) => [computed, vec![group(&["_field", "_time"]), sum()]].concat(),
        _ => [vec![group(&["_field"])], computed].concat(),
    }
}

/// Interpolated between the two nearest values; the default (a t-digest) only estimates.
const EXACT: &str = "method: \"exact_mean\"";

/// The calls that make one value of a table.
fn value(how: Statistic) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match how {
        Statistic::P95 => vec![format!("quantile(q: 0.95, {EXACT})")],
        Statistic::Median => vec![format!("quantile(q: 0.5, {EXACT})")],
        Statistic::Deviation => one("stddev()"),
        Statistic::Increase => vec!["increase()".to_owned(), "last()".to_owned()],
        Statistic::Rate => vec![
            "derivative(unit: 1s, nonNegative: true)".to_owned(),
            "mean()".to_owned(),
        ],
        other => vec![format!("{}()", other.name())],
    }
}

/// What one value of a window is made by.
fn function(how: Statistic) -> String {
    let quantile = |q: &str| {
        format!("(column, tables=<-) => tables |> quantile(q: {q}, {EXACT}, column: column)")
    };
    match how {
        Statistic::P95 => quantile("0.95"),
        Statistic::Median => quantile("0.5"),
        Statistic::Deviation => "stddev".to_owned(),
        Statistic::Increase => "(column, tables=<-) => tables |> increase(columns: [column]) |> last(column: column)".to_owned(),
        Statistic::Rate => "(column, tables=<-) => tables |> derivative(unit: 1s, nonNegative: true, columns: [column]) |> mean(column: column)".to_owned(),
        other => other.name().to_owned(),
    }
}

fn windows(every: i64, period: Option<i64>, how: Statistic, label: Label) -> String {
    let period = period.map_or(String::new(), |period| {
        format!(" period: {},", duration(period))
    });
    let label = match label {
        Label::Start => ", timeSrc: \"_start\"",
        Label::Stop => "",
    };
    format!(
        "aggregateWindow(every: {},{period} fn: {}, createEmpty: false{label})",
        duration(every),
        function(how)
    )
}

/// Least squares, with the range's stop as the origin: the intercept is the value there.
fn line(question: &Question) -> Vec<String> {
    let stop = flux_text::time(question.range.stop);
    vec![
        "toFloat()".to_owned(),
        format!(
            "map(fn: (r) => ({{r with x: float(v: int(v: r._time) - int(v: {stop})) / 1000000000.0}}))"
        ),
        "reduce(identity: {n: 0.0, sx: 0.0, sy: 0.0, sxx: 0.0, sxy: 0.0}, fn: (r, accumulator) => ({n: accumulator.n + 1.0, sx: accumulator.sx + r.x, sy: accumulator.sy + r._value, sxx: accumulator.sxx + r.x * r.x, sxy: accumulator.sxy + r.x * r._value}))".to_owned(),
        "map(fn: (r) => ({r with slope: (r.n * r.sxy - r.sx * r.sy) / (r.n * r.sxx - r.sx * r.sx)}))".to_owned(),
        "map(fn: (r) => ({r with at_stop: (r.sy - r.slope * r.sx) / r.n}))".to_owned(),
        "drop(columns: [\"n\", \"sx\", \"sy\", \"sxx\", \"sxy\"])".to_owned(),
    ]
}

fn duration(length: i64) -> String {
    flux_text::duration(Duration::from_nanos(length.unsigned_abs()))
}

/// Measurement, and any of the selections. Equal ones are written once.
fn predicate(question: &Question) -> String {
    let selections: BTreeSet<String> = question.selections.iter().map(selection).collect();
    let measurement = flux_text::equals("_measurement", &question.measurement);
    let mut selections: Vec<String> = selections.into_iter().collect();
    match selections.pop() {
        None => measurement,
        Some(only) if selections.is_empty() && only.is_empty() => measurement,
        Some(only) if selections.is_empty() => format!("{measurement} and {only}"),
        last => {
            selections.extend(last);
            let any = selections
                .into_iter()
                .map(|selection| match selection.is_empty() {
                    true => "true".to_owned(),
                    false => format!("({selection})"),
                })
                .collect::<Vec<_>>();
            format!("{measurement} and ({})", any.join(" or "))
        }
    }
}

fn selection(selection: &Selection) -> String {
    let field = match &selection.fields[..] {
        [] => None,
        [field] => Some(flux_text::equals("_field", field)),
        fields => Some(flux_text::one_of("_field", fields)),
    };
    let conditions = selection.matchers.iter().map(condition);
    field
        .into_iter()
        .chain(conditions)
        .collect::<Vec<_>>()
        .join(" and ")
}

/// A matcher in Flux, where a comparison with an absent tag is null.
fn condition(matcher: &Matcher) -> String {
    let tag = format!("r[{}]", flux_text::string(&matcher.tag));
    let comparison = match &matcher.condition {
        Condition::Equal(value) if value.is_empty() => return format!("not exists {tag}"),
        Condition::NotEqual(value) if value.is_empty() => return format!("exists {tag}"),
        Condition::Equal(value) => format!("{tag} == {}", flux_text::string(value)),
        Condition::NotEqual(value) => format!("{tag} != {}", flux_text::string(value)),
        Condition::Regex(pattern) => format!("{tag} =~ {}", regex(pattern)),
        Condition::NotRegex(pattern) => format!("{tag} !~ {}", regex(pattern)),
        Condition::OneOf(values) => {
            let written = values.iter().filter(|value| !value.is_empty());
            flux_text::one_of(&matcher.tag, written)
        }
    };
    if matcher.matches_absent() {
        format!("(not exists {tag} or {comparison})")
    } else {
        comparison
    }
}

fn regex(value: &str) -> String {
    format!("/^(?:{})$/", value.replace('/', "\\/").replace('\n', "\\n"))
}
