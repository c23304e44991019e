//! A server that answers 204 to every write and keeps nothing: what a bench drives against it is the
//! most that the bench itself can, and what it reports of answers that come after known times is how
//! exact it is. It runs as a process of its own, so that its processor time is not the bench's.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::settings::{ServerConfig, ServerKind};
use crate::{Error, Result};

/// The hidden command that serves.
pub const COMMAND: &str = "null-server";

/// When it answers a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// At once.
    AtOnce,
    /// After 1 ms, 2 ms and so on to [`LONGEST_DELAY_MS`], in turn.
    Delayed,
}

/// A hundred delays: their percentiles are plain to see.
pub const LONGEST_DELAY_MS: u64 = 100;

/// The running server; it ends with the value.
pub struct NullServer {
    url: String,
    process: Child,
}

/// Serves on a free port of loopback and prints its URL first, for as long as the process lives.
///
/// It answers what the bench asks of VictoriaMetrics, which is less than what it asks of InfluxDB.
pub async fn serve(answers: Answers) -> std::io::Result<()> {
    let count = Arc::new(AtomicU64::new(0));
    let swallow = move |_body: Bytes| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            if answers == Answers::Delayed {
                wait(Duration::from_millis(1 + number % LONGEST_DELAY_MS)).await;
            }
            StatusCode::NO_CONTENT
        }
    };
    let routes = Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/api/v2/write", post(swallow))
        .route(
            "/api/v1/admin/tsdb/delete_series",
            get(|| async { StatusCode::NO_CONTENT }),
        )
        .layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    watchpost_service::cli::print(format_args!("http://{}\n", listener.local_addr()?));
    let listener = listener.tap_io(|connection| {
        // A connection that cannot be set so is slower, and works.
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, routes).await
}

/// Waits on a thread: the runtime's timer counts whole milliseconds, the system's does not.
async fn wait(time: Duration) {
    // A thread that panics would only answer too early, and none does.
    let _ = tokio::task::spawn_blocking(move || std::thread::sleep(time)).await;
}

impl NullServer {
    /// Starts this program as the server.
    ///
    /// Errors: it does not start.
    pub async fn start(answers: Answers) -> Result<Self> {
        let fail = |error: std::io::Error| {
            Error::Engine(format!("the null server does not start: {error}"))
        };
        let mut process = Command::new(std::env::current_exe().map_err(fail)?)
            .arg(COMMAND)
            .args((answers == Answers::Delayed).then_some("--delayed"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            // Ctrl-C is for the bench.
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        let mut url = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output)
                .read_line(&mut url)
                .await
                .map_err(fail)?;
        }
        let url = url.trim().to_owned();
        Ok(Self { url, process })
    }

    /// Its process id while it runs.
    pub fn process(&self) -> Option<u32> {
        self.process.id()
    }

    /// The configuration that reaches it; limits of time are those of `like`.
    pub fn reach(&self, like: &ServerConfig) -> ServerConfig {
        ServerConfig {
            kind: ServerKind::Victoriametrics,
            url: self.url.clone(),
            ..like.clone()
        }
    }
}
