//! Hours and days where the server has no tasks: made of neutral questions, with the figures of the tasks in
//! `flux-tasks`.
//!
//! A period that is whole gets a mark of its own, written after its points. What is not marked is made, so
//! that hours that were missed are caught up, and a run that was killed is repeated: with the same values,
//! which change nothing where they are stored already. What hosts that were cut off wrote later comes in by
//! making a period again ([`Which::All`]).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use watchpost_client::Client;
use watchpost_client::ask::Limits;
use watchpost_client::write::{Outcome, Precision};
use watchpost_core::catalogue::{self, Kind, MEASUREMENT, MEASUREMENT_DAILY, MEASUREMENT_HOURLY};
use watchpost_core::limits::LINES_PER_WRITE;
use watchpost_core::line_protocol::write_points;
use watchpost_core::point::{FieldValue, Point};
use watchpost_core::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MINUTE, format_rfc3339};
use watchpost_query::Kind as ServerKind;
use watchpost_query::{Answer, Ask, Group, Label, Matcher, Question, Range, Series, Statistic};

use crate::error::{Doing, Error, Result};
use crate::gaps::Tier;

/// Measurement of the marks, in the bucket of their tier.
pub const MARKS: &str = "watchpost_rollup";
/// Most points of one answer: a thousand hosts of 200 series, five statistics each.
const ROWS: usize = 2_000_000;
/// Hosts that are asked about at a time: with two hundred series each an answer stays below [`ROWS`].
const HOSTS: usize = 500;
/// A period is made when its last points have come. A day is made of hours, which come first.
const LATE: [i64; 2] = [10 * NANOS_PER_MINUTE, NANOS_PER_HOUR];
/// How long VictoriaMetrics may hide what it took: new series were seen after 12 s at most.
const HIDDEN: Duration = Duration::from_secs(15);

/// Which periods are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that have no mark.
    Missing,
    /// Those that have one, too.
    All,
}

/// From which bucket to which, and what a period is.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub tier: Tier,
    pub source: &'static str,
    pub target: &'static str,
}

/// Hours before days, which are made of them.
pub const STEPS: [Step; 2] = [
    Step {
        tier: Tier::Hourly,
        source: "system_metrics_raw",
        target: "system_metrics_1h",
    },
    Step {
        tier: Tier::Daily,
        source: "system_metrics_1h",
        target: "system_metrics_1d",
    },
];

impl Step {
    /// Nanoseconds.
    pub fn period(self) -> i64 {
        match self.tier {
            Tier::Hourly => NANOS_PER_HOUR,
            Tier::Daily => NANOS_PER_DAY,
        }
    }

    /// How long after its end a period is made.
    fn late(self) -> i64 {
        match self.tier {
            Tier::Hourly => LATE[0],
            Tier::Daily => LATE[1],
        }
    }

    /// The question that finds the marks of a range.
    pub fn marks(self, range: Range) -> Question {
        let times = Ask::Windows {
            every: self.period(),
            statistics: vec![Statistic::Count],
            label: Label::Start,
        };
        Question::new(self.target, MARKS, range, times).select(["points"], Vec::new())
    }

    /// The mark of a period that is made, with how many points it has.
    pub fn mark(self, start: i64, points: usize) -> Point {
        Point::new(MARKS, start).field("points", points as f64)
    }

