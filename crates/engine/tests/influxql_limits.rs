//! Statements of InfluxQL that grow without end, or that their sender may not ask, end in an answer.

use std::sync::Arc;

use serde_json::{Value, json};
use watchpost_engine::clock::SystemClock;
use watchpost_engine::influxql::{CompileError, compile, outline};
use watchpost_engine::limits::Limits;
use watchpost_engine::memory::Memory;

use crate::deletes::encoded;
use crate::running::{Running, TOKEN};

/// Statements that grow in every place where one can, with a word that the refusal has; none: it is carried out.
fn tall() -> Vec<(String, &'static str)> {
    let many = |part: &str, count: usize| part.repeat(count);
    vec![
        (
            format!("SELECT {}1 FROM cpu", many("- ", 60_000)),
            "found -",
        ),
        (format!("SELECT {}1 FROM cpu", many("-(", 60_000)), "nested"),
        (
            format!("SELECT v{} FROM cpu", many("+1", 900_000)),
            "more than",
        ),
        (
            format!("SELECT v{} FROM cpu", many("+1", 9_000)),
            "more than",
        ),
        (
            format!("SELECT v FROM cpu WHERE v=1{}", many(" OR v=1", 300_000)),
            "more than",
        ),
        (
            format!("SELECT v FROM cpu WHERE v=1{}", many(" OR v=1", 20_000)),
            "",
        ),
        (
            format!("SELECT v FROM cpu WHERE v=1{}", many(" AND v=1", 20_000)),
            "",
        ),
        (
            format!("SELECT v FROM cpu WHERE h='a'{}", many(" OR h='a'", 20_000)),
            "",
        ),
        (
            format!("SELECT v FROM cpu WHERE v{}", many("=1", 90_000)),
            "more than",
        ),
        (
            format!("SELECT v FROM cpu WHERE {}v=1", many("(", 100_000)),
            "nested",
        ),
        (
            format!("SELECT {}v FROM cpu", many("abs(", 60_000)),
            "nested",
        ),
        (
            format!("SELECT v FROM {}cpu", many("(SELECT v FROM ", 30_000)),
            "nested",
        ),
        (
            format!("SELECT v FROM cpu{}", many(";SELECT v FROM cpu", 50_000)),
            "more than",
        ),
        (
            format!("SELECT v FROM cpu GROUP BY h{}", many(",h", 150_000)),
            "more than",
        ),
        (
            format!("SELECT v{} FROM cpu", many(",v", 150_000)),
            "more than",
        ),
        (
            format!("SELECT v FROM cpu WHERE h =~ /{}a/", many("(", 100_000)),
            "",
        ),
        (
            format!(
                "SELECT v FROM cpu WHERE h =~ /a/{}",
                many(" OR h =~ /a{900}/", 500)
            ),
            "",
        ),
        (
            (1..34).fold("SELECT v FROM cpu WHERE h =~ /a/".to_owned(), |text, n| {
                format!("{text} OR h =~ /a{{{n}}}b{{900}}/")
            }),
            "more than 32 patterns",
        ),
        (
            format!("DELETE FROM cpu WHERE h='a'{}", many(" AND h='a'", 90_000)),
            "more than",
        ),
        (
            format!("SHOW TAG VALUES WITH KEY IN (a{})", many(",a", 150_000)),
            "more than",
        ),
    ]
}

/// A server without any memory left still counts the patterns of a request, and compiles none.
#[test]
fn patterns_are_counted_first_and_compiled_within_the_memory() {
    let with = |patterns: &[String]| {
        let conditions: Vec<_> = patterns.iter().map(|one| format!("h =~ /{one}/")).collect();
        format!("SELECT v FROM cpu WHERE {}", conditions.join(" OR "))
    };
    let full = Memory::limited_to(1);
    let different: Vec<_> = (0..33).map(|n| format!("web-{n}|db-{n}")).collect();
    let refused = outline(&with(&different)).unwrap_err().to_string();
    assert!(refused.contains("more than 32 patterns"), "{refused}");
    let some = with(&different[..32]);
    outline(&some).unwrap();
    let refused = compile(&some, &full).unwrap_err();
    assert!(matches!(refused, CompileError::Memory(_)), "{refused}");
    compile(&some, &Memory::limited_to(usize::MAX)).unwrap();
    // One pattern in every statement of a dashboard is one pattern.
    let often = vec![different[0].clone(); 100];
    outline(&with(&often)).unwrap();
}

