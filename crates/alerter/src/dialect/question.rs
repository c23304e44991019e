//! The question of a batch.

use watchpost_query::dialect::sql::Schema;
use watchpost_query::dialect::{flux, metricsql, sql};
use watchpost_query::{
    Ask, Condition, Group, Kind, Label, Matcher as TagMatcher, Question, Range, Selection,
    Statistic,
};

use super::shape::{Batch, Content, Member, Operation, Shape};
use crate::labels::Labels;
use crate::matcher::{Matcher, Operator};
use crate::rules::definition::Aggregate;

/// The question of rules of one shape.
pub fn of(shape: &Shape, members: &[Member]) -> Question {
    let selection = |member: &Member| Selection {
        fields: vec![member.rule.selector.field.clone()],
        matchers: member
            .rule
            .selector
            .matchers
            .iter()
            .map(condition)
            .collect(),
    };
    Question {
        bucket: shape.bucket.clone(),
        measurement: shape.measurement.clone(),
        selections: members.iter().map(selection).collect(),
        range: Range::new(shape.start, shape.stop),
        group: match shape.group_by.is_empty() {
            true => Group::Series,
            false => Group::By(shape.group_by.clone()),
        },
        ask: ask(shape.operation),
        tags: None,
    }
}

fn ask(operation: Operation) -> Ask {
    match operation {
        Operation::Aggregate(how) => Ask::Values(vec![statistic(how)]),
        Operation::Rate => Ask::Values(vec![Statistic::Rate]),
        Operation::Newest => Ask::Newest,
        Operation::Oldest => Ask::Oldest,
        Operation::NewestOfEach { every } => Ask::NewestOfEach { every },
        Operation::SlidingRate { every, period } => Ask::Sliding {
            every,
            period,
            statistic: Statistic::Rate,
        },
        Operation::Windows { every, aggregate } => Ask::Windows {
            every,
            statistics: vec![statistic(aggregate)],
            label: Label::Stop,
        },
        Operation::Sliding {
            every,
            period,
            aggregate,
        } => Ask::Sliding {
            every,
            period,
            statistic: statistic(aggregate),
        },
    }
}

fn statistic(how: Aggregate) -> Statistic {
    match how {
        Aggregate::Mean => Statistic::Mean,
        Aggregate::Max => Statistic::Max,
        Aggregate::Min => Statistic::Min,
        Aggregate::Last => Statistic::Last,
        Aggregate::P95 => Statistic::P95,
        Aggregate::Sum => Statistic::Sum,
        Aggregate::Count => Statistic::Count,
    }
}

fn condition(matcher: &Matcher) -> TagMatcher {
    let value = matcher.value.clone();
    let condition = match matcher.operator {
        Operator::Equal => Condition::Equal(value),
        Operator::NotEqual => Condition::NotEqual(value),
        Operator::Regex => Condition::Regex(value),
        Operator::NotRegex => Condition::NotRegex(value),
    };
    let absent = matcher.matches(&Labels::new());
    TagMatcher::of_known(matcher.name.clone(), condition, absent)
}

/// The text of a batch in the language of a kind of server, for people. In SQL it is that of a table with
/// the columns that the rules name.
pub fn text(batch: &Batch, kind: Kind) -> String {
    let shape = match &batch.content {
        Content::Own { text, .. } => return text.clone(),
        Content::Shaped(shape) => shape,
    };
    let question = of(shape, &batch.members);
    match kind {
        Kind::InfluxDb2 => flux::text(&question),
        Kind::VictoriaMetrics => match metricsql::requests(&question) {
            Ok(requests) => {
                let lines = requests.iter().map(ToString::to_string);
                lines.collect::<Vec<_>>().join("\n")
            }
            Err(error) => error.to_string(),
        },
        Kind::InfluxDb3 => {
            let queries = sql::queries(&question, &Schema::named_by(&question));
            let texts = queries.into_iter().map(|query| query.text);
            texts.collect::<Vec<_>>().join(";\n")
        }
    }
}
