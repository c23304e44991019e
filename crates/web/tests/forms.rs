//! JSON, CSV and lines of JSON, and lists that go on with a cursor.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::Fixture;

#[test]
fn rows_of_several_hosts_come_once_each_by_the_cursor() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for host in ["a~b", "web-1", "web 2"] {
        for ago in [50, 40, 30, 20, 10] {
            fixture.write_host(&host.replace(' ', "\\ "), 20.0, 40.0, ago);
        }
    }
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    for _ in 0..10 {
        let answer = fixture.get(&format!("/metrics?start=5&end=0&limit=4{cursor}"));
        for row in answer.json().as_array().unwrap() {
            let key = format!("{} {}", row["_time"], row["host"]);
            assert!(seen.insert(key), "twice: {row}");
            assert_eq!(
                row["memory_usage"], 40.0,
                "a row is whole wherever a page ends: {row}"
            );
        }
        match answer.headers.get("x-next-cursor") {
            Some(next) => cursor = format!("&cursor={}", next.to_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen.len(), 15, "{seen:?}");
    let csv = fixture.get("/metrics?start=5&end=0&host=web-1&format=csv");
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert!(csv.body.starts_with("_time,host,"), "{}", csv.body);
    assert_eq!(csv.body.lines().count(), 6);
}

#[test]
fn one_answer_in_three_forms() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for ago in [30, 20] {
        fixture.write_host("web-1", 20.0, 40.0, ago);
    }
    fixture.write_host("=cmd()", 20.0, 40.0, 1);
    fixture.wait_for_host("=cmd()");
    let path = "/api/v1/series?metric=cpu_usage_percent&host=web-1&range=5m&band=true";
    let lines = fixture.get(&format!("{path}&format=ndjson"));
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    let rows: Vec<Value> = lines
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["host"], &rows[0]["max"]),
        (&json!("web-1"), &json!(20.0))
    );
    let accepted = fixture.send(
        fixture
            .http
            .get(fixture.url(path))
            .header("accept", "application/x-ndjson"),
    );
    assert_eq!(
        accepted.body, lines.body,
        "the Accept header says the same as format"
    );
    let saved = fixture.get(&format!("{path}&format=csv&download=true"));
    assert_eq!(
        saved.headers["content-disposition"],
        "attachment; filename=\"cpu_usage_percent.csv\""
    );
    let hosts = fixture.get("/api/v1/hosts?format=csv");
    assert!(
        hosts.body.contains("\r\n'=cmd(),"),
        "no formula for a spreadsheet: {}",
        hosts.body
    );
    let wrong = fixture.get(&format!("{path}&format=xml"));
    assert_eq!(wrong.json()["error"]["field"], "format");
}

#[test]
fn a_batch_answers_as_its_parts_do() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    fixture.write_host("web-1", 20.0, 40.0, 30);
    let range = "host=web-1&start=-10m&stop=-1s&resolution=10m";
    let batch = fixture
        .get(&format!(
            "/api/v1/series/batch?metrics=memory_usage_percent,cpu_usage_percent:each&{range}"
        ))
        .json();
    let answers = batch["answers"].as_array().unwrap();
    assert_eq!(answers[0]["metric"], "memory_usage_percent");
    assert_eq!(answers[0]["series"][0]["value"], json!([40.0]));
    assert_eq!(answers[1]["series"][0]["tags"]["cpu"], "0");
    let csv = fixture.get(&format!(
        "/api/v1/series/batch?metrics=memory_usage_percent,cpu_usage_percent:each&{range}&format=csv&download=true"
    ));
    let lines: Vec<&str> = csv.body.lines().collect();
    assert_eq!(lines[0], "time,host,metric,value,cpu");
    assert!(
        lines[1].ends_with(",web-1,memory_usage_percent,40.0,"),
        "{lines:?}"
    );
    assert!(
        lines[2].ends_with(",web-1,cpu_usage_percent,20.0,0"),
        "{lines:?}"
    );
    assert_eq!(
        csv.headers["content-disposition"],
        "attachment; filename=\"series.csv\""
    );
    for (query, field) in [
        ("", "metrics"),
        ("metrics=nonsense", "metrics"),
        ("metrics=cpu_load_1m&metric=x", "metric"),
        ("metrics=cpu_load_1m&start=soon", "start"),
    ] {
        let answer = fixture.get(&format!("/api/v1/series/batch?{query}"));
        assert_eq!(
            (answer.status, answer.json()["error"]["field"].clone()),
            (400, json!(field)),
            "{query}"
        );
    }
}
