//! The schedule of tasks, on a clock that the test sets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost_engine::app::Settings;
use watchpost_engine::clock::{ManualClock, parse_rfc3339};
use watchpost_engine::limits::Limits;

use crate::running::{Running, settings};

fn at(text: &str) -> i64 {
    parse_rfc3339(text).expect("a time")
}

/// Waits until the runs of a task are as wanted.
async fn runs_when(server: &Running, task: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = server.json(&format!("/api/v2/tasks/{task}/runs")).await;
        let runs = answer["runs"].as_array().expect("runs").clone();
        if wanted(&runs) {
            return runs;
        }
        assert!(Instant::now() < end, "{runs:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn has_ended(run: &Value) -> bool {
    run["finishedAt"].is_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_runs_when_its_time_and_offset_have_come() {
    let clock = Arc::new(ManualClock::at(at("2024-03-01T00:30:00Z")));
    let server = Running::with(Limits::default(), clock.clone()).await;
    server.perform_setup().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let flux = "import \"array\"\noption task = {name: \"t\", every: 1h, offset: 5m}\n\
                array.from(rows: [{_time: now(), _measurement: \"ran\", _field: \"v\", _value: 1.0}]) |> to(bucket: \"bench\")";
    let made = server
        .request("POST", "/api/v2/tasks")
        .json(&json!({ "orgID": org, "flux": flux }));
    let made: Value = made
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    let task = made["id"].as_str().expect("an id").to_owned();

    clock.set(at("2024-03-01T01:04:59Z"));
    server.app.tasks.tell_changed();
    assert!(
        server.json(&format!("/api/v2/tasks/{task}/runs")).await["runs"]
            .as_array()
            .expect("runs")
            .is_empty()
    );

    clock.set(at("2024-03-01T01:05:00Z"));
    server.app.tasks.tell_changed();
    let runs = runs_when(&server, &task, |runs| {
        runs.len() == 1 && has_ended(&runs[0])
    })
    .await;
    assert_eq!(runs[0]["status"], "success", "{runs:#?}");
    assert_eq!(runs[0]["scheduledFor"], "2024-03-01T01:00:00Z");

    // Its now() was the time it was scheduled for.
    let flux = "from(bucket: \"bench\") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z) \
                |> filter(fn: (r) => r._measurement == \"ran\") |> keep(columns: [\"_time\"])";
    let query = server
        .request("POST", "/api/v2/query?org=myorg")
        .json(&json!({ "query": flux }));
    let text = query
        .send()
        .await
        .expect("answers")
        .text()
        .await
        .expect("a text");
    assert!(text.contains("2024-03-01T01:00:00Z"), "{text}");

    // Two more hours: two more runs, in order.
    clock.set(at("2024-03-01T03:05:00Z"));
    server.app.tasks.tell_changed();
    let runs = runs_when(&server, &task, |runs| {
        runs.len() == 3 && runs.iter().all(has_ended)
    })
    .await;
    let times: Vec<&str> = runs
        .iter()
        .filter_map(|run| run["scheduledFor"].as_str())
        .collect();
    assert_eq!(
        times,
        [
            "2024-03-01T03:00:00Z",
            "2024-03-01T02:00:00Z",
            "2024-03-01T01:00:00Z"
        ]
    );
    let task = server.json(&format!("/api/v2/tasks/{task}")).await;
    assert_eq!(task["latestCompleted"], "2024-03-01T03:00:00Z");
}

const HOURLY: &str = "import \"array\"\noption task = {name: \"t\", every: 1h}\n\
    array.from(rows: [{_time: now(), _measurement: \"ran\", _field: \"v\", _value: 1.0}]) |> to(bucket: \"bench\")";

/// Makes a task; its id.
async fn make(server: &Running, flux: &str) -> String {
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let request = server
        .request("POST", "/api/v2/tasks")
        .json(&json!({ "orgID": org, "flux": flux }));
    let made: Value = request
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    made["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{made}"))
        .to_owned()
}

/// A server on which an hourly task ran at one o'clock, and that was started again at half past five.
async fn down_for_four_hours(catch_up: bool) -> (Running, String) {
    let clock = Arc::new(ManualClock::at(at("2024-03-01T00:30:00Z")));
    let server = Running::with(Limits::default(), clock.clone()).await;
    server.perform_setup().await;
    let task = make(&server, HOURLY).await;
    clock.set(at("2024-03-01T01:00:00Z"));
    server.app.tasks.tell_changed();
    runs_when(&server, &task, |runs| {
        runs.len() == 1 && has_ended(&runs[0])
    })
    .await;
    let folder = server.stop().await;
    clock.set(at("2024-03-01T05:30:00Z"));
    let settings = Settings {
        catch_up,
        ..settings(&folder)
    };
    (Running::start(folder, settings, clock).await, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_were_missed_are_told() {
    let (server, task) = down_for_four_hours(false).await;
    let runs = runs_when(&server, &task, |runs| {
        runs.len() == 3 && runs.iter().all(has_ended)
    })
    .await;
    let about = |run: &Value| (run["scheduledFor"].clone(), run["status"].clone());
    let mut told: Vec<(Value, Value)> = runs.iter().map(about).collect();
    told.sort_by_key(|(time, _)| time.to_string());
    let expected = [
        ("2024-03-01T01:00:00Z", "success"),
        ("2024-03-01T04:00:00Z", "canceled"),
        ("2024-03-01T05:00:00Z", "success"),
    ];
    assert_eq!(
        told,
        expected.map(|(time, status)| (json!(time), json!(status)))
    );
    let logs = server
        .json(&format!("/api/v2/tasks/{task}/logs"))
        .await
        .to_string();
    assert!(
        logs.contains("3 runs, from 2024-03-01T02:00:00Z to 2024-03-01T04:00:00Z, were missed"),
        "{logs}"
    );
    assert!(logs.contains("--catch-up-tasks"), "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_were_missed_are_made_up_for_if_asked() {
    let (server, task) = down_for_four_hours(true).await;
    let runs = runs_when(&server, &task, |runs| {
        runs.len() == 5 && runs.iter().all(has_ended)
    })
    .await;
    assert!(
        runs.iter().all(|run| run["status"] == "success"),
        "{runs:#?}"
    );
    let query = "from(bucket: \"bench\") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z) \
                 |> filter(fn: (r) => r._measurement == \"ran\") |> count() |> keep(columns: [\"_value\"])";
    let (status, text) = server.query(query).await;
    assert!(status == 200 && text.contains(",5\r\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_retried_for_its_own_time() {
    let clock = Arc::new(ManualClock::at(at("2024-03-01T00:30:00Z")));
    let server = Running::with(Limits::default(), clock.clone()).await;
    server.perform_setup().await;
    let flux =
        "option task = {name: \"t\", every: 1h}\nfrom(bucket: \"nowhere\") |> range(start: -1h)";
    let task = make(&server, flux).await;
    clock.set(at("2024-03-01T01:00:00Z"));
    server.app.tasks.tell_changed();
    let runs = runs_when(&server, &task, |runs| {
        runs.len() == 1 && has_ended(&runs[0])
    })
    .await;
    assert_eq!(runs[0]["status"], "failed", "{runs:#?}");
    let path = format!(
        "/api/v2/tasks/{task}/runs/{}",
        runs[0]["id"].as_str().expect("an id")
    );
    let repaired = server
        .request("PATCH", &format!("/api/v2/tasks/{task}"))
        .json(&json!({ "flux": HOURLY }));
    assert_eq!(repaired.send().await.expect("answers").status(), 200);
    clock.set(at("2024-03-01T01:20:00Z"));
    let retry = server.request("POST", &format!("{path}/retry"));
    assert_eq!(retry.send().await.expect("answers").status(), 200);
    let runs = runs_when(&server, &task, |runs| {
        runs.len() == 2 && runs.iter().all(has_ended)
    })
    .await;
    assert_eq!(runs[0]["status"], "success", "{runs:#?}");
    assert_eq!(runs[0]["scheduledFor"], "2024-03-01T01:00:00Z");
    assert!(runs[0]["requestedAt"].is_string(), "{runs:#?}");
}
