//! A server that answers 204 to every write and keeps nothing: what a bench drives against it is the
//! most that the bench itself can. It runs as a process of its own, so that its processor time is
//! not the bench's.

use std::process::Stdio;

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

/// The running server; it ends with the value.
pub struct NullServer {
    url: String,
    process: Child,
}

/// Serves on a free port of loopback and prints its URL first, for as long as the process lives.
///
/// It answers what the bench asks of VictoriaMetrics, which is less than what it asks of InfluxDB.
pub async fn serve() -> std::io::Result<()> {
    let swallow = |_body: Bytes| async { StatusCode::NO_CONTENT };
    let routes = Router::new()
        .route("/health", get(|| async { "OK" }))
        .route("/api/v2/write", post(swallow))
        .route(
            "/api/v1/admin/tsdb/delete_series",
            get(|| async { StatusCode::NO_CONTENT }),
        )
        .layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|connection| {
        // A connection that cannot be set so is slower, and works.
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, routes).await
}

impl NullServer {
    /// Starts this program as the server.
    ///
    /// Errors: it does not start.
    pub async fn start() -> Result<Self> {
        let fail = |error: std::io::Error| {
            Error::Engine(format!("the null server does not start: {error}"))
        };
        let mut process = Command::new(std::env::current_exe().map_err(fail)?)
            .arg(COMMAND)
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
