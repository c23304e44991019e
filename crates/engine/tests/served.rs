//! The built binary as a process: serving a folder, or doing one of its commands.

use std::path::Path;
use std::process::Output;

use watchpost_testkit::{Daemon, TempFolder};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_watchpost-engine");

/// A served folder.
pub(crate) struct Served {
    pub(crate) daemon: Daemon,
    pub(crate) url: String,
    pub(crate) token: String,
}

/// Serves a folder that is set up with organization `site` and bucket `metrics`.
pub(crate) fn serve(folder: &TempFolder) -> Served {
    serve_with(folder, &[])
}

/// The same with flags more.
pub(crate) fn serve_with(folder: &TempFolder, flags: &[&str]) -> Served {
    let token_file = folder.path().join("secrets/token");
    let mut command = watchpost_testkit::command(BINARY);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--setup-org",
        "site",
        "--setup-bucket",
        "metrics",
        "--setup-retention",
        "7d",
    ]);
    command
        .args(flags)
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .arg("--setup-token-file")
        .arg(&token_file);
    let mut daemon = Daemon::start(command);
    let line = daemon.wait_for_line("listening on http");
    let url = line.trim_start_matches("listening on ").to_owned();
    let token = std::fs::read_to_string(&token_file)
        .expect("the token file was made")
        .trim()
        .to_owned();
    Served { daemon, url, token }
}

impl Served {
    pub(crate) async fn post(&self, path: &str, content_type: &str, body: String) -> (u16, String) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let answer = client
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Token {}", self.token))
            .header("Content-Type", content_type)
            .body(body)
            .send()
            .await
            .expect("answers");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a text"),
        )
    }

    pub(crate) async fn write(&self, lines: String) {
        let (status, body) = self
            .post("/api/v2/write?org=site&bucket=metrics", "text/plain", lines)
            .await;
        assert_eq!(status, 204, "{body}");
    }

    /// How many values of measurement `m` there are.
    pub(crate) async fn count(&self) -> usize {
        let flux = "from(bucket: \"metrics\") |> range(start: -1d) |> filter(fn: (r) => r._measurement == \"m\") \
                    |> group() |> count() |> keep(columns: [\"_value\"])";
        let (status, body) = self
            .post(
                "/api/v2/query?org=site",
                "application/vnd.flux",
                flux.to_owned(),
            )
            .await;
        assert_eq!(status, 200, "{body}");
        let value = body.lines().nth(1).and_then(|line| line.rsplit(',').next());
        value.unwrap_or("0").parse().unwrap_or(0)
    }
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = watchpost_testkit::command(BINARY)
        .args(arguments)
        .arg("--data-dir")
        .arg(folder)
        .output();
    output.expect("the binary runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