    /// The measurement that a period is made of.
    fn measurement(self) -> &'static str {
        match self.tier {
            Tier::Hourly => MEASUREMENT,
            Tier::Daily => MEASUREMENT_HOURLY,
        }
    }

    /// The question for the hosts that a period has points of.
    pub fn hosts(self, start: i64) -> Question {
        let range = Range::new(start, start + self.period());
        let tag = "host".to_owned();
        Question::new(
            self.source,
            self.measurement(),
            range,
            Ask::TagValues { tag },
        )
    }

    /// The questions that a period is made of, about points whose tags match.
    pub fn questions(self, start: i64, matchers: &[Matcher]) -> Vec<Question> {
        let range = Range::new(start, start + self.period());
        let every: [&str; 0] = [];
        let matchers = || matchers.to_vec();
        if self.tier == Tier::Hourly {
            use Statistic::{Count, Last, Max, Mean, Min};
            let all = Ask::Values(vec![Mean, Min, Max, Count, Last]);
            let question = Question::new(self.source, MEASUREMENT, range, all);
            return vec![question.select(every, matchers())];
        }
        use Statistic::{Last, Max, Min, Sum};
        let all = Ask::Values(vec![Min, Max, Last, Sum]);
        let rest = Question::new(self.source, MEASUREMENT_HOURLY, range, all);
        // The mean of a day needs each hour's mean beside its count.
        let gauges = catalogue::METRICS
            .iter()
            .filter(|metric| metric.kind == Kind::Gauge);
        let means = gauges.map(|metric| {
            let fields = ["mean", "count"].map(|name| format!("{}_{name}", metric.name));
            let rows = Ask::Rows { limit: None };
            Question::new(self.source, MEASUREMENT_HOURLY, range, rows).select(fields, matchers())
        });
        [rest.select(every, matchers())]
            .into_iter()
            .chain(means)
            .collect()
    }

    /// The points that the answer to one of them gives, at the start of the period.
    pub fn points(self, start: i64, question: &Question, answer: &Answer) -> Vec<Point> {
        debug_assert!(question.group == Group::Series, "each series is its own");
        match (self.tier, &question.ask) {
            (Tier::Hourly, _) => answer
                .series
                .iter()
                .filter_map(|series| hour(start, series))
                .collect(),
            (Tier::Daily, Ask::Rows { .. }) => means(start, answer),
            (Tier::Daily, _) => answer
                .series
                .iter()
                .filter_map(|series| day(start, series))
                .collect(),
        }
    }
}

/// One statistic of an hour: the mean of a counter means nothing, nor does the last value of a gauge.
fn hour(start: i64, series: &Series) -> Option<Point> {
    let is_counter = catalogue::metric(&series.field).is_some_and(|it| it.kind == Kind::Counter);
    let how = series.statistic?;
    if is_counter != (how == Statistic::Last) {
        return None;
    }
    let field = format!("{}_{}", series.field, how.name());
    point(MEASUREMENT_HOURLY, start, series, field, series.number()?)
}

/// One statistic of a day, where it is the one that the field wants.
fn day(start: i64, series: &Series) -> Option<Point> {
    let wanted = match series.field.rsplit_once('_')?.1 {
        "min" => Statistic::Min,
        "max" => Statistic::Max,
        "last" => Statistic::Last,
        "count" => Statistic::Sum,
        _ => return None,
    };
    if series.statistic != Some(wanted) {
        return None;
    }
    let field = series.field.to_string();
    point(MEASUREMENT_DAILY, start, series, field, series.number()?)
}

/// A metric's name and labels.
type Metric<'a> = (&'a str, &'a BTreeMap<String, String>);

/// The means of a day: those of its hours, weighted by their counts.
fn means(start: i64, answer: &Answer) -> Vec<Point> {
    let mut hours: BTreeMap<Metric<'_>, HashMap<i64, [Option<f64>; 2]>> = BTreeMap::new();
    for series in &answer.series {
        let (name, place) = match series.field.rsplit_once('_') {
            Some((name, "mean")) => (name, 0),
            Some((name, "count")) => (name, 1),
            _ => continue,
        };
        let of_metric = hours.entry((name, &series.labels)).or_default();
        for point in &series.points {
            if let Some(time) = point.time {
                of_metric.entry(time).or_default()[place] = point.value.as_f64();
            }
        }
    }
    let weighted = hours.into_iter().filter_map(|((name, labels), hours)| {
        let mut hours: Vec<(i64, [Option<f64>; 2])> = hours.into_iter().collect();
        hours.sort_by_key(|(time, _)| *time);
        let (mut sum, mut points) = (0.0, 0.0);
        for (_, hour) in hours {
            // An hour of which one of the two is missing has no weight.
            if let [Some(mean), Some(count)] = hour {
                sum += mean * count;
                points += count;
            }
        }
        let mean = (points > 0.0).then(|| sum / points)?;
        let mut point = Point::new(MEASUREMENT_DAILY, start).field(format!("{name}_mean"), mean);
        for (tag, value) in labels {
            point = point.tag(tag, value);
        }
        Some(point)
    });
    weighted.collect()
}

