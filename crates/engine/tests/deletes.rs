//! Deletes take what they name and nothing else, whichever way they come, and leave a line in the audit log.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use serde_json::{Value, json};
use watchpost_engine::clock::SystemClock;

use crate::running::{Running, settings};

/// Three series: two with the tag `t`, one without.
const LINES: &str = "ne,t=a v=1 1000\nne,t=b v=1 1000\nne v=2 1000\nother,host=x v=3 1000";

/// The tags of what is left, as `measurement t`.
async fn left(server: &Running) -> Vec<String> {
    let answer = server.json("/query?db=bench&q=SHOW%20SERIES").await;
    let rows = answer["results"][0]["series"][0]["values"]
        .as_array()
        .cloned();
    let rows = rows.unwrap_or_default();
    rows.iter()
        .map(|row| row[0].as_str().expect("a series").to_owned())
        .collect()
}

async fn delete(server: &Running, predicate: &str) -> (u16, String) {
    let request = server
        .request("POST", "/api/v2/delete?org=myorg&bucket=bench")
        .json(&json!({
            "start": "1970-01-01T00:00:00Z",
            "stop": "2030-01-01T00:00:00Z",
            "predicate": predicate,
        }));
    let answer = request.send().await.expect("answers");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a text"))
}

/// A text as a value of an address or a form.
pub(crate) fn encoded(text: &str) -> String {
    let of_byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(of_byte).collect()
}

/// Asks a statement of version 1's route.
async fn statement(server: &Running, method: &str, text: &str) -> Value {
    let path = format!("/query?db=bench&q={}", encoded(text));
    let request = server.request(method, &path);
    let answer = request.send().await.expect("answers");
    answer.json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predicate_takes_what_it_names() {
    let all = ["ne", "ne,t=a", "ne,t=b", "other,host=x"];
    let cases: &[(&str, u16, &[&str])] = &[
        (
            "_measurement=\"ne\" AND t!=\"a\"",
            204,
            &["ne", "ne,t=a", "other,host=x"],
        ),
        ("nope!=\"x\"", 204, &all),
        ("_measurement=\"ne\" AND nope!=\"x\"", 204, &all),
        ("t=\"\"", 204, &all),
        ("t!=\"\"", 204, &["ne", "other,host=x"]),
        ("t=a", 204, &["ne", "ne,t=b", "other,host=x"]),
        // The measurements before the one that is named, and none where no one has that name.
        ("_measurement!=\"ne\"", 204, &all),
        ("_measurement!=\"other\"", 204, &["other,host=x"]),
        (
            "_measurement!=\"other\" AND t=\"a\"",
            204,
            &["ne", "ne,t=b", "other,host=x"],
        ),
        ("_measurement!=\"zzz\"", 204, &all),
        ("_measurement!=\"\"", 204, &all),
        (
            "((t=\"a\") AND (_measurement=\"ne\"))",
            204,
            &["ne", "ne,t=b", "other,host=x"],
        ),
        ("_field!=\"v\"", 204, &all),
        (" ", 400, &all),
        ("\t", 400, &all),
        ("\n", 400, &all),
        ("  ", 400, &all),
        ("()", 400, &all),
        ("t='a'", 400, &all),
        ("from=\"x\"", 400, &all),
        ("t=\"a\" AND", 400, &all),
        ("t=\"a\" OR t=\"b\"", 400, &all),
        ("t=~\"a\"", 400, &all),
        ("t=\"a", 400, &all),
        ("(t=\"a\"", 400, &all),
        ("t=\"a\")", 400, &all),
        ("_field=\"v\"", 501, &all),
        ("_field=\"v\" OR t=\"a\"", 400, &all),
        ("(_field=\"v\"", 400, &all),
        ("t=\"a\" -- x", 400, &all),
        ("t=\"a\" /* x */", 400, &all),
        ("/* x */ t=\"a\"", 400, &all),
        ("t=\"--/*\"", 204, &all),
        ("", 204, &[]),
    ];
    let server = Running::set_up().await;
    for (predicate, status, expected) in cases {
        assert_eq!(server.write(LINES).await.0, 204);
        let (given, text) = delete(&server, predicate).await;
        assert_eq!(given, *status, "{predicate:?}: {text}");
        assert_eq!(left(&server).await, *expected, "{predicate:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_alone_is_no_time() {
    let server = Running::set_up().await;
    assert_eq!(server.write(LINES).await.0, 204);
    let request = server
        .request("POST", "/api/v2/delete?org=myorg&bucket=bench")
        .json(&json!({ "start": "1970-01-01", "stop": "2030-01-01T00:00:00Z" }));
    assert_eq!(request.send().await.expect("answers").status(), 400);
    assert_eq!(left(&server).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_predicate_of_any_size_ends_no_server() {
    let server = Running::set_up().await;
    assert_eq!(server.write(LINES).await.0, 204);
    for predicate in [
        format!("{}t=\"a\"", "(".repeat(100_000)),
        format!("t=\"a\"{}", " AND t=\"a\"".repeat(100_000)),
        format!("t={}1", "-".repeat(100_000)),
    ] {
        let (status, text) = delete(&server, &predicate).await;
        assert_eq!(status, 400, "{text}");
    }
    assert_eq!(left(&server).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_deletes_is_taken_by_post_alone() {
    let server = Running::set_up().await;
    assert_eq!(server.write(LINES).await.0, 204);
    let answer = statement(&server, "GET", "DELETE FROM ne; SHOW MEASUREMENTS").await;
    let error = answer["results"][0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("by POST alone"), "{answer}");
    assert!(answer["results"][1]["series"].is_array(), "{answer}");
    assert_eq!(left(&server).await.len(), 4);
    statement(&server, "POST", "DELETE FROM ne").await;
    assert_eq!(left(&server).await, ["other,host=x"]);
    let log = std::fs::read_to_string(server.folder().join("audit.log")).expect("a log");
    let lines = log.lines().filter(|line| line.contains("InfluxQL DELETE"));
    assert_eq!(lines.count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_a_line_in_the_audit_log_deletes_nothing() {
    let folder = Running::set_up().await.stop().await;
    let log = folder.path().join("audit.log");
    std::fs::remove_file(&log).expect("was there");
    symlink("/dev/full", log).expect("a link");
    let settings = settings(&folder);
    let server = Running::start(folder, settings, Arc::new(SystemClock)).await;
    assert_eq!(server.write(LINES).await.0, 204);
    let answer = statement(&server, "POST", "DELETE FROM ne").await;
    let error = answer["results"][0]["error"].as_str().unwrap_or_default();
    assert!(error.contains("nothing was deleted"), "{answer}");
    assert_eq!(left(&server).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_utf_8_cost_no_other_line() {
    let server = Running::set_up().await;
    let lines: &[u8] =
        b"good v=1 1000\nbad,h=\xff\xfe v=1 1000\nbad,h=M\xfcnster v=1 1000\ngood v=2 2000";
    assert_eq!(server.write(lines.to_vec()).await, (204, String::new()));
    let series = left(&server).await;
    assert_eq!(series, ["bad,h=Münster", "bad,h=ÿþ", "good"]);
}
