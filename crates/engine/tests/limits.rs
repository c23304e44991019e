//! Limits over HTTP: what is beyond one is told with what to do, and what comes after is served as before.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use watchpost_engine::clock::SystemClock;
use watchpost_engine::limits::Limits;

use crate::running::Running;

async fn limited(limits: Limits) -> Running {
    let server = Running::with(limits, Arc::new(SystemClock)).await;
    server.perform_setup().await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decompression_bomb_is_refused() {
    let limits = Limits {
        max_body_bytes: 100_000,
        ..Limits::default()
    };
    let server = limited(limits).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all("m v=1\n".repeat(1_000_000).as_bytes())
        .expect("compresses");
    let bomb = encoder.finish().expect("compresses");
    assert!(
        bomb.len() < 50_000,
        "its {} bytes pass the first look",
        bomb.len()
    );
    let request = server
        .request("POST", "/api/v2/write?org=myorg&bucket=bench")
        .header("Content-Encoding", "gzip")
        .body(bomb);
    let answer = request.send().await.expect("answers");
    assert_eq!(answer.status(), 413);
    let text = answer.text().await.expect("a text");
    assert!(text.contains("--max-body-bytes"), "{text}");
    assert_eq!(server.write("m v=1").await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_a_turn_is_told_to_come_again() {
    let limits = Limits {
        max_concurrent_writes: 1,
        write_wait_seconds: 0,
        ..Limits::default()
    };
    let server = limited(limits).await;
    let turn = server
        .app
        .write_turns
        .clone()
        .acquire_owned()
        .await
        .expect("open");
    let request = server
        .request("POST", "/api/v2/write?org=myorg&bucket=bench")
        .body("m v=1");
    let answer = request.send().await.expect("answers");
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let text = answer.text().await.expect("a text");
    assert!(text.contains("--max-concurrent-writes"), "{text}");
    drop(turn);
    assert_eq!(server.write("m v=1").await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_memory_limit_writes_and_queries_are_refused_until_it_is_free() {
    let limits = Limits {
        max_memory_bytes: 1 << 30,
        ..Limits::default()
    };
    let server = limited(limits).await;
    assert_eq!(server.write("m v=1").await.0, 204);
    let held: Vec<u8> = Vec::with_capacity(1 << 30);
    let request = server
        .request("POST", "/api/v2/write?org=myorg&bucket=bench")
        .body("m v=2");
    let answer = request.send().await.expect("answers");
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let text = answer.text().await.expect("a text");
    assert!(text.contains("--max-memory-bytes"), "{text}");
    let query = "from(bucket: \"bench\") |> range(start: -1h)";
    let (status, text) = server.query(query).await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("--max-memory-bytes"), "{text}");
    assert_eq!(server.json("/health").await["status"], "pass");
    drop(held);
    assert_eq!(server.write("m v=3").await.0, 204);
    assert_eq!(server.query(query).await.0, 200);
}

/// A query of seconds; making its rows alone takes longer than asking for its end.
const LONG: &str = "import \"generate\"\n\
    generate.from(count: 2000000, fn: (n) => n * n, start: 2024-01-01T00:00:00Z, stop: 2025-01-01T00:00:00Z) \
    |> map(fn: (r) => ({r with _value: r._value + 1})) |> count()";

#[tokio::test(flavor = "multi_thread")]
async fn a_running_query_is_listed_and_killed() {
    let server = Arc::new(Running::set_up().await);
    let asked = Arc::clone(&server);
    let query = tokio::spawn(async move { asked.query(LONG).await });
    let end = Instant::now() + Duration::from_secs(20);
    let id = loop {
        let running = server.json("/api/v2/queries").await;
        if let Some(id) = running["queries"][0]["id"].as_str() {
            break id.to_owned();
        }
        assert!(Instant::now() < end && !query.is_finished(), "{running}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let killed = server.request("DELETE", &format!("/api/v2/queries/{id}"));
    assert_eq!(killed.send().await.expect("answers").status(), 204);
    let (status, text) = query.await.expect("ends");
    assert!(
        status == 503 && text.contains("the query was killed"),
        "{status} {text}"
    );
    let again = server.request("DELETE", &format!("/api/v2/queries/{id}"));
    assert_eq!(again.send().await.expect("answers").status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_ask() {
    let server = Running::set_up().await;
    let preflight = server
        .client
        .request(
            reqwest::Method::OPTIONS,
            format!("{}/api/v2/query", server.url),
        )
        .header("Origin", "https://example.com")
        .header("Access-Control-Request-Method", "POST")
        .header(
            "Access-Control-Request-Headers",
            "authorization,content-type",
        );
    let answer = preflight.send().await.expect("answers");
    assert_eq!(answer.status(), 204);
    let header = |name: &str| answer.headers()[name].to_str().expect("a text").to_owned();
    assert_eq!(header("access-control-allow-origin"), "https://example.com");
    assert!(header("access-control-allow-methods").contains("POST"));
    assert!(header("access-control-allow-headers").contains("Authorization"));
    let asked = server
        .request("GET", "/api/v2/orgs")
        .header("Origin", "https://example.com");
    let answer = asked.send().await.expect("answers");
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://example.com"
    );
    assert!(
        !answer
            .headers()
            .contains_key("access-control-allow-credentials")
    );
}
