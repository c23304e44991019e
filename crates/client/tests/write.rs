//! Writing: every answer of a server and what it tells the caller to do.

use std::fmt::Write as _;

use proptest::prelude::*;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::cases;

use crate::scripted::{Answer, Scripted};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn shown(outcome: &Outcome) -> String {
    let Outcome::RejectedLines(rejection) = outcome else {
        return format!("{outcome:?}\n");
    };
    let mut text = format!(
        "RejectedLines of {}, rest stored: {}, dropped: {:?}\n",
        rejection.status, rejection.rest_stored, rejection.dropped
    );
    for line in &rejection.lines {
        let _ = writeln!(
            text,
            "line {:?}: {:?}: {}",
            line.number, line.text, line.reason
        );
    }
    text
}

#[test]
fn every_answer_is_an_outcome() {
    cases::run("testdata/write.md", |case| {
        runtime().block_on(async {
            let server = Scripted::start(vec![Answer::parse(case.input("answer"))]).await;
            let lines = case.optional("lp").unwrap_or("m v=1 1\n").as_bytes();
            let kind = case.optional("kind").unwrap_or("influxdb2").trim();
            let config = ClientConfig {
                kind: kind.parse().unwrap(),
                gzip: false,
                ..server.config()
            };
            let client = Client::new(config).unwrap();
            let outcome = client.write("b", Precision::Nanoseconds, lines).await;
            let sent: String = match kind {
                "influxdb2" => String::new(),
                _ => {
                    let requests = server.requests().into_iter();
                    requests
                        .map(|request| format!("sent {}\n{}", request.line, request.body))
                        .collect()
                }
            };
            shown(&outcome) + &sent
        })
    });
}

#[test]
fn every_suite_is_run() {
    cases::assert_none_forgotten(
        "testdata",
        &[
            "answers.md",
            "management.md",
            "query.md",
            "questions.md",
            "write.md",
        ],
    );
}

#[tokio::test]
async fn a_body_is_packed_and_says_where_it_goes() {
    let server = Scripted::start(vec![Answer::status(204), Answer::status(204)]).await;
    let lines = b"cpu,host=a v=1 1709251200\n";
    let client = server.client();
    assert_eq!(
        client
            .write("my bucket/ä&", Precision::Seconds, lines)
            .await,
        Outcome::Done
    );
    let plain = Client::new(ClientConfig {
        gzip: false,
        org: String::new(),
        ..server.config()
    })
    .unwrap();
    assert_eq!(
        plain.write("b", Precision::Nanoseconds, lines).await,
        Outcome::Done
    );
    let requests = server.requests();
    assert_eq!(
        requests[0].line,
        "POST /api/v2/write?org=my+org&bucket=my+bucket%2F%C3%A4%26&precision=s"
    );
    assert_eq!(requests[0].headers["content-encoding"], "gzip");
    assert_eq!(requests[1].line, "POST /api/v2/write?bucket=b&precision=ns");
    assert!(!requests[1].headers.contains_key("content-encoding"));
    for request in &requests {
        assert_eq!(request.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(request.body.as_bytes(), lines);
    }
}

#[tokio::test]
async fn no_connection_means_to_try_again() {
    let server = Scripted::start(vec![Answer::Closed]).await;
    let outcome = server
        .client()
        .write("b", Precision::Nanoseconds, b"m v=1")
        .await;
    assert!(
        matches!(outcome, Outcome::RetryAfter { after: None, .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn without_its_token_file_a_write_is_refused_and_nothing_is_lost() {
    let token = TokenSource::file("/nonexistent/token");
    let client = Client::new(ClientConfig {
        token,
        ..ClientConfig::default()
    })
    .unwrap();
    let outcome = client.write("b", Precision::Nanoseconds, b"m v=1").await;
    let Outcome::Refused {
        status: 0, message, ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert!(
        message.starts_with("token file /nonexistent/token: "),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_message_is_an_outcome(message in "\\PC{0,40}(unable to parse '\\PC{0,20}': \\PC{0,10}\n?){0,3}", lines in "\\PC{0,40}") {
        runtime().block_on(async {
            let body = serde_json::json!({ "code": "invalid", "message": message }).to_string();
            let server = Scripted::start(vec![Answer::Full(400, String::new(), body)]).await;
            server.client().write("b", Precision::Nanoseconds, lines.as_bytes()).await;
        });
    }
}
