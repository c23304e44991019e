//! Replays the Flux answers recorded from InfluxDB over HTTP: data written as line protocol, queries sent as clients send
//! them, annotated CSV read back. The cases, and their notation, are the language's own (`crates/flux/testdata/golden` and `functions`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;
use tokio::runtime::Runtime;
use watchpost_core::csv::{Column, DataType, ReadError, Table, Value, format_float, read_tables};
use watchpost_core::time::format_rfc3339;
use watchpost_testkit::cases::{self, Case, Mode};

use crate::running::Running;

#[path = "../../flux/tests/answers.rs"]
#[allow(dead_code)]
mod answers;

use answers::Answer;

/// The most rows of an answer.
const ROWS: usize = 1_000_000;

/// What `now()` answers unless a case sets it.
const NOW: &str = "2024-03-02T00:00:00Z";

fn testdata(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../flux/testdata")).join(path)
}

async fn loaded() -> Running {
    let server = Running::set_up().await;
    let org = server.json("/api/v2/orgs?org=myorg").await["orgs"][0]["id"].clone();
    for name in ["fleet", "edge", "stats", "calendar", "sink"] {
        let bucket =
            json!({ "orgID": org, "name": format!("golden_{name}"), "retentionRules": [] });
        let made = server
            .request("POST", "/api/v2/buckets")
            .json(&bucket)
            .send()
            .await
            .expect("answers");
        assert_eq!(made.status(), 201);
        for part in ["", ".2"] {
            let Ok(lines) = std::fs::read(testdata(&format!("data/{name}{part}.lp"))) else {
                continue;
            };
            let path = format!("/api/v2/write?org=myorg&bucket=golden_{name}&precision=ns");
            let written = server
                .request("POST", &path)
                .body(lines)
                .send()
                .await
                .expect("answers");
            let status = written.status();
            assert!(
                status == 204,
                "{name}{part}: {status} {}",
                written.text().await.expect("a text")
            );
        }
    }
    server
}

/// What a query was answered: tables, or the status and message of its refusal.
enum Answered {
    Tables(Vec<Answer>),
    Refused(u16, String),
}

async fn ask(server: &Running, text: &str) -> Answered {
    let request = json!({
        "query": text,
        "type": "flux",
        "now": NOW,
        "dialect": { "header": true, "delimiter": ",", "annotations": ["datatype", "group", "default"] },
    });
    let answer = server
        .request("POST", "/api/v2/query?org=myorg")
        .json(&request)
        .send()
        .await
        .expect("answers");
    let status = answer.status().as_u16();
    let body = answer.bytes().await.expect("a body");
    if status != 200 {
        let error: serde_json::Value = serde_json::from_slice(&body).expect("a JSON error");
        assert!(error["code"].is_string(), "{error}");
        return Answered::Refused(
            status,
            error["message"].as_str().expect("a message").to_owned(),
        );
    }
    match read_tables(&body, ROWS) {
        Ok(tables) => Answered::Tables(tables.iter().map(of_table).collect()),
        Err(ReadError::Query { message, .. }) => Answered::Refused(status, message),
        Err(error) => panic!(
            "the answer cannot be read: {error}\n{}",
            String::from_utf8_lossy(&body)
        ),
    }
}

fn kind(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "bool",
        DataType::Long => "int",
        DataType::UnsignedLong => "uint",
        DataType::Double => "float",
        DataType::String => "string",
        DataType::Time => "time",
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Float(value) => format_float(*value),
        Value::String(value) => value.to_string(),
        Value::Time(value) => format_rfc3339(*value),
    }
}

fn of_table(table: &Table) -> Answer {
    let label = |column: &Column| format!("{}:{}", column.label, kind(column.data_type));
    let mut head = vec![table.result.to_string()];
    let first = table.rows().next();
    for (place, column) in table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.group)
    {
        let value = first.map_or_else(|| column.default.clone(), |row| cell(&row.values[place]));
        head.push(format!("{}={value}", label(column)));
    }
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|place| !table.columns[*place].group)
        .collect();
    Answer {
        head,
        columns: shown
            .iter()
            .map(|place| label(&table.columns[*place]))
            .collect(),
        rows: table
            .rows()
            .map(|row| {
                shown
                    .iter()
                    .map(|place| cell(&row.values[*place]))
                    .collect()
            })
            .collect(),
    }
}

