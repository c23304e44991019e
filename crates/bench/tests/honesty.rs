//! Servers that lose, alter, double, refuse, lie or are not there are reported as what they are.

use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::{delete, get, post};
use serde_json::json;
use watchpost_bench::report::{Report, Run};
use watchpost_bench::run::{Subject, run};
use watchpost_bench::scenario::{Data, Kind, Scenario, Verify, Write};
use watchpost_bench::settings::ServerConfig;
use watchpost_bench::usage::{Usage, saturation};
use watchpost_service::config::Interval;
use watchpost_service::shutdown::Shutdown;
use watchpost_testkit::{Daemon, Signal, temp_folder, wait};

use crate::fake_server::{FakeServer, Faults};

fn small() -> Scenario {
    Scenario {
        name: "small".into(),
        kind: Kind::Write,
        data: Data {
            hosts: 4,
            fields: 3,
            ..Data::default()
        },
        write: Write {
            points: Some(80),
            batch_size: 20,
            gzip: false,
            retry_for: Interval::milliseconds(200),
            ..Write::default()
        },
        verify: Verify {
            settle: Interval::milliseconds(0),
            ..Verify::default()
        },
        ..Scenario::default()
    }
}

async fn only_run(scenario: &Scenario, server: &ServerConfig) -> Run {
    let subject = Subject::Server("fake".into(), Box::new(server.clone()));
    let report: Report = run(scenario, &[subject], 1, &Shutdown::new())
        .await
        .expect("the scenario can run");
    report.runs.into_iter().next().expect("one run")
}

async fn against(faults: Faults) -> Run {
    let server = FakeServer::start(faults).await;
    let run = only_run(&small(), &server.config).await;
    assert_eq!(server.deletes(), 1, "what was written is removed");
    run
}

#[tokio::test]
async fn an_honest_server_passes() {
    let run = against(Faults::default()).await;
    assert_eq!(run.problems, Vec::<String>::new());
    let found = run.verification.expect("it was verified");
    assert_eq!((found.series, found.expected, found.stored), (12, 240, 240));
}

#[tokio::test]
async fn rewritten_points_are_verified_in_their_last_version() {
    let server = FakeServer::start(Faults::default()).await;
    let mut scenario = small();
    scenario.data.rewritten = 0.3;
    let run = only_run(&scenario, &server.config).await;
    assert_eq!(run.problems, Vec::<String>::new());
    assert_eq!(run.loads["write"].summary.points, 80);
    let rewritten = run.loads["rewrite"].summary.points;
    assert!((1..80).contains(&rewritten), "{rewritten}");
    assert_eq!(run.verification.expect("it was verified").stored, 240);
}

#[tokio::test]
async fn lost_points_are_counted() {
    let run = against(Faults {
        loses_every: Some(10),
        ..Faults::default()
    })
    .await;
    let found = run.verification.expect("it was verified");
    // Two lines of each of four batches, three fields each.
    assert_eq!((found.missing, found.altered, found.doubled), (24, 0, 0));
    assert!(found.examples[0].starts_with("missing: host-"));
    assert!(run.problems[0].contains("24 missing"), "{:?}", run.problems);
}

#[tokio::test]
async fn an_altered_value_is_found() {
    let run = against(Faults {
        alters_first: true,
        ..Faults::default()
    })
    .await;
    let found = run.verification.expect("it was verified");
    assert_eq!((found.missing, found.altered, found.doubled), (0, 1, 0));
    assert!(found.examples[0].starts_with("altered: host-"));
}

#[tokio::test]
async fn a_doubled_point_is_found() {
    let run = against(Faults {
        doubles_first: true,
        ..Faults::default()
    })
    .await;
    let found = run.verification.expect("it was verified");
    assert_eq!((found.missing, found.altered, found.doubled), (0, 0, 1));
}

#[tokio::test]
async fn refusals_are_told_by_their_reason() {
    let cases = [
        (401, "does not know the token"),
        (403, "read-only"),
        (404, "is not there"),
        (413, "batch_size"),
        (507, "no space left"),
        (503, "repeated for"),
    ];
    for (status, words) in cases {
        let run = against(Faults {
            refuses: Some(status),
            ..Faults::default()
        })
        .await;
        let told = run.problems.join("\n");
        assert!(told.contains(words), "{status}: {told}");
    }
}

#[tokio::test]
async fn a_full_disk_is_one_whatever_the_status() {
    for status in [500, 503] {
        let run = against(Faults {
            refuses: Some(status),
            says: "engine: write failed: no space left on device",
            ..Faults::default()
        })
        .await;
        let told = run.problems.join("\n");
        assert!(
            told.contains("the server has no space left"),
            "{status}: {told}"
        );
        assert_eq!(
            run.loads["write"].summary.failures["full"], 1,
            "repeated without hope"
        );
    }
}

