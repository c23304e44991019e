//! InfluxQL as version 1's `/query` answers it: cases over one set of points (`testdata/influxql/*.md`).
//!
//! A case is a query (`influxql`), perhaps parameters of the URL (`parameters`), and the answer: CSV, or JSON where
//! parameters are given. `push_down.md` shows what storage is asked instead.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;
use watchpost_engine::clock::ManualClock;
use watchpost_engine::limits::Limits;
use watchpost_testkit::cases::{self, Case};

use crate::running::Running;

/// 2024-03-01T00:10:00Z: what `now()` is.
const NOW: i64 = 1_709_251_800_000_000_000;

async fn answer(server: &Running, case: &Case, wants_explain: bool) -> String {
    let parameters = case.optional("parameters").unwrap_or_default().trim();
    let query = case.input("influxql");
    let mut request = server
        .request("POST", &format!("/query?db=bench&{parameters}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("x-watchpost-explain", "yes")
        .body(format!("q={}", escaped(query.trim())));
    if parameters.is_empty() {
        request = request.header("Accept", "application/csv");
    }
    let answer = request.send().await.expect("answers");
    let explain = answer.headers().get("x-watchpost-explain").cloned();
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
    if wants_explain {
        let explain = explain.expect("an explanation");
        return explain
            .to_str()
            .expect("a text")
            .replace("; read", ";\nread")
            + "\n";
    }
    match status {
        200 => text,
        status => format!("{status}\n{text}"),
    }
}

/// What a form cannot hold as it is.
fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('+', "%2B")
        .replace('&', "%26")
}

/// A point every 15 minutes around changes of clocks.
fn clock_lines() -> String {
    let days = [
        "2021-10-30T12:00:00Z",
        "2021-03-27T12:00:00Z",
        "2021-04-03T00:00:00Z",
        "2021-10-02T00:00:00Z",
    ];
    let mut lines = String::new();
    for day in days {
        let start = watchpost_engine::clock::parse_rfc3339(day).expect("a time");
        for turn in 0..192_i64 {
            let time = start + turn * 900_000_000_000;
            lines.push_str(&format!("clock v={turn} {time}\n"));
        }
    }
    lines
}

#[test]
fn queries_are_answered() {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(async {
        let clock = Arc::new(ManualClock::at(NOW));
        let server = Running::with(Limits::default(), clock).await;
        server.perform_setup().await;
        let lines = include_str!("../testdata/influxql/data.lp");
        assert_eq!(server.write(lines).await, (204, String::new()));
        assert_eq!(server.write(clock_lines()).await, (204, String::new()));
        server
    });
    let folder = Path::new("testdata/influxql");
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    files.sort();
    assert!(files.len() > 3, "{files:?}");
    for file in files {
        let wants_explain = file.ends_with("push_down.md");
        cases::run(&file, |case| {
            runtime.block_on(answer(&server, case, wants_explain))
        });
    }
}
