//! Comparing reports: ratios, spread, and the bound.

use watchpost_bench::load::{Latency, Summary};
use watchpost_bench::report::{Load, Report, Run, SCHEMA, compare, html, table, text};

/// A report with one run for each 99th percentile.
fn report(percentiles: &[f64]) -> Report {
    let run = |p99: &f64| {
        let summary = Summary {
            operations: 10,
            points_per_second: 1_000.0,
            latency: Latency {
                p50: 5.0,
                p99: *p99,
                ..Latency::default()
            },
            ..Summary::default()
        };
        let load = Load {
            summary,
            ..Load::default()
        };
        Run {
            loads: [("write".to_owned(), load)].into(),
            ..Run::default()
        }
    };
    Report {
        schema: SCHEMA,
        scenario: "write".into(),
        runs: percentiles.iter().map(run).collect(),
        ..Report::default()
    }
}

#[test]
fn ratios_are_of_medians_and_spreads_of_the_ends() {
    let found = compare(
        &report(&[10.0, 12.0, 11.0]),
        &report(&[22.0, 20.0, 30.0]),
        0.1,
        false,
    )
    .expect("both passed");
    let p99 = found
        .ratios
        .iter()
        .find(|ratio| ratio.figure == "write p99 ms")
        .expect("it is in both");
    assert_eq!((p99.a, p99.b, p99.ratio), (11.0, 22.0, 2.0));
    assert_eq!(p99.spread, (20.0 / 12.0, 3.0));
    assert!(p99.beyond && !found.passed());
}

#[test]
fn what_is_within_the_bound_passes() {
    let found = compare(&report(&[10.0]), &report(&[10.9]), 0.1, false).expect("both passed");
    assert!(found.passed());
}

#[test]
fn less_throughput_is_worse() {
    let mut slower = report(&[10.0]);
    if let Some(load) = slower.runs[0].loads.get_mut("write") {
        load.summary.points_per_second = 800.0;
    }
    let found = compare(&report(&[10.0]), &slower, 0.1, false).expect("both passed");
    assert!(!found.passed());
    let found = compare(&slower, &report(&[10.0]), 0.1, false).expect("both passed");
    assert!(found.passed(), "more throughput is not worse");
}

#[test]
fn what_means_nothing_is_not_compared() {
    let mut other = report(&[10.0]);
    other.scenario = "query".into();
    assert!(compare(&report(&[10.0]), &other, 0.1, false).is_err());
    assert!(compare(&report(&[10.0]), &other, 0.1, true).is_ok());
    let mut failed = report(&[10.0]);
    failed.runs[0].problems.push("lost".into());
    assert!(compare(&report(&[10.0]), &failed, 0.1, false).is_err());
}

#[test]
fn servers_stand_side_by_side_in_medians_and_ratios() {
    let mut two = report(&[10.0, 14.0, 30.0, 40.0]);
    for (at, run) in two.runs.iter_mut().enumerate() {
        run.server.name = ["ours", "theirs"][at / 2].to_owned();
    }
    let found = table(std::slice::from_ref(&two));
    assert_eq!(found.servers, ["ours", "theirs"]);
    let row = found.rows.iter().find(|row| row.figure == "write p99 ms");
    let row = row.expect("both have it");
    assert_eq!(row.ratios, [Some(1.0), Some(35.0 / 12.0)]);
    let told = text(&two);
    assert!(
        told.contains("| 12.0 (10.0 to 14.0) | 35.0 (30.0 to 40.0) |"),
        "{told}"
    );
    assert!(told.contains("theirs / ours"), "{told}");
}

#[test]
fn a_failed_run_is_in_no_row_of_the_table() {
    let mut two = report(&[10.0, 20.0]);
    two.runs[1].server.name = "theirs".into();
    two.runs[1].problems.push("lost".into());
    let found = table(&[two]);
    assert!(found.rows.iter().all(|row| row.values[1].is_none()));
    assert_eq!(found.failures, ["write on theirs, round 0: lost"]);
}

#[test]
fn json_is_read_back_as_it_was() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("report.json");
    let report = report(&[10.0, 11.0]);
    std::fs::write(&path, report.json()).expect("it can be written");
    assert_eq!(Report::read(&path).expect("it can be read"), report);
}

#[test]
fn the_program_exits_with_one_beyond_the_bound() {
    let folder = watchpost_testkit::temp_folder();
    let file = |name: &str, p99| {
        let path = folder.path().join(name);
        std::fs::write(&path, report(&[p99]).json()).expect("it can be written");
        path
    };
    let (a, b) = (file("a.json", 10.0), file("b.json", 12.0));
    let code = |bound: &str| {
        let mut command = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-bench"));
        let output = command
            .arg("compare")
            .args([&a, &b])
            .args(["--bound", bound])
            .output();
        let output = output.expect("it starts");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), told.contains("WORSE"))
    };
    assert_eq!(code("0.1"), (Some(1), true));
    assert_eq!(code("0.25"), (Some(0), false));
}

#[test]
fn html_escapes_and_needs_nothing_beside_it() {
    let mut hostile = report(&[10.0]);
    hostile.runs[0].server.name = "<script>alert(1)</script>".into();
    hostile.runs[0].problems.push("a < b".into());
    let page = html(&hostile);
    assert!(!page.contains("<script"));
    assert!(!page.contains("src=") && !page.contains("href="));
    assert!(text(&hostile).contains("FAILED   a < b"));
}
