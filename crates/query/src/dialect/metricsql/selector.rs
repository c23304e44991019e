//! Selectors: measurement and field are one name, the bucket is a label.

use super::TEXT_LIMIT;
use crate::quoted::quoted;
use crate::{Condition, Matcher, Question, Selection, flux_text};

/// The label that holds the bucket: the write's `extra_label`.
pub const BUCKET_LABEL: &str = "bucket";

/// What a query needs besides its selectors, and how often it names them at most.
const REST: usize = 1_024;
const REPEATED: usize = 3;

/// The question in parts whose texts VictoriaMetrics takes.
pub(super) fn parts(question: &Question) -> Vec<Question> {
    let limit = (TEXT_LIMIT - REST) / REPEATED;
    let mut parts: Vec<Question> = Vec::new();
    let mut used = 0;
    for selection in question
        .selections
        .iter()
        .flat_map(|it| halves(question, it, limit))
    {
        let size = conditions(question, &selection).len();
        match parts.last_mut() {
            Some(last) if used + size <= limit => {
                used += size;
                last.selections.push(selection);
            }
            _ => {
                used = size;
                parts.push(Question {
                    selections: vec![selection],
                    ..question.clone()
                });
            }
        }
    }
    if parts.is_empty() {
        parts.push(question.clone());
    }
    parts
}

/// A selection that is too long because of the values it lists, in selections that list fewer.
fn halves(question: &Question, selection: &Selection, limit: usize) -> Vec<Selection> {
    let longest = selection
        .matchers
        .iter()
        .enumerate()
        .filter_map(|(at, matcher)| match &matcher.condition {
            Condition::OneOf(values) if values.len() > 1 => Some((values.len(), at)),
            _ => None,
        });
    let Some((count, at)) = longest.max() else {
        return vec![selection.clone()];
    };
    if conditions(question, selection).len() <= limit {
        return vec![selection.clone()];
    }
    let Condition::OneOf(values) = &selection.matchers[at].condition else {
        return vec![selection.clone()];
    };
    let half = |values: &[String]| {
        let mut selection = selection.clone();
        let tag = selection.matchers[at].tag.clone();
        selection.matchers[at] = Matcher::one_of(tag, values.to_vec());
        halves(question, &selection, limit)
    };
    [half(&values[..count / 2]), half(&values[count / 2..])].concat()
}

/// The selector of a question's points.
pub(super) fn text(question: &Question) -> String {
    let mut any: Vec<String> = Vec::new();
    for selection in &question.selections {
        let text = conditions(question, selection);
        if !any.contains(&text) {
            any.push(text);
        }
    }
    if any.is_empty() {
        any.push(conditions(question, &Selection::default()));
    }
    format!("{{{}}}", any.join(" or "))
}

fn conditions(question: &Question, selection: &Selection) -> String {
    let metric = |field: &String| format!("{}_{field}", question.measurement);
    let name = match &selection.fields[..] {
        [] => format!(
            "__name__=~{}",
            quoted(&format!(
                "{}_.+",
                flux_text::regex_quoted(&question.measurement)
            ))
        ),
        [field] => format!("__name__={}", quoted(&metric(field))),
        fields => {
            let names: Vec<String> = fields.iter().map(metric).collect();
            format!("__name__=~{}", one_of(&names))
        }
    };
    let bucket = format!("{BUCKET_LABEL}={}", quoted(&question.bucket));
    let matchers = selection.matchers.iter().map(matcher);
    let all: Vec<String> = [name, bucket].into_iter().chain(matchers).collect();
    all.join(",")
}

/// A matcher: an absent label is the empty text here, too.
fn matcher(matcher: &Matcher) -> String {
    let tag = label(&matcher.tag);
    match &matcher.condition {
        Condition::Equal(value) => format!("{tag}={}", quoted(value)),
        Condition::NotEqual(value) => format!("{tag}!={}", quoted(value)),
        Condition::Regex(pattern) => format!("{tag}=~{}", quoted(pattern)),
        Condition::NotRegex(pattern) => format!("{tag}!~{}", quoted(pattern)),
        // No value is a million characters of nothing.
        Condition::OneOf(values) if values.is_empty() => format!("{tag}=~\"a^\""),
        Condition::OneOf(values) => format!("{tag}=~{}", one_of(values)),
    }
}

fn one_of(values: &[String]) -> String {
    // A slash needs no backslash outside of Flux.
    let literal = values
        .iter()
        .map(|value| flux_text::regex_quoted(value).replace("\\/", "/"));
    quoted(&literal.collect::<Vec<_>>().join("|"))
}

/// A label's name; what is no letter or digit stands behind a backslash.
pub(super) fn label(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, character) in name.chars().enumerate() {
        let plain = character.is_ascii_alphabetic()
            || character == '_'
            || (at > 0 && character.is_ascii_digit());
        if !plain {
            text.push('\\');
        }
        text.push(character);
    }
    text
}
