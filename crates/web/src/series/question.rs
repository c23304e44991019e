//! The question that one part of a series request is. Pure.

use watchpost_core::catalogue::{Kind, Metric};
use watchpost_core::time::NANOS_PER_HOUR;
use watchpost_query::{Ask, Label, Matcher, Question, Range, Statistic};

use super::Request;
use crate::metric::Series;
use crate::tier::{Part, Tier, floor};

/// The question for one part of a request.
pub fn of(bucket: &str, part: &Part, request: &Request) -> Question {
    let metric = request.choice.metric;
    let counter = metric.kind == Kind::Counter;
    // A rate needs the value before the first point; a point of a lower tier stands at the start of
    // its period.
    let begin = match (counter, part.tier) {
        (true, tier) => part.range.start - request.step.max(tier.period()),
        (false, _) => part.range.start,
    };
    let begin = match part.tier {
        Tier::Raw => begin,
        tier => floor(begin, tier.period()),
    };
    let range = Range::new(begin, part.range.stop);
    let mut matchers = Vec::new();
    if !request.hosts.is_empty() {
        matchers.push(Matcher::one_of("host", request.hosts.clone()));
    }
    matchers.extend(which(&request.choice.series, metric));
    let own = metric.tags.iter().chain(metric.optional_tags);
    let tags = ["host"].into_iter().chain(own.copied());
    Question::new(bucket, part.tier.measurement(), range, ask(part, request))
        .select(fields(part.tier, metric), matchers)
        .with_tags(tags)
}

fn ask(part: &Part, request: &Request) -> Ask {
    let every = request.step.min(NANOS_PER_HOUR);
    if part.tier != Tier::Raw {
        return Ask::Rows { limit: None };
    }
    // A counter's value keeps its own time: a rate divides by the time between values.
    if request.choice.metric.kind == Kind::Counter {
        return Ask::NewestOfEach { every };
    }
    let statistics = if request.band || request.step > NANOS_PER_HOUR {
        use Statistic::{Count, Max, Mean, Min};
        vec![Mean, Min, Max, Count]
    } else {
        vec![Statistic::Mean]
    };
    Ask::Windows {
        every,
        statistics,
        label: Label::Start,
    }
}

/// The fields of a metric in a tier.
fn fields(tier: Tier, metric: &Metric) -> Vec<String> {
    let suffixes: &[&str] = match (tier, metric.kind) {
        (Tier::Raw, _) => &[""],
        (_, Kind::Counter) => &["_last"],
        (_, Kind::Gauge) => &["_mean", "_min", "_max", "_count"],
    };
    suffixes
        .iter()
        .map(|suffix| format!("{}{suffix}", metric.name))
        .collect()
}

/// Which series, where the metric has some with and some without a tag.
fn which(series: &Series, metric: &Metric) -> Vec<Matcher> {
    let tags = metric.optional_tags.iter();
    match series {
        Series::Total => tags.map(|tag| Matcher::absent(*tag)).collect(),
        Series::Each => tags.map(|tag| Matcher::present(*tag)).collect(),
        Series::Core(number) => {
            let names = vec![number.to_string(), format!("cpu{number}")];
            vec![Matcher::one_of("cpu", names)]
        }
    }
}