fn point(
    measurement: &str,
    start: i64,
    series: &Series,
    field: String,
    value: f64,
) -> Option<Point> {
    let value = match field.ends_with("_count") {
        true => FieldValue::Integer(value as i64),
        false if value.is_finite() => FieldValue::Float(value),
        false => return None,
    };
    let mut point = Point::new(measurement, start);
    point.set_field(field, value);
    for (tag, value) in &series.labels {
        point = point.tag(tag, value);
    }
    Some(point)
}

/// The starts of the periods of a range that are over and have no mark, the oldest first.
pub fn missing(step: Step, range: Range, now: i64, marks: &Answer) -> Vec<i64> {
    let period = step.period();
    let points = marks.series.iter().flat_map(|series| &series.points);
    let marked: BTreeSet<i64> = points.filter_map(|point| point.time).collect();
    let first = (range.start + period - 1).div_euclid(period) * period;
    let mut starts = Vec::new();
    let mut start = first;
    while start + period <= range.stop && start + period + step.late() <= now {
        if !marked.contains(&start) {
            starts.push(start);
        }
        start += period;
    }
    starts
}

/// Makes the hours and days since `from`: how many periods of each.
///
/// # Errors
/// The server cannot be asked or does not take the points; what is made stays, and the next run does the
/// rest.
pub async fn run(client: &Client, from: i64, now: i64, which: Which) -> Result<[usize; 2]> {
    let (mut made, mut hours) = ([0; 2], 0);
    for (count, step) in made.iter_mut().zip(STEPS) {
        let hours_are_new = step.tier == Tier::Daily && hours > 0;
        if hours_are_new && client.config().kind == ServerKind::VictoriaMetrics {
            tokio::time::sleep(HIDDEN).await;
        }
        let range = Range::new(from, now);
        let marks = match which {
            Which::Missing => ask(client, &step.marks(range)).await?,
            Which::All => Answer::default(),
        };
        for start in missing(step, range, now, &marks) {
            make(client, step, start).await?;
            *count += 1;
        }
        hours += *count;
    }
    Ok(made)
}

async fn make(client: &Client, step: Step, start: i64) -> Result<()> {
    let mut written = 0;
    for matchers in groups(&names(&ask(client, &step.hosts(start)).await?)) {
        for question in step.questions(start, &matchers) {
            let answer = ask(client, &question).await?;
            let points = step.points(start, &question, &answer);
            for batch in points.chunks(LINES_PER_WRITE) {
                write(client, step.target, batch).await?;
            }
            written += points.len();
        }
    }
    write(client, step.target, &[step.mark(start, written)]).await
}

fn names(answer: &Answer) -> Vec<String> {
    let points = answer.series.iter().flat_map(|series| &series.points);
    let names = points.filter_map(|point| point.value.as_str());
    names.map(str::to_owned).collect()
}

/// The conditions by which a period's points are asked for: all at once, or so many hosts at a time.
pub fn groups(hosts: &[String]) -> Vec<Vec<Matcher>> {
    if hosts.len() <= HOSTS {
        return vec![Vec::new()];
    }
    // Points without a host are asked for beside the first.
    let mut hosts = hosts.to_vec();
    hosts.insert(0, String::new());
    let groups = hosts.chunks(HOSTS);
    groups
        .map(|names| vec![Matcher::one_of("host", names.to_vec())])
        .collect()
}

async fn ask(client: &Client, question: &Question) -> Result<Answer> {
    let limits = Limits {
        rows: ROWS,
        ..Limits::default()
    };
    let answer = client.ask(question, &limits).await;
    answer.doing(|| {
        let (from, to) = (question.range.start, question.range.stop);
        format!(
            "reading {} of {} from {} to {}",
            question.measurement,
            question.bucket,
            format_rfc3339(from),
            format_rfc3339(to)
        )
    })
}

async fn write(client: &Client, bucket: &str, points: &[Point]) -> Result<()> {
    let refused = |why: String| Error::Request(format!("writing into {bucket}: {why}"));
    let lines = write_points(points).map_err(|error| refused(error.to_string()))?;
    match client.write(bucket, Precision::Nanoseconds, &lines).await {
        Outcome::Done => Ok(()),
        Outcome::RetryAfter { message, .. }
        | Outcome::Split { message }
        | Outcome::Refused { message, .. } => Err(refused(message)),
        Outcome::RejectedLines(rejection) => Err(refused(rejection.message)),
    }
}
