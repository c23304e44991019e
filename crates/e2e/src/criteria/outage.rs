//! The server is killed under load and comes back: every second of every host is there afterwards.

use std::collections::BTreeMap;

use watchpost_core::csv::Table;
use watchpost_testkit::wait;

use super::scene::HOSTS;
use super::{Scene, Verdict, ensure};

const SECOND: i64 = 1_000_000_000;

pub(super) fn judge(scene: &mut Scene) -> Verdict {
    let before = newest(scene).ok_or("nothing was stored before the kill")?;
    scene.platform().kill("engine");
    // Fresh data comes first; the backlog of the outage follows.
    let caught_up = wait::until_or_none(|| newest(scene).filter(|it| *it > before + 10 * SECOND));
    let after = caught_up.ok_or("nothing newer was stored after the kill")?;
    let complete = wait::until_or_none(|| {
        let seconds = seconds(scene, before, after);
        let wanted = (after - before) / SECOND;
        let whole = seconds.values().filter(|it| **it >= wanted).count();
        // The silent host of the scene may be silent still.
        (whole >= HOSTS).then_some(())
    });
    let seen = seconds(scene, before, after);
    ensure(complete.is_some(), || {
        format!("of {} s there are: {seen:?}", (after - before) / SECOND)
    })?;
    Ok(format!(
        "killed and back; {} s around it complete for {} hosts",
        (after - before) / SECOND,
        seen.len()
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
    let (from, to) = (
        watchpost_client::flux_text::time(from + 1),
        watchpost_client::flux_text::time(to + 1),
    );
    let tables = scene.platform().try_query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: {from}, stop: {to})
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> group(columns: [\"host\"]) |> count()"
    ));
    let tables = tables.unwrap_or_default();
    let rows = tables.iter().flat_map(Table::rows);
    rows.filter_map(|row| Some((row.str("host")?.to_owned(), row.i64("_value")?)))
        .collect()
}
