//! The server is killed under load, and again whenever it comes back, so that it stays away for a
//! while: every second of every host is there afterwards, and the agents dropped nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use watchpost_core::csv::Table;
use watchpost_testkit::wait;

use super::scene::HOSTS;
use super::{Finding, Miss, Scene, ensure};

const SECOND: i64 = 1_000_000_000;

/// Fields of every second, each of another line of a host: CPU, memory, network.
const FIELDS: [&str; 3] = ["cpu_load_1m", "memory_usage_percent", "network_bytes_recv"];

/// What an agent counts when it gives something up.
const LOSSES: [&str; 3] = [
    "watchpost_agent_lines_dropped_total",
    "watchpost_agent_points_refused_total",
    "watchpost_agent_queue_corrupt_total",
];

/// Kills in a row: `up` waits 1, 2, 4 … seconds before it starts the server again.
const KILLS: usize = 4;
const KILLS_QUICK: usize = 3;

pub(super) fn judge(scene: &Scene) -> Finding {
    if scene.terms.external.is_some() {
        return Err(Miss::Skipped("the server is not ours to kill".into()));
    }
    let before = newest(scene).ok_or("nothing was stored before the kill")?;
    let kills = if scene.terms.quick {
        KILLS_QUICK
    } else {
        KILLS
    };
    let began = Instant::now();
    for _ in 0..kills {
        scene.platform().kill("engine");
    }
    let away = began.elapsed().as_secs();
    // Fresh data comes first; the backlog of the outage follows.
    let caught_up = wait::until_or_none(|| newest(scene).filter(|it| *it > before + 10 * SECOND));
    let after = caught_up.ok_or("nothing newer was stored after the kill")?;
    let wanted = (after - before) / SECOND;
    let whole = |counts: &BTreeMap<(String, String), i64>| {
        counts.values().filter(|count| **count >= wanted).count() == HOSTS * FIELDS.len()
    };
    let complete = wait::until_or_none(|| whole(&seconds(scene, before, after)).then_some(()));
    ensure(complete.is_some(), || {
        format!(
            "of {wanted} s there are: {:?}",
            seconds(scene, before, after)
        )
    })?;
    let since = began.elapsed().as_secs() - away;
    for figure in LOSSES {
        let lost = ["agent", "fleet"].map(|role| scene.platform().figure(role, figure));
        ensure(lost.iter().all(|it| it.unwrap_or(0.0) == 0.0), || {
            format!("{figure} of agent and fleet: {lost:?}")
        })?;
    }
    let written = "watchpost_agent_lines_written_total";
    let written = scene.platform().figure("fleet", written);
    let written = written.ok_or("the fleet does not tell what it has written")?;
    Ok(format!(
        "killed {kills} times, away for {away} s; {since} s later all {wanted} s around it are there for {HOSTS} hosts, \
         and of {written} lines the agents dropped none"
    ))
}

/// Time of the newest point, or none while the server is away.
fn newest(scene: &Scene) -> Option<i64> {
    let tables = scene.platform().try_query(
        "from(bucket: \"system_metrics_raw\") |> range(start: -2m)
            |> filter(fn: (r) => r._field == \"memory_usage_percent\" and r.host == \"host-4\") |> last()",
    )?;
    tables
        .iter()
        .flat_map(Table::rows)
        .filter_map(|row| row.time("_time"))
        .max()
}

/// Points of each host and field in `(from, to]`, of its series with the fewest: one a second.
fn seconds(scene: &Scene, from: i64, to: i64) -> BTreeMap<(String, String), i64> {
    let [from, to] = [from + 1, to + 1].map(watchpost_client::flux_text::time);
    let fields = FIELDS.join("|");
    let tables = scene.platform().try_query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: {from}, stop: {to})
            |> filter(fn: (r) => r._field =~ /^({fields})$/ and r.host =~ /^host-/) |> count()"
    ));
    let mut counts = BTreeMap::new();
    for row in tables.iter().flatten().flat_map(Table::rows) {
        let (Some(host), Some(field)) = (row.str("host"), row.str("_field")) else {
            continue;
        };
        let count = row.i64("_value").unwrap_or(0);
        let least = counts
            .entry((host.to_owned(), field.to_owned()))
            .or_insert(count);
        *least = count.min(*least);
    }
    counts
}
