//! A VictoriaMetrics that a test scripts: it keeps what it is sent in memory, loses, alters or
//! doubles what it is told to, and answers with a known delay.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use watchpost_bench::settings::{ServerConfig, ServerKind};
use watchpost_core::line_protocol::{Precision, parse_points};

/// What the server does with what it is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Answers 204 and forgets every so-manieth line; 1 forgets all.
    pub(crate) loses_every: Option<usize>,
    /// Adds one to the first value it is sent.
    pub(crate) alters_first: bool,
    /// Gives the first point twice when asked.
    pub(crate) doubles_first: bool,
    /// Answers writes with this status.
    pub(crate) refuses: Option<u16>,
    /// What it says to that.
    pub(crate) says: &'static str,
    /// Answers writes after this time.
    pub(crate) delay: Duration,
}

/// Labels without the name, name, time in ms, value; the order in which they came.
type Stored = Vec<(BTreeMap<String, String>, String, i64, f64)>;

#[derive(Clone)]
struct Shared {
    faults: Faults,
    stored: Arc<Mutex<Stored>>,
    writes: Arc<Mutex<usize>>,
    deletes: Arc<Mutex<usize>>,
}

/// The running server; it ends with the runtime of its test.
pub(crate) struct FakeServer {
    pub(crate) config: ServerConfig,
    shared: Shared,
}

impl FakeServer {
    pub(crate) async fn start(faults: Faults) -> Self {
        let shared = Shared {
            faults,
            stored: Arc::default(),
            writes: Arc::default(),
            deletes: Arc::default(),
        };
        let routes = Router::new()
            .route("/health", get(|| async { "OK" }))
            .route("/internal/force_flush", get(|| async { "" }))
            .route("/api/v2/write", post(write))
            .route("/api/v1/export", get(export))
            .route("/api/v1/admin/tsdb/delete_series", get(delete))
            .with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let config = ServerConfig {
            kind: ServerKind::Victoriametrics,
            url: format!("http://{address}"),
            ..ServerConfig::default()
        };
        Self { config, shared }
    }

    /// Requests that wrote.
    pub(crate) fn writes(&self) -> usize {
        *self.shared.writes.lock().expect("no test panicked with it")
    }

    /// How often a run's points were deleted.
    pub(crate) fn deletes(&self) -> usize {
        *self
            .shared
            .deletes
            .lock()
            .expect("no test panicked with it")
    }
}

async fn write(State(shared): State<Shared>, body: Bytes) -> (StatusCode, String) {
    let status = keep(&shared, &body).await;
    let told = serde_json::json!({ "code": "internal error", "message": shared.faults.says });
    (
        status,
        if status.is_success() {
            String::new()
        } else {
            told.to_string()
        },
    )
}

/// Keeps what it is sent, but for its faults.
async fn keep(shared: &Shared, body: &[u8]) -> StatusCode {
    *shared.writes.lock().expect("no test panicked with it") += 1;
    tokio::time::sleep(shared.faults.delay).await;
    if let Some(status) = shared.faults.refuses {
        return StatusCode::from_u16(status).expect("a status");
    }
    let Ok(points) = parse_points(body, Precision::Nanoseconds, 0) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut stored = shared.stored.lock().expect("no test panicked with it");
    for (at, point) in points.iter().enumerate() {
        if shared.faults.loses_every.is_some_and(|n| at % n == n - 1) {
            continue;
        }
        let labels: BTreeMap<String, String> = point.series.tags().iter().cloned().collect();
        for (name, value) in point.fields() {
            let mut value = value.as_f64().expect("only numbers are sent");
            if shared.faults.alters_first && stored.is_empty() {
                value += 1.0;
            }
            let name = format!("{}_{name}", point.series.measurement());
            let time = point.timestamp / 1_000_000;
            // The same series and time again replaces.
            let known = stored
                .iter_mut()
                .find(|one| one.2 == time && one.1 == name && one.0 == labels);
            match known {
                Some(known) => known.3 = value,
                None => stored.push((labels.clone(), name, time, value)),
            }
        }
    }
    StatusCode::NO_CONTENT
}

async fn export(State(shared): State<Shared>) -> String {
    let stored = shared.stored.lock().expect("no test panicked with it");
    let mut lines = String::new();
    let twice = stored.first().filter(|_| shared.faults.doubles_first);
    for (labels, name, time, value) in stored.iter().chain(twice) {
        let mut metric = labels.clone();
        metric.insert("__name__".into(), name.clone());
        let line = serde_json::json!({ "metric": metric, "values": [value], "timestamps": [time] });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    lines
}

async fn delete(State(shared): State<Shared>) -> StatusCode {
    *shared.deletes.lock().expect("no test panicked with it") += 1;
    StatusCode::NO_CONTENT
}