async fn ask(server: &Running, token: &str, text: &str) -> (u16, String) {
    let request = server
        .client
        .post(format!("{}/query?db=bench", server.url))
        .header("Authorization", format!("Token {token}"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("q={}", encoded(text)));
    let answer = request.send().await.expect("answers");
    (
        answer.status().as_u16(),
        answer.text().await.expect("a text"),
    )
}

/// A token that may do one thing to the bucket alone.
async fn token(server: &Running, action: &str) -> String {
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let bucket = server.json("/api/v2/buckets?name=bench").await["buckets"][0]["id"].clone();
    let resource = json!({ "type": "buckets", "orgID": org, "id": bucket });
    let request =
        json!({ "orgID": org, "permissions": [{ "action": action, "resource": resource }] });
    let made = server
        .request("POST", "/api/v2/authorizations")
        .json(&request)
        .send()
        .await
        .expect("answers");
    let made: Value = made.json().await.expect("JSON");
    made["token"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_any_height_ends_no_server() {
    let server = Running::set_up().await;
    assert_eq!(server.write("cpu,h=a v=1 1000").await.0, 204);
    for (text, refusal) in tall() {
        let (status, answer) = ask(&server, TOKEN, &text).await;
        let shown = &text[..text.len().min(80)];
        assert!(status == 200 || status == 400, "{shown}: {status} {answer}");
        assert!(answer.contains(refusal), "{shown}: {answer}");
    }
    assert_eq!(server.json("/health").await["status"], "pass");
}

/// A dashboard's variable makes them; InfluxDB takes as many.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_names_are_one_pattern() {
    let server = Running::set_up().await;
    let line = "cpu,h=web-1999.prod.example.org v=7 1000";
    assert_eq!(server.write(line).await.0, 204);
    let names: Vec<String> = (0..2_000)
        .map(|number| format!("web-{number:04}.prod.example.org"))
        .collect();
    let pattern = names.join("|");
    let text = format!("SELECT v FROM cpu WHERE h =~ /^({pattern})$/");
    let (status, answer) = ask(&server, TOKEN, &text).await;
    assert!(status == 200 && answer.contains("7]"), "{status} {answer}");
}

/// A text of half a megabyte in each of a few columns or windows is as much memory as that many texts.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_long_texts_are_on_the_account_of_their_statement() {
    let limits = Limits {
        max_query_bytes: 8 << 20,
        ..Limits::default()
    };
    let server = Running::with(limits, Arc::new(SystemClock)).await;
    server.perform_setup().await;
    let text = "x".repeat(500_000);
    for time in 1..=3 {
        let line = format!("m s=\"{text}\" {time}");
        assert_eq!(server.write(line).await.0, 204);
    }
    let columns: Vec<String> = (0..40).map(|number| format!("s AS c{number}")).collect();
    let columns = columns.join(", ");
    let within = "time >= 0 AND time < 1000";
    for statement in [
        format!("SELECT {columns} FROM m"),
        format!("SELECT {columns} FROM (SELECT s FROM m)"),
        format!("SELECT last(s) FROM m WHERE {within} GROUP BY time(1ns) fill(previous)"),
        format!(
            "SELECT last(s), s FROM m; {}",
            "SELECT s FROM m;".repeat(20)
        ),
    ] {
        let (status, answer) = ask(&server, TOKEN, &statement).await;
        let shown = &answer[..answer.len().min(300)];
        assert!(answer.contains("--max-query-bytes"), "{status} {shown}");
        assert!(answer.len() < 8 << 20, "{}", answer.len());
    }
    let (status, answer) = ask(&server, TOKEN, "SELECT s FROM m").await;
    assert_eq!((status, answer.matches(&text).count()), (200, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_may_not_ask_takes_no_turn() {
    let server = Running::set_up().await;
    assert_eq!(server.write("cpu,h=a v=1 1000").await.0, 204);
    let writer = token(&server, "write").await;
    let reader = token(&server, "read").await;
    let (status, answer) = ask(&server, &writer, "SELECT v FROM cpu; SHOW SERIES").await;
    assert_eq!(status, 200);
    assert_eq!(answer.matches("database not found").count(), 2, "{answer}");
    let (_, answer) = ask(&server, &reader, "DELETE FROM cpu").await;
    assert!(answer.contains("database not found"), "{answer}");
    let (_, answer) = ask(&server, &reader, "SELECT v FROM cpu").await;
    assert!(answer.contains("values"), "{answer}");
}
