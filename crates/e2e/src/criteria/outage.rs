//! The server is killed under load, and again whenever it comes back, so that it stays away for a
//! while: every second of every host is there afterwards.

use std::collections::BTreeMap;
use std::time::Instant;

use watchpost_core::csv::Table;
use watchpost_testkit::wait;

use super::scene::HOSTS;
use super::{Finding, Miss, Scene, ensure};

const SECOND: i64 = 1_000_000_000;

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
    let complete = wait::until_or_none(|| {
        let seconds = seconds(scene, before, after);
        let simulated = seconds.iter().filter(|(host, _)| host.starts_with("host-"));
        let whole = simulated.filter(|(_, count)| **count >= wanted).count();
        (whole == HOSTS).then_some(())
    });
    ensure(complete.is_some(), || {
        format!(
            "of {wanted} s there are: {:?}",
            seconds(scene, before, after)
        )
    })?;
    let since = began.elapsed().as_secs() - away;
    Ok(format!(
        "killed {kills} times, away for {away} s; {since} s later all {wanted} s around it are there for {HOSTS} hosts"
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

/// Points of each host in `(from, to]`: one a second.
fn seconds(scene: &Scene, from: i64, to: i64) -> BTreeMap<String, i64> {
    let [from, to] = [from + 1, to + 1].map(watchpost_client::flux_text::time);
    let tables = scene.platform().try_query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: {from}, stop: {to})
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> group(columns: [\"host\"]) |> count()"
    ));
    let tables = tables.unwrap_or_default();
    let rows = tables.iter().flat_map(Table::rows);
    rows.filter_map(|row| Some((row.str("host")?.to_owned(), row.i64("_value")?)))
        .collect()
}
