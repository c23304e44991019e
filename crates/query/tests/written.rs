//! Questions as case files write them: a line for each part, `name: value`.

use watchpost_core::duration::Duration;
use watchpost_core::time::parse_rfc3339;
use watchpost_query::{Ask, Condition, Label, Matcher, Question, Range, Statistic};

/// Reads a question. `select: FIELD,FIELD where TAG=VALUE and …` may stand more than once.
pub(crate) fn question(text: &str) -> Question {
    let line = |name: &str| {
        let prefix = format!("{name}: ");
        text.lines().find_map(|line| line.strip_prefix(&prefix))
    };
    let ask = ask(&line);
    let (start, stop) = line("range").unwrap().split_once(" to ").unwrap();
    let range = Range::new(parse_rfc3339(start).unwrap(), parse_rfc3339(stop).unwrap());
    let measurement = line("measurement").unwrap_or("system_metrics");
    let mut question = Question::new(line("bucket").unwrap_or("w"), measurement, range, ask);
    for selection in text
        .lines()
        .filter_map(|line| line.strip_prefix("select: "))
    {
        let (fields, conditions) = selection.split_once(" where ").unwrap_or((selection, ""));
        let matchers = conditions
            .split(" and ")
            .filter(|text| !text.is_empty())
            .map(matcher);
        let fields = fields.split(',').filter(|field| *field != "*");
        question = question.select(fields, matchers.collect());
    }
    if let Some(tags) = line("by") {
        question = question.group_by(tags.split(','));
    }
    if let Some(tags) = line("tags") {
        question = question.with_tags(tags.split(','));
    }
    question
}

fn ask<'t>(line: &impl Fn(&str) -> Option<&'t str>) -> Ask {
    let length = |name: &str| {
        let length: Duration = line(name).unwrap().parse().unwrap();
        length.fixed_nanos().unwrap()
    };
    let statistics = |text: &str| -> Vec<Statistic> {
        let names = text.split(',').map(str::trim);
        names
            .map(|name| Statistic::from_name(name).unwrap())
            .collect()
    };
    let asked = line("ask").unwrap();
    let (kind, rest) = asked.split_once(' ').unwrap_or((asked, ""));
    match kind {
        "values" => Ask::Values(statistics(rest)),
        "newest" => Ask::Newest,
        "oldest" => Ask::Oldest,
        "newest_of_each" => Ask::NewestOfEach {
            every: length("every"),
        },
        "windows" => Ask::Windows {
            every: length("every"),
            statistics: statistics(rest),
            label: match line("label") {
                Some("start") => Label::Start,
                _ => Label::Stop,
            },
        },
        "sliding" => Ask::Sliding {
            every: length("every"),
            period: length("period"),
            statistic: statistics(rest)[0],
        },
        "line" => Ask::Line,
        "rows" => Ask::Rows {
            limit: line("limit").map(|limit| limit.parse().unwrap()),
        },
        "tag_values" => Ask::TagValues {
            tag: rest.to_owned(),
        },
        "top" => Ask::Top {
            statistic: statistics(rest)[0],
            count: line("limit").unwrap().parse().unwrap(),
        },
        other => panic!("{other:?} is nothing to ask"),
    }
}

/// `tag=value`, `tag!=value`, `tag=~regex`, `tag!~regex`, `tag in a|b`.
fn matcher(text: &str) -> Matcher {
    if let Some((tag, values)) = text.split_once(" in ") {
        return Matcher::one_of(tag, values.split('|').map(str::to_owned).collect());
    }
    let parts = |operator: &str| {
        let (tag, value) = text.split_once(operator)?;
        Some((tag.to_owned(), value.to_owned()))
    };
    let (tag, condition) = None
        .or_else(|| parts("=~").map(|(tag, value)| (tag, Condition::Regex(value))))
        .or_else(|| parts("!~").map(|(tag, value)| (tag, Condition::NotRegex(value))))
        .or_else(|| parts("!=").map(|(tag, value)| (tag, Condition::NotEqual(value))))
        .or_else(|| parts("=").map(|(tag, value)| (tag, Condition::Equal(value))))
        .unwrap();
    Matcher::new(tag, condition).unwrap()
}
