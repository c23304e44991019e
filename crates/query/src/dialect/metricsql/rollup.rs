//! The functions over a selector's points.

use super::{PART_LABEL, duration, selector};
use crate::quoted::quoted;
use crate::{Group, Question, Selection, Statistic};

/// The text that gives a statistic of the last `length` milliseconds; one for each field where points are
/// merged, since what merges loses the name.
pub(super) fn each(
    question: &Question,
    statistic: Statistic,
    length: i64,
) -> Vec<(Option<String>, String)> {
    let Group::By(tags) = &question.group else {
        return vec![(None, of_series(question, statistic, length))];
    };
    let by: Vec<String> = tags.iter().map(|tag| selector::label(tag)).collect();
    let by = by.join(",");
    fields(question)
        .into_iter()
        .map(|(field, question)| {
            let text = of_group(&question, statistic, length, &by);
            (Some(field), text)
        })
        .collect()
}

/// The question's fields, each with the question about it alone.
fn fields(question: &Question) -> Vec<(String, Question)> {
    let mut found: Vec<(String, Question)> = Vec::new();
    for selection in &question.selections {
        for field in &selection.fields {
            let own = Selection {
                fields: vec![field.clone()],
                matchers: selection.matchers.clone(),
            };
            match found.iter_mut().find(|(name, _)| name == field) {
                Some((_, known)) => known.selections.push(own),
                None => {
                    let selections = vec![own];
                    let question = Question {
                        selections,
                        ..question.clone()
                    };
                    found.push((field.clone(), question));
                }
            }
        }
    }
    found
}

fn over_time(question: &Question, function: &str, length: i64) -> String {
    let window = format!("{}[{}]", selector::text(question), duration(length));
    format!("{function}({window}) keep_metric_names")
}

fn of_series(question: &Question, statistic: Statistic, length: i64) -> String {
    let window = || format!("{}[{}]", selector::text(question), duration(length));
    let simple = |function: &str| over_time(question, function, length);
    let quantile = |q: &str| format!("quantile_over_time({q}, {}) keep_metric_names", window());
    match statistic {
        Statistic::Mean => simple("avg_over_time"),
        Statistic::Min => simple("min_over_time"),
        Statistic::Max => simple("max_over_time"),
        Statistic::Sum => simple("sum_over_time"),
        Statistic::Count => simple("count_over_time"),
        Statistic::First => simple("first_over_time"),
        Statistic::Last => simple("last_over_time"),
        Statistic::P95 => quantile("0.95"),
        Statistic::Median => quantile("0.5"),
        Statistic::MedianDeviation => simple("mad_over_time"),
        // Rates are made of points. One point has risen by nothing, and has no answer.
        Statistic::Increase | Statistic::Rate => parts(&[
            ("value", simple("increase_prometheus")),
            ("count", simple("count_over_time")),
        ]),
        // Of n, where n - 1 is asked for.
        Statistic::Deviation => parts(&[
            ("value", simple("stddev_over_time")),
            ("count", simple("count_over_time")),
        ]),
    }
}

fn of_group(question: &Question, statistic: Statistic, length: i64, by: &str) -> String {
    let added = |aggregate: &str, function: &str| {
        let window = format!("{}[{}]", selector::text(question), duration(length));
        format!("{aggregate}({function}({window})) by ({by})")
    };
    match statistic {
        Statistic::Min => added("min", "min_over_time"),
        Statistic::Max => added("max", "max_over_time"),
        Statistic::Sum => added("sum", "sum_over_time"),
        Statistic::Count => added("sum", "count_over_time"),
        // Of all points, not of the means of series that have more or fewer. What else there is was
        // made of points.
        _ => format!(
            "{} / {}",
            added("sum", "sum_over_time"),
            added("sum", "count_over_time")
        ),
    }
}

/// One point a series, `last` or `first`: its value and its time.
pub(super) fn point(question: &Question, length: i64, which: &str) -> String {
    parts(&[
        (
            "value",
            over_time(question, &format!("{which}_over_time"), length),
        ),
        (
            "time",
            over_time(question, &format!("t{which}_over_time"), length),
        ),
    ])
}

/// The least-squares line. Evaluated a millisecond before the stop, it is drawn on to it.
pub(super) fn line(question: &Question, length: i64) -> String {
    let window = format!("{}[{}]", selector::text(question), duration(length));
    parts(&[
        ("slope", over_time(question, "deriv", length)),
        (
            "at_stop",
            format!("predict_linear({window}, 0.001) keep_metric_names"),
        ),
        ("count", over_time(question, "count_over_time", length)),
    ])
}

/// Several texts in one request, told apart by a label.
fn parts(texts: &[(&str, String)]) -> String {
    let named = texts.iter().map(|(name, text)| {
        let label = quoted(PART_LABEL);
        format!("label_set({text}, {label}, {})", quoted(name))
    });
    format!("union({})", named.collect::<Vec<_>>().join(", "))
}

pub(super) fn names(question: &Question, length: i64, tag: &str) -> String {
    let window = format!("{}[{}]", selector::text(question), duration(length));
    format!(
        "count(count_over_time({window})) by ({})",
        selector::label(tag)
    )
}
