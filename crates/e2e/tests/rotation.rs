//! A token's secret is changed under a running agent, and no second of its host is lost.

use watchpost_e2e::platform::{Platform, Site};
use watchpost_e2e::seconds::SECOND;
use watchpost_testkit::wait;

use crate::living_chain::RULES;

#[test]
fn a_rotation_costs_a_running_agent_no_point() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let platform = site.up(&["--hosts", "0"]);
    let before = wait::until("points of this host", || newest(&platform));
    let secrets = site.path("state/secrets");
    let old = std::fs::read_to_string(platform.token_file("agent")).unwrap();
    let folder = secrets.to_str().unwrap();
    let rotate = ["rotate", "agent", "--wait", "3s", "--tokens-dir", folder];
    platform.run("watchpost-provisioner", "operator", &rotate);
    assert_ne!(
        std::fs::read_to_string(platform.token_file("agent")).unwrap(),
        old
    );
    // The old secret is retired; what comes now was written with the new one.
    let retired = newest(&platform).unwrap();
    let after = wait::until("points written with the new secret", || {
        newest(&platform).filter(|it| *it > retired + 3 * SECOND)
    });
    wait::until("every second around the rotation", || {
        (points(&platform, before, after) == (after - before) / SECOND).then_some(())
    });
    platform.stop();
}

/// Time of this host's newest point.
fn newest(platform: &Platform) -> Option<i64> {
    let tables = platform.query(
        "from(bucket: \"system_metrics_raw\") |> range(start: -1m)
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> last()",
    );
    tables.first()?.rows().next()?.time("_time")
}

/// Points in `(from, to]`: one a second.
fn points(platform: &Platform, from: i64, to: i64) -> i64 {
    let [from, to] = [from + 1, to + 1].map(watchpost_client::flux_text::time);
    let tables = platform.query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: {from}, stop: {to})
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> count()"
    ));
    let row = tables.first().and_then(|it| it.rows().next());
    row.and_then(|it| it.i64("_value")).unwrap_or(0)
}
