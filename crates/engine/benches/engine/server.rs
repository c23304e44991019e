//! The built server as a process of its own, and a client of it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server. It is killed when the value goes.
pub(crate) struct Server {
    process: Child,
    url: String,
    token: String,
}

impl Server {
    /// Starts a server on a folder; answers also how long it took until it listened.
    pub(crate) fn start(folder: &Path) -> (Self, Duration) {
        let token_file = folder.join("token");
        let mut command = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-engine"));
        command
            .args(["--listen", "127.0.0.1:0", "--log-level", "error"])
            .args(["--setup-org", "site", "--setup-bucket", "metrics"])
            .arg("--setup-token-file")
            .arg(&token_file)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stdout(Stdio::piped());
        let start = Instant::now();
        let mut process = command.spawn().expect("the engine starts");
        let output = process.stdout.take().expect("its output is piped");
        let line = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find(|line| line.starts_with("listening on "));
        let elapsed = start.elapsed();
        let line = line.expect("the engine says where it listens");
        let token = std::fs::read_to_string(&token_file).expect("the engine made a token");
        let server = Self {
            process,
            url: line.trim_start_matches("listening on ").to_owned(),
            token: token.trim().to_owned(),
        };
        (server, elapsed)
    }

    /// A client with the operator's token.
    pub(crate) fn client(&self) -> Client {
        // As it is on one machine: compressing and unpacking would be measured with the query.
        let http = reqwest::Client::builder().no_proxy().no_gzip().build();
        Client {
            http: http.expect("a client without special settings"),
            url: self.url.clone(),
            token: self.token.clone(),
        }
    }

    /// A line of `/proc/PID/status` in MB; 0 where there is no such file.
    pub(crate) fn megabytes(&self, name: &str) -> f64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        kilobytes.map_or(0.0, |text| text.parse().unwrap_or(0.0)) / 1024.0
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").arg(id).status();
        assert!(status.expect("kill runs").success());
        self.process.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    /// Writes a body of lines; it is durable when this returns.
    pub(crate) async fn write(&self, body: Vec<u8>) {
        let path = "/api/v2/write?org=site&bucket=metrics";
        let answer = self.post(path, "text/plain", body).await;
        assert_eq!(
            answer.status(),
            204,
            "{}",
            answer.text().await.unwrap_or_default()
        );
    }

    /// The answer to a query, annotated CSV.
    pub(crate) async fn query(&self, flux: &str) -> String {
        let path = "/api/v2/query?org=site";
        let answer = self.post(path, "application/vnd.flux", flux.into()).await;
        let status = answer.status();
        // Bytes, for a client that looks for the alphabet of a text first would be measured with the server.
        let body = answer.bytes().await.expect("the whole answer");
        let body = String::from_utf8(body.into()).expect("CSV is UTF-8");
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> reqwest::Response {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Token {}", self.token))
            .header("Content-Type", content_type)
            .body(body);
        request.send().await.expect("the server answers")
    }
}

/// Bytes of all files of a folder and the folders in it.
pub(crate) fn folder_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).expect("the folder can be listed");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| match path.is_dir() {
            true => folder_bytes(&path),
            false => path.metadata().expect("it is there").len(),
        })
        .sum()
}
