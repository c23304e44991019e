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

/// Queries of minutes: making the rows of the first takes far longer than asking for its end, and the second reads its
/// rows anew for each of its statements.
const LONG: [fn() -> Asked; 2] = [
    || {
        Asked {
        path: "/api/v2/query?org=myorg",
        content_type: "application/vnd.flux",
        body: "import \"generate\"\n\
            generate.from(count: 2000000, fn: (n) => n * n, start: 2024-01-01T00:00:00Z, stop: 2025-01-01T00:00:00Z) \
            |> map(fn: (r) => ({r with _value: r._value + 1})) |> count()"
            .to_owned(),
    }
    },
    || Asked {
        path: "/query?db=bench",
        content_type: "application/x-www-form-urlencoded",
        body: format!(
            "q={}",
            "SELECT median(v) FROM (SELECT v FROM m);".repeat(60)
        ),
    },
];

struct Asked {
    path: &'static str,
    content_type: &'static str,
    body: String,
}

impl Asked {
    /// Asks; status and body of the answer.
    async fn send(self, server: Arc<Running>) -> (u16, String) {
        let request = server
            .request("POST", self.path)
            .header("Content-Type", self.content_type)
            .body(self.body);
        let answer = request.send().await.expect("answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a text"))
    }
}

/// A server with rows enough for a statement of InfluxQL to take a while.
async fn with_rows(limits: Limits) -> Arc<Running> {
    let server = limited(limits).await;
    let lines: String = (0..50_000)
        .map(|row| format!("m v={row} {row}\n"))
        .collect();
    assert_eq!(server.write(lines).await.0, 204);
    Arc::new(server)
}

/// The id of the query that runs; waits until there is one.
async fn running(server: &Running) -> String {
    let mut id = None;
    wait_until(async || {
        let running = server.json("/api/v2/queries").await;
        id = running["queries"][0]["id"].as_str().map(str::to_owned);
        id.is_some()
    })
    .await;
    id.expect("a query runs")
}

async fn wait_until(mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < end, "it never came to be");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many queries, and statements of InfluxQL, came to a good end.
async fn successes(server: &Running) -> u64 {
    let answer = server
        .request("GET", "/metrics")
        .send()
        .await
        .expect("answers");
    let text = answer.text().await.expect("a text");
    let mut lines = text.lines();
    let line =
        lines.find(|line| line.contains("query_requests_total") && line.contains("\"success\""));
    let count = line.and_then(|line| line.rsplit(' ').next());
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_query_is_listed_and_killed() {
    let server = with_rows(Limits::default()).await;
    for long in LONG {
        let query = tokio::spawn(long().send(Arc::clone(&server)));
        let id = running(&server).await;
        let path = format!("/api/v2/queries/{id}");
        let killed = server.request("DELETE", &path).send().await;
        assert_eq!(killed.expect("answers").status(), 204);
        let (status, text) = query.await.expect("ends");
        // The whole of an answer in InfluxQL is good, whatever became of its statements.
        assert!(status == 503 || status == 200, "{status} {text}");
        assert!(text.contains("the query was killed"), "{text}");
        let again = server.request("DELETE", &path).send().await;
        assert_eq!(again.expect("answers").status(), 404);
    }
    assert!(successes(&server).await < 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_ends_when_its_client_goes_away() {
    let server = with_rows(Limits::default()).await;
    for long in LONG {
        let query = tokio::spawn(long().send(Arc::clone(&server)));
        running(&server).await;
        query.abort();
        assert!(query.await.expect_err("it was aborted").is_cancelled());
        wait_until(async || {
            let running = server.json("/api/v2/queries").await;
            running["queries"] == serde_json::json!([])
        })
        .await;
    }
    assert!(successes(&server).await < 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_ends_when_its_time_is_over() {
    let limits = Limits {
        query_timeout_seconds: 1,
        ..Limits::default()
    };
    let server = with_rows(limits).await;
    for long in LONG {
        let (status, text) = long().send(Arc::clone(&server)).await;
        assert!(status == 503 || status == 200, "{status} {text}");
        assert!(text.contains("--query-timeout-seconds"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_over_its_memory_is_told_and_the_server_goes_on() {
    let limits = Limits {
        max_query_bytes: 100_000,
        ..Limits::default()
    };
    let server = with_rows(limits).await;
    let ranged = "from(bucket: \"bench\") |> range(start: 0, stop: 1970-01-01T00:00:01Z)";
    let (status, text) = server
        .query(&format!("{ranged} |> group() |> sort()"))
        .await;
    assert_eq!(status, 422, "{text}");
    assert!(
        text.contains("memory allocation limit reached: limit 100000 bytes"),
        "{text}"
    );
    let median = server.request("GET", "/query?db=bench&q=SELECT%20median(v)%20FROM%20m");
    let answer = median
        .send()
        .await
        .expect("answers")
        .text()
        .await
        .expect("a text");
    assert!(answer.contains("--max-query-bytes"), "{answer}");
    let (status, text) = server.query(&format!("{ranged} |> count()")).await;
    assert_eq!((status, text.contains(",50000,")), (200, true), "{text}");
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
