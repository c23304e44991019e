//! A fake of InfluxDB 3 Core as far as its recorded answers (3.6.0) go: databases, health, writes that are
//! taken and queries without rows. It computes nothing.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::background;
use crate::record::Record;

/// `CORE_NUM_DBS_LIMIT`.
const DATABASES: usize = 5;

/// Databases, and how long each keeps its points, in nanoseconds.
type Databases = BTreeMap<String, Option<u64>>;

/// The server; it ends when the value goes.
#[derive(Debug)]
pub struct InfluxDb3 {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Path and parameters of each write that was taken.
    pub writes: Record<String>,
    /// The text of each query.
    pub queries: Record<String>,
    databases: Arc<Mutex<Databases>>,
    _end: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Shared {
    writes: Record<String>,
    queries: Record<String>,
    databases: Arc<Mutex<Databases>>,
}

impl InfluxDb3 {
    /// An empty one.
    ///
    /// # Panics
    /// If no port can be had.
    pub fn start() -> InfluxDb3 {
        let shared = Shared {
            writes: Record::default(),
            queries: Record::default(),
            databases: Arc::default(),
        };
        let router = Router::new()
            .fallback(serve)
            .layer(DefaultBodyLimit::disable())
            .with_state(shared.clone());
        let (address, end) = background::serve(move |listener, ended| async move {
            tokio::select! {
                _ = axum::serve(listener, router).into_future() => {}
                _ = ended => {}
            }
        });
        InfluxDb3 {
            url: format!("http://{address}"),
            writes: shared.writes,
            queries: shared.queries,
            databases: shared.databases,
            _end: end,
        }
    }

    /// Looks at its databases, or changes them as somebody else would.
    pub fn databases<R>(&self, work: impl FnOnce(&mut Databases) -> R) -> R {
        work(
            &mut self
                .databases
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

async fn serve(State(shared): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut databases = shared
        .databases
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let (status, text) = match (method.as_str(), uri.path()) {
        ("GET", "/health") => (200, "OK".to_owned()),
        ("GET", "/ping") => (
            200,
            json!({ "version": "3.6.0", "revision": "7e07b134f4" }).to_string(),
        ),
        ("POST", "/api/v3/query_sql") => {
            let text = json["q"].as_str().unwrap_or_default().to_owned();
            let rows = rows(&text, &databases);
            shared.queries.push(text);
            (200, json!(rows).to_string())
        }
        ("POST", "/api/v3/write_lp") => {
            let parameters = uri.query().unwrap_or_default();
            let name = parameters.split('&').find_map(|it| it.strip_prefix("db="));
            let made = make(&mut databases, name.unwrap_or_default(), None);
            match made {
                Ok(()) => {
                    shared.writes.push(parameters.to_owned());
                    (204, String::new())
                }
                Err(refused) => refused,
            }
        }
        (method @ ("POST" | "PUT"), "/api/v3/configure/database") => {
            configure(method, &json, &mut databases)
        }
        _ => (404, "not found".to_owned()),
    };
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let headers = [
        ("x-influxdb-build", "Core"),
        ("x-influxdb-version", "3.6.0"),
        ("content-type", "application/json"),
    ];
    (status, headers, text).into_response()
}

/// What it knows of itself; nothing of anything else.
fn rows(text: &str, databases: &Databases) -> Vec<Value> {
    if text != "SELECT * FROM system.databases" {
        return Vec::new();
    }
    let row = |(name, kept): (&String, &Option<u64>)| match kept {
        Some(kept) => {
            json!({ "database_name": name, "retention_period_ns": kept, "deleted": false })
        }
        None => json!({ "database_name": name, "deleted": false }),
    };
    let own = json!({ "database_name": "_internal", "deleted": false });
    let gone = json!({ "database_name": "old-20261130T090935", "deleted": true });
    [own, gone]
        .into_iter()
        .chain(databases.iter().map(row))
        .collect()
}

fn configure(method: &str, body: &Value, databases: &mut Databases) -> (u16, String) {
    let Some(name) = body["db"].as_str() else {
        let message = "serde json error: missing field `db` at line 1 column 13";
        return (400, message.to_owned());
    };
    let seconds = |text: &str| text.strip_suffix('s')?.parse::<u64>().ok();
    let retention = match body["retention_period"].as_str() {
        None => None,
        Some(text) => match seconds(text) {
            Some(seconds) => Some(seconds * 1_000_000_000),
            None => {
                let message = format!(
                    "serde json error: invalid value: string {text:?}, expected a duration at line 1 column 39"
                );
                return (400, message);
            }
        },
    };
    let is_there = databases.contains_key(name);
    match method {
        "POST" if is_there => (
            409,
            "attempted to create a resource that already exists".to_owned(),
        ),
        "PUT" if !is_there => (404, "the requested resource was not found".to_owned()),
        "PUT" => {
            databases.insert(name.to_owned(), retention);
            (200, String::new())
        }
        _ => match make(databases, name, retention) {
            Ok(()) => (200, String::new()),
            Err(refused) => refused,
        },
    }
}

/// Makes a database that is not there yet, by a write, too.
fn make(
    databases: &mut Databases,
    name: &str,
    retention: Option<u64>,
) -> Result<(), (u16, String)> {
    if !databases.contains_key(name) && databases.len() >= DATABASES {
        let error = format!("Adding a new database would exceed limit of {DATABASES} databases");
        return Err((422, json!({ "error": error }).to_string()));
    }
    databases.entry(name.to_owned()).or_insert(retention);
    Ok(())
}
