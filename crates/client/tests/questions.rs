//! The same questions to servers of every kind: one seed, one expectation (`testdata/questions.md`).
//!
//! InfluxDB 2 is the server of all tests. `VICTORIAMETRICS_URL` names a VictoriaMetrics that keeps 2024
//! (`-retentionPeriod=100y`), `VICTORIAMETRICS_WRITE_URL` and `VICTORIAMETRICS_TENANT` where a cluster is written to,
//! `INFLUXDB3_URL` an InfluxDB 3; without them those are skipped. Answers are shown to nine digits: beyond,
//! servers add in another order.

use std::time::Duration;

use watchpost_client::ask::Limits;
use watchpost_client::management::NewBucket;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_core::csv::Value;
use watchpost_core::line_protocol::write_points;
use watchpost_core::point::{FieldValue, Point};
use watchpost_core::time::format_rfc3339;
use watchpost_query::{Answer, Kind, Question};
use watchpost_testkit::{cases, skip};

use crate::scripted::{Answer as Scripted, Scripted as Server};

#[path = "../../query/tests/written.rs"]
mod written;

/// 2024-03-01T00:00:00Z.
const START: i64 = 1_709_251_200_000_000_000;
const SECOND: i64 = 1_000_000_000;
/// Of the seed, in seconds.
const LENGTH: i64 = 3_600;
/// Longest a server takes until it answers with what it was sent.
const VISIBLE: Duration = Duration::from_secs(30);

#[test]
fn influxdb_2_answers() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let token = TokenSource::fixed(server.token.as_str());
    let config = ClientConfig::new(&server.url, &server.org, token);
    with_seed(config, async |client, bucket| {
        let org = client.find_org(&server.org).await.unwrap().unwrap();
        let new = NewBucket {
            org_id: org.id,
            name: bucket.to_owned(),
            description: None,
            retention_rules: vec![],
        };
        client.create_bucket(&new).await.unwrap();
    });
}

#[test]
fn victoriametrics_answers() {
    let Some(config) = other("VICTORIAMETRICS_URL", Kind::VictoriaMetrics) else {
        return;
    };
    with_seed(config, async |_, _| {});
}

#[test]
fn influxdb_3_answers() {
    let Some(config) = other("INFLUXDB3_URL", Kind::InfluxDb3) else {
        return;
    };
    with_seed(config, async |_, _| {});
}

#[test]
fn every_answer_is_an_answer_or_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let text = "ask: newest\nrange: 2024-03-01T00:00:00Z to 2024-03-01T00:05:00Z\nselect: cpu\n\
                measurement: m\nbucket: b";
    cases::run("testdata/answers.md", |case| {
        let answers = [Some(case.input("answer")), case.optional("then")];
        let answers = answers.into_iter().flatten().map(Scripted::parse);
        let outcome = runtime.block_on(async {
            let server = Server::start(answers.collect()).await;
            let config = ClientConfig {
                kind: case.input("kind").trim().parse().unwrap(),
                ..server.config()
            };
            let client = Client::new(config).unwrap();
            client
                .ask(&written::question(text), &Limits::default())
                .await
        });
        match outcome {
            Ok(answer) => shown(&answer),
            Err(error) if error.is_of_the_server() => format!("error: {error}\nthe server's\n"),
            Err(error) => format!("error: {error}\nthe question's\n"),
        }
    });
}

/// A server that the environment names.
fn other(variable: &str, kind: Kind) -> Option<ClientConfig> {
    let Ok(url) = std::env::var(variable) else {
        skip(&format!("{variable} names no {}", kind.title()));
        return None;
    };
    let token = std::env::var("INFLUXDB3_TOKEN").map_or_else(
        |_| TokenSource::none(),
        |token| TokenSource::fixed(token.as_str()),
    );
    Some(ClientConfig {
        kind,
        write_url: std::env::var("VICTORIAMETRICS_WRITE_URL")
            .ok()
            .filter(|_| kind == Kind::VictoriaMetrics),
        tenant: std::env::var("VICTORIAMETRICS_TENANT")
            .ok()
            .filter(|_| kind == Kind::VictoriaMetrics)
            .unwrap_or_default(),
        ..ClientConfig::new(url, "", token)
    })
}

