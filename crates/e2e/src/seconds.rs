//! Every second of every host: whether an outage of the server cost a point.

use std::collections::BTreeMap;

use watchpost_query::{Ask, Condition, Matcher, Question, Range, Statistic};
use watchpost_testkit::wait;

use crate::platform::Platform;

pub const SECOND: i64 = 1_000_000_000;

/// Fields of every second, each of another line of a host: CPU, memory, network.
pub const FIELDS: [&str; 3] = ["cpu_load_1m", "memory_usage_percent", "network_bytes_recv"];

/// What an agent counts when it gives something up.
const LOSSES: [&str; 3] = [
    "watchpost_agent_lines_dropped_total",
    "watchpost_agent_points_refused_total",
    "watchpost_agent_queue_corrupt_total",
];

/// The hosts that the fleet simulates.
pub(crate) fn simulated() -> Matcher {
    Matcher::new("host", Condition::Regex("host-.*".to_owned())).expect("it is a pattern")
}

/// Nanoseconds since 1970.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

/// Time of a host's newest point, or none while the server is away.
pub fn newest(platform: &Platform, host: &str) -> Option<i64> {
    let range = Range::new(now() - 120 * SECOND, now());
    let question = Question::new("system_metrics_raw", "system_metrics", range, Ask::Newest)
        .select(["memory_usage_percent"], vec![Matcher::equal("host", host)]);
    let answer = platform.ask(&question)?;
    let points = answer.series.iter().flat_map(|series| &series.points);
    points.filter_map(|point| point.time).max()
}

/// Waits until there are points newer than `before`, by `seconds` at least, and every second since `before`
/// is there of each of so many simulated hosts: how many seconds.
///
/// # Errors
/// What is there instead.
pub fn wait_for_all(
    platform: &Platform,
    hosts: usize,
    before: i64,
    seconds: i64,
) -> Result<i64, String> {
    // Fresh data comes first; the backlog of the outage follows.
    let newer = || newest(platform, "host-4").filter(|it| *it > before + seconds * SECOND);
    let after = wait::until_or_none(newer).ok_or("nothing newer was stored after the outage")?;
    let wanted = (after - before) / SECOND;
    let whole = |counts: &Counts| {
        let complete = counts.values().filter(|count| **count >= wanted).count();
        complete == hosts * FIELDS.len()
    };
    let complete =
        wait::until_or_none(|| whole(&counts(platform, before, after)).then_some(wanted));
    complete.ok_or_else(|| {
        format!(
            "of {wanted} s there are: {:?}",
            counts(platform, before, after)
        )
    })
}

/// Points of each host and field.
type Counts = BTreeMap<(String, String), i64>;

/// Points in `(from, to]`, of the series of a host and field with the fewest: one a second.
fn counts(platform: &Platform, from: i64, to: i64) -> Counts {
    let all = Ask::Values(vec![Statistic::Count]);
    let range = Range::new(from + 1, to + 1);
    let question = Question::new("system_metrics_raw", "system_metrics", range, all)
        .select(FIELDS, vec![simulated()]);
    let answer = platform.ask(&question).unwrap_or_default();
    let mut counts = Counts::new();
    for series in &answer.series {
        let key = (series.label("host").to_owned(), series.field.to_string());
        let count = series.number().unwrap_or(0.0) as i64;
        let least = counts.entry(key).or_insert(count);
        *least = count.min(*least);
    }
    counts
}

/// Nothing was given up by the agents.
///
/// # Errors
/// What they gave up.
pub fn nothing_dropped(platform: &Platform) -> Result<(), String> {
    for figure in LOSSES {
        let lost = ["agent", "fleet"].map(|role| platform.figure(role, figure));
        if lost.iter().any(|it| it.unwrap_or(0.0) != 0.0) {
            return Err(format!("{figure} of agent and fleet: {lost:?}"));
        }
    }
    Ok(())
}