#[test]
fn a_bench_that_is_busy_itself_says_so() {
    let busy = |cores| Usage {
        cores,
        ..Usage::default()
    };
    let told = saturation(&busy(1.9), 0.0, 2).expect("95 % of two cores");
    assert!(
        told.contains("95 %") && told.contains("may take more"),
        "{told}"
    );
    let told = saturation(&busy(0.5), 35.0, 2).expect("late");
    assert!(told.contains("35 ms late"), "{told}");
    assert_eq!(saturation(&busy(0.5), 1.0, 2), None);
}

#[tokio::test]
async fn a_known_delay_over_a_connection_is_no_less_than_it_is() {
    let server = FakeServer::start(Faults {
        delay: Duration::from_millis(30),
        ..Faults::default()
    })
    .await;
    let run = only_run(&small(), &server.config).await;
    let write = &run.loads["write"].summary;
    assert!(write.latency.min >= 30.0, "{:?}", write.latency);
    assert!(write.operations_per_second <= 1_000.0 / 30.0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let server = ServerConfig {
        url: format!("http://{address}"),
        ..ServerConfig::default()
    };
    let run = only_run(&small(), &server).await;
    assert!(
        run.problems[0].contains("cannot be reached"),
        "{:?}",
        run.problems
    );
}

/// An InfluxDB 2 that says 204 to everything and has nothing when asked.
async fn liar() -> ServerConfig {
    let org = || async { axum::Json(json!({ "orgs": [{ "id": "1", "name": "watchpost" }] })) };
    let health =
        || async { axum::Json(json!({ "name": "influxdb", "status": "pass", "version": "v2.7" })) };
    let bucket = || async {
        let made = json!({ "id": "b", "name": "watchpost-bench-x", "orgID": "1" });
        (StatusCode::CREATED, axum::Json(made))
    };
    let nothing = || async { ([(header::CONTENT_TYPE, "text/csv")], "\r\n") };
    let routes = Router::new()
        .route("/health", get(health))
        .route("/api/v2/orgs", get(org))
        .route("/api/v2/buckets", post(bucket))
        .route(
            "/api/v2/buckets/b",
            delete(|| async { StatusCode::NO_CONTENT }),
        )
        .route("/api/v2/write", post(|| async { StatusCode::NO_CONTENT }))
        .route("/api/v2/query", post(nothing));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    ServerConfig {
        url,
        ..ServerConfig::default()
    }
}

#[tokio::test]
async fn a_server_that_says_204_and_stores_nothing_is_called_that() {
    let run = only_run(&small(), &liar().await).await;
    assert!(
        run.problems[0].contains("does not store what it accepts"),
        "{:?}",
        run.problems
    );
    assert_eq!(run.verification.expect("it was verified").missing, 240);
}

#[tokio::test]
async fn a_stop_before_the_end_still_verifies_and_cleans_up() {
    let server = FakeServer::start(Faults {
        delay: Duration::from_millis(20),
        ..Faults::default()
    })
    .await;
    let mut scenario = small();
    scenario.write.points = Some(100_000);
    let stop = Shutdown::new();
    let subject = Subject::Server("fake".into(), Box::new(server.config.clone()));
    let (report, ()) = tokio::join!(
        run(&scenario, std::slice::from_ref(&subject), 1, &stop),
        async {
            wait::until_async("a write", || (server.writes() > 2).then_some(())).await;
            stop.request();
        }
    );
    let report = report.expect("the scenario can run");
    let run = &report.runs[0];
    assert!(run.interrupted);
    assert_eq!(run.problems, Vec::<String>::new());
    assert_eq!(server.deletes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_prints_the_report_and_leaves_nothing_behind() {
    let server = FakeServer::start(Faults {
        delay: Duration::from_millis(20),
        ..Faults::default()
    })
    .await;
    let folder = temp_folder();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path
    };
    let url = &server.config.url;
    let config = format!("[influx]\nkind = \"victoriametrics\"\nurl = \"{url}\"\n");
    let scenario = "[data]\nfields = 2\n[write]\npoints = 100_000\nbatch_size = 10\ngzip = false\n";
    let mut command = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-bench"));
    command.arg("run").arg(file("long.toml", scenario.into()));
    command.arg("--config").arg(file("bench.toml", config));
    let mut bench = Daemon::start(command);
    wait::until_async("a write, or an end without one", || {
        (server.writes() > 2 || bench.has_ended()).then_some(())
    })
    .await;
    assert!(server.writes() > 2, "{}", bench.text());
    bench.signal(Signal::Interrupt);
    let status = tokio::task::block_in_place(|| bench.wait_for_exit());
    let told = bench.text();
    assert!(status.success(), "{told}");
    assert!(told.contains(", interrupted"), "{told}");
    assert!(told.contains("all there"), "{told}");
    assert_eq!(server.deletes(), 1);
}