/// Writes the seed into a bucket of its own, and asks.
fn with_seed(config: ClientConfig, make: impl AsyncFn(&Client, &str)) {
    let client = Client::new(ClientConfig {
        // The debug build of the server on a busy machine.
        timeout: Duration::from_secs(60),
        ..config
    })
    .unwrap();
    let bucket = format!("questions-{:016x}", fastrand::u64(..));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        make(&client, &bucket).await;
        let lines = write_points(&seed()).unwrap();
        let written = client.write(&bucket, Precision::Nanoseconds, &lines);
        assert_eq!(written.await, Outcome::Done);
        until_visible(&client, &bucket).await;
    });
    cases::run("testdata/questions.md", |case| {
        let mut question = written::question(case.input("question"));
        question.bucket.clone_from(&bucket);
        match runtime.block_on(client.ask(&question, &Limits::default())) {
            Ok(answer) => shown(&answer),
            Err(error) => format!("error: {error}\n"),
        }
    });
}

/// VictoriaMetrics answers with what it got after some seconds.
async fn until_visible(client: &Client, bucket: &str) {
    let count = seed().len();
    let text = "ask: values count\nselect: *\nrange: 2024-03-01T00:00:00Z to 2024-03-01T01:00:00Z";
    let mut question: Question = written::question(text);
    bucket.clone_into(&mut question.bucket);
    let begun = std::time::Instant::now();
    loop {
        let answer = client.ask(&question, &Limits::default()).await.unwrap();
        let found: f64 = answer
            .series
            .iter()
            .filter_map(|series| series.number())
            .sum();
        if found as usize == count || begun.elapsed() > VISIBLE {
            assert_eq!(
                found as usize, count,
                "points of the seed that are answered"
            );
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// An hour: a hole, a counter that begins anew, points at the edges of windows, a host whose name
/// needs escapes, points without host.
fn seed() -> Vec<Point> {
    let mut points = Vec::new();
    let mut add = |second: i64, tags: &[(&str, &str)], field: &str, value: FieldValue| {
        let mut point = Point::new("system_metrics", START + second * SECOND);
        for (name, value) in tags {
            point.series.set_tag(*name, *value);
        }
        point.set_field(field, value);
        points.push(point);
    };
    let hosts = [
        ("a", "eu"),
        ("b", "eu"),
        ("c", "us"),
        ("d \"q\\x\", é='x'", "us"),
    ];
    for (number, (host, region)) in hosts.into_iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        let tags = [("host", host), ("region", region)];
        let end = if host == "c" { 2_700 } else { LENGTH };
        for second in (0..end).step_by(10) {
            if host == "b" && (1_200..1_560).contains(&second) {
                continue;
            }
            let value = ((second * 37 + number * 130 + second / 70) % 1_000) as f64 / 10.0;
            add(second, &tags, "cpu_usage_percent", FieldValue::Float(value));
            let begun = if host == "b" && second >= 1_800 {
                1_790
            } else {
                -5_000
            };
            let bytes = (second - begun) * 125 + second % 70;
            let eth = [tags[0], ("interface", "eth0"), tags[1]];
            add(
                second,
                &eth,
                "network_bytes_recv",
                FieldValue::Integer(bytes),
            );
        }
        for second in (0..end).step_by(60) {
            let core = [("cpu", "cpu0"), tags[0], tags[1]];
            let value = ((second * 7) % 100) as f64;
            add(second, &core, "cpu_usage_percent", FieldValue::Float(value));
        }
        for second in (0..end).step_by(120) {
            let value = 50.0 + number as f64 + (number - 1) as f64 * second as f64 / 1_000.0;
            add(
                second,
                &tags,
                "disk_usage_percent",
                FieldValue::Float(value),
            );
        }
    }
    for second in (0..LENGTH).step_by(600) {
        add(
            second,
            &[("region", "eu")],
            "cpu_usage_percent",
            FieldValue::Float(1.0),
        );
    }
    points
}

/// A line for each point.
fn shown(answer: &Answer) -> String {
    let mut text = String::new();
    for series in &answer.clone().sorted().series {
        let labels = series.labels.iter();
        let labels: Vec<String> = labels
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        let statistic = series
            .statistic
            .map_or("", watchpost_query::Statistic::name);
        let head = format!("{}{{{}}} {statistic}", series.field, labels.join(","));
        for point in &series.points {
            let time = point.time.map_or(String::new(), format_rfc3339);
            let parts = [head.trim(), time.as_str(), &number(&point.value)];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            text.push_str(&parts.join(" "));
            text.push('\n');
        }
    }
    text
}

/// Nine digits of a number; a text as it is.
fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(0.0) => "0".to_owned(),
        Some(number) => {
            let digits = 8 - number.abs().log10().floor() as i32;
            let scale = 10f64.powi(digits.clamp(-300, 300));
            format!("{}", (number * scale).round() / scale)
        }
        None => format!("{value}"),
    }
}