/// The expectation itself if the answer agrees with it, else what came.
fn compare(runtime: &Runtime, server: &Running, case: &Case) -> String {
    let expected = case.expected().unwrap_or("");
    let came = runtime.block_on(ask(server, case.input("flux")));
    match (expected.strip_prefix("error "), came) {
        // The class of the status counts; where the recorded server failed inside, a bad request is as good.
        (Some(refusal), Answered::Refused(status, message)) if !message.is_empty() => {
            let is_same =
                refusal.starts_with(&status.to_string()[..1]) || (400..500).contains(&status);
            if is_same {
                expected.to_owned()
            } else {
                format!("error {status}\n{message}\n")
            }
        }
        (_, Answered::Refused(status, message)) => format!("error {status}\n{message}\n"),
        (None, Answered::Tables(tables)) if answers::agree(&answers::read(expected), &tables) => {
            expected.to_owned()
        }
        (_, Answered::Tables(tables)) => format!("{}\n", answers::write(&tables)),
    }
}

fn known_differences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(testdata("known_differences.md")).unwrap_or_default();
    let entries = text
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split_once(": "));
    entries
        .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
        .collect()
}

#[test]
fn every_recorded_flux_answer_comes_over_http() {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(loaded());
    let known = known_differences();
    let mut groups: Vec<String> = std::fs::read_dir(testdata("golden"))
        .expect("the cases")
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".md")
                .map(str::to_owned)
        })
        .filter(|group| group != "README")
        .collect();
    groups.sort();
    assert!(!groups.is_empty());
    let mut failed = Vec::new();
    for group in &groups {
        let test = |case: &Case| {
            let expected = case.expected().unwrap_or("").to_owned();
            // What differs in the language is told, case by case, there.
            let name = format!("{group}/{}", case.name);
            match known.contains_key(&name) {
                true => expected,
                false => compare(&runtime, &server, case),
            }
        };
        // Every group is replayed, also after one that differs: its panic shows where.
        let path = testdata(&format!("golden/{group}.md"));
        let replay = std::panic::AssertUnwindSafe(|| cases::run_in_mode(Mode::Compare, path, test));
        if std::panic::catch_unwind(replay).is_err() {
            failed.push(group);
        }
    }
    assert!(failed.is_empty(), "groups that differ: {failed:?}");
}

/// All case files below a folder.
fn case_files(folder: PathBuf) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(case_files(path));
        } else if path.file_name().is_some_and(|name| name != "README.md") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn every_function_answers_over_http() {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(loaded());
    let mut failed = Vec::new();
    for path in case_files(testdata("functions")) {
        let test = |case: &Case| compare(&runtime, &server, case);
        let replay = std::panic::AssertUnwindSafe(|| {
            cases::run_in_mode(Mode::Compare, path.clone(), test);
        });
        if std::panic::catch_unwind(replay).is_err() {
            failed.push(path);
        }
    }
    assert!(failed.is_empty(), "functions that differ: {failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_a_record_that_the_script_reads() {
    let server = Running::set_up().await;
    let ask = async |params: serde_json::Value| {
        let script = "import \"array\"\narray.from(rows: [{_value: params.host + string(v: params.least * 2.0), \
                      n: params.n, is: params.is}])";
        let request = server
            .request("POST", "/api/v2/query?org=myorg")
            .json(&json!({ "query": script, "params": params }));
        let answer = request.send().await.expect("answers");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a text"),
        )
    };
    // A text stays a text, whatever it holds.
    let params = json!({ "host": "a\"}${b}", "least": 1.5e3, "n": -2, "is": true });
    let (status, text) = ask(params).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains(",\"a\"\"}${b}3000\",-2,true\r\n"), "{text}");
    let (status, text) = ask(json!({ "host": ["a"] })).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("params: \\\"host\\\""), "{text}");
}
