//! A platform that keeps copies elsewhere: another key than the host's own opens them, and what they hold is the history.

use watchpost_core::time::format_rfc3339;
use watchpost_e2e::platform::{Platform, Site};
use watchpost_e2e::seconds::{SECOND, now};
use watchpost_testkit::{binary, skip, wait};

use crate::living_chain::RULES;

#[test]
fn what_a_platform_wrote_is_restored_from_its_copies() {
    if binary("watchpost-archive").is_none() {
        return skip("watchpost-archive is not built (cargo xtask test builds it)");
    }
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let (copies, restored) = (site.path("copies"), site.path("restored"));
    let (copies, restored) = (copies.to_str().unwrap(), restored.to_str().unwrap());
    let platform = site.up(&["--hosts", "0", "--backup", copies]);
    let screen = platform.text();
    assert!(screen.contains("Copies "), "{screen}");
    let key = site.path("state/secrets/archive.key");
    let key = key.to_str().unwrap();
    assert!(screen.contains(&format!("{key} opens them")), "{screen}");

    let written = wait::until("points of this host", || last_point(&platform));
    wait::until("a copy of those points", || {
        let age = platform.figure("archive", "watchpost_archive_copy_age_seconds")?;
        let copied = now() - (age * 1e9) as i64;
        (age > 0.0 && copied > written + SECOND).then_some(())
    });
    platform.run(
        "watchpost-archive",
        "archive",
        &[
            "restore",
            "--from",
            copies,
            "--identity",
            key,
            "--data-dir",
            restored,
        ],
    );
    platform.stop();

    // A second `up` takes the same key, on what was restored.
    let data = site.path("state/data/engine");
    std::fs::rename(&data, site.path("lost")).unwrap();
    std::fs::rename(restored, &data).unwrap();
    let again = site.up(&["--hosts", "0"]);
    assert!(points_until(&again, written) > 0, "the history is there");
    again.stop();
}

#[test]
fn copies_are_of_the_embedded_server_alone() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    for (arguments, why) in [
        (
            &["--engine", "external", "--backup", "copies"][..],
            "--backup copies the embedded server",
        ),
        (&["--recipient", "age1x"], "--recipient goes with --backup"),
    ] {
        let output = site.command(arguments).output().unwrap();
        let text = crate::lifecycle::text(&output);
        assert!(!output.status.success() && text.contains(why), "{text}");
    }
}

/// Time of this host's newest point.
fn last_point(platform: &Platform) -> Option<i64> {
    let tables = platform.query(
        "from(bucket: \"system_metrics_raw\") |> range(start: -1m)
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> group() |> last()",
    );
    tables.first()?.rows().next()?.time("_time")
}

/// Points of the last hour that are not younger than a time.
fn points_until(platform: &Platform, time: i64) -> i64 {
    let time = format_rfc3339(time + 1);
    let tables = platform.query(&format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: -1h, stop: {time})
            |> filter(fn: (r) => r._field == \"memory_usage_percent\") |> group() |> count()",
    ));
    let row = tables.first().and_then(|it| it.rows().next());
    row.and_then(|it| it.i64("_value")).unwrap_or(0)
}
