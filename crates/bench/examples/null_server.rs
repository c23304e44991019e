//! A server that answers 204 to every write and keeps nothing: what a bench drives against it is
//! the most that the bench itself can.
//!
//! `cargo run --release -p watchpost-bench --example null_server` prints its URL;
//! `scenarios/self-drive.toml` says the rest.

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};

#[tokio::main]
async fn main() -> std::io::Result<()> {
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
    axum::serve(listener, routes).await
}

async fn swallow(_body: Bytes) -> StatusCode {
    StatusCode::NO_CONTENT
}
