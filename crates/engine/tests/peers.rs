//! The `influx` command line and Telegraf, unmodified, where they are installed (on PATH, or named by
//! `WATCHPOST_INFLUX_CLI` and `WATCHPOST_TELEGRAF`); skipped elsewhere.

use std::process::{Command, Output};

use serde_json::Value;
use watchpost_testkit::{TempFolder, skip, temp_folder};

use crate::running::{Running, TOKEN};

/// The program, if it can be run here.
fn program(variable: &str, name: &str) -> Option<String> {
    let program = std::env::var(variable).unwrap_or_else(|_| name.to_owned());
    match Command::new(&program).arg("version").output() {
        Ok(_) => Some(program),
        Err(error) => {
            skip(&format!("{program} ({variable}): {error}"));
            None
        }
    }
}

/// `influx` with a folder for its configuration.
#[derive(Clone)]
struct Influx {
    program: String,
    url: String,
    configuration: std::path::PathBuf,
}

impl Influx {
    fn new(program: String, url: &str, folder: &TempFolder) -> Self {
        Self {
            program,
            url: url.to_owned(),
            configuration: folder.path().join("configs"),
        }
    }

    async fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("INFLUX_HOST", &self.url)
            .env("INFLUX_CONFIGS_PATH", &self.configuration)
            .env("NO_PROXY", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        output.expect("ends").expect("runs")
    }

    /// What a command prints; it has to succeed.
    async fn text(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments).await;
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "influx {arguments:?}: {}{}",
            shown(&output.stdout),
            shown(&output.stderr)
        );
        shown(&output.stdout)
    }

    /// The same of a command that can print JSON.
    async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// The id of what a command made.
    async fn id(&self, arguments: &[&str]) -> String {
        let made = self.json(arguments).await;
        made["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{arguments:?}: {made}"))
            .to_owned()
    }
}

/// A server that `influx setup` has set up.
async fn set_up() -> Option<(Running, Influx, TempFolder)> {
    let program = program("WATCHPOST_INFLUX_CLI", "influx")?;
    let (server, folder) = (Running::fresh().await, temp_folder());
    let influx = Influx::new(program, &server.url, &folder);
    let names = [
        "--username",
        "admin",
        "--password",
        "adminpassword",
        "--org",
        "myorg",
        "--bucket",
        "bench",
    ];
    let rest = ["--token", TOKEN, "--retention", "0", "--name", "test"];
    influx
        .text(&[&["setup", "--force"], &names[..], &rest[..]].concat())
        .await;
    Some((server, influx, folder))
}

const READ: &str = "from(bucket: \"bench\") |> range(start: 0) |> group() |> sort(columns: [\"k\"]) |> keep(columns: [\"k\", \"_value\"])";

#[tokio::test(flavor = "multi_thread")]
async fn influx_writes_queries_and_deletes() {
    let Some((_server, influx, folder)) = set_up().await else {
        return;
    };
    assert!(influx.text(&["ping"]).await.contains("OK"));
    influx
        .text(&[
            "write",
            "--bucket",
            "bench",
            "--precision",
            "s",
            "m,k=a v=1 1700000000",
        ])
        .await;
    let file = folder.path().join("lines");
    std::fs::write(&file, "m,k=b v=2 1700000000\nm,k=c v=3 1700000000\n").expect("written");
    let file = file.to_str().expect("a path");
    influx
        .text(&[
            "write",
            "--bucket",
            "bench",
            "--precision",
            "s",
            "--file",
            file,
        ])
        .await;
    let raw = influx.text(&["query", "--raw", READ]).await;
    assert!(
        raw.contains(",_result,0,1,a\r\n") || raw.contains(",,0,1,a"),
        "{raw}"
    );
    let shown = influx.text(&["query", READ]).await;
    let rows = |text: &str| {
        text.lines()
            .filter(|line| line.ends_with(['a', 'b', 'c']))
            .count()
    };
    assert!(
        shown.contains("Result: _result") && rows(&shown) == 3,
        "{shown}"
    );
    let range = [
        "--start",
        "2000-01-01T00:00:00Z",
        "--stop",
        "2030-01-01T00:00:00Z",
    ];
    let delete = [
        &["delete", "--bucket", "bench", "--predicate", "k=\"b\""],
        &range[..],
    ]
    .concat();
    influx.text(&delete).await;
    assert_eq!(rows(&influx.text(&["query", READ]).await), 2);
    let wrong = influx
        .output(&["query", "from(bucket: \"bench\") |> rage()"])
        .await;
    assert!(!wrong.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn influx_manages_buckets_tokens_tasks_and_the_rest() {
    let Some((_server, influx, _folder)) = set_up().await else {
        return;
    };
    let bucket = influx
        .id(&["bucket", "create", "-n", "b2", "-r", "72h"])
        .await;
    influx
        .text(&["bucket", "update", "-i", &bucket, "-n", "b3", "-r", "24h"])
        .await;
    assert!(
        influx
            .text(&["bucket", "list", "-n", "b3"])
            .await
            .contains("24h0m0s")
    );

    let token = influx
        .json(&[
            "auth",
            "create",
            "--read-bucket",
            &bucket,
            "--description",
            "d",
        ])
        .await;
    let id = token["id"].as_str().expect("an id");
    assert!(
        token["token"]
            .as_str()
            .is_some_and(|token| token.len() > 20),
        "shown once"
    );
    let listed = influx.json(&["auth", "list"]).await;
    let one = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["id"] == id);
    assert_eq!(one.expect("it is listed")["description"], "d");
    influx.text(&["auth", "delete", "-i", id]).await;

    let flux =
        "option task = {name: \"t\", every: 1h}\nfrom(bucket: \"bench\") |> range(start: -1h)";
    let task = influx.id(&["task", "create", flux]).await;
    influx
        .text(&["task", "update", "-i", &task, "--status", "inactive"])
        .await;
    assert!(influx.text(&["task", "list"]).await.contains("inactive"));
    influx
        .text(&["task", "run", "list", "--task-id", &task])
        .await;
    influx
        .text(&["task", "log", "list", "--task-id", &task])
        .await;
    influx.text(&["task", "delete", "-i", &task]).await;

    influx
        .text(&[
            "v1",
            "dbrp",
            "create",
            "--db",
            "d",
            "--rp",
            "r",
            "--bucket-id",
            &bucket,
        ])
        .await;
    assert!(influx.text(&["v1", "dbrp", "list"]).await.contains(&bucket));
    influx
        .text(&[
            "v1",
            "auth",
            "create",
            "--username",
            "telegraf",
            "--password",
            "longenough",
            "--write-bucket",
            &bucket,
        ])
        .await;
    assert!(
        influx
            .text(&["v1", "auth", "list"])
            .await
            .contains("telegraf")
    );
    let change = [
        "v1",
        "auth",
        "set-password",
        "--username",
        "telegraf",
        "--password",
        "longer-than-before",
    ];
    influx.text(&change).await;
    for end in ["set-inactive", "set-active", "delete"] {
        influx
            .text(&["v1", "auth", end, "--username", "telegraf"])
            .await;
    }
    influx.text(&["bucket", "delete", "-n", "b3"]).await;
    influx
        .text(&["user", "create", "-n", "bob", "-p", "longenough"])
        .await;
    assert!(
        influx
            .text(&["org", "members", "list", "-n", "myorg"])
            .await
            .contains("bob")
    );
    influx
        .text(&["secret", "update", "-k", "s", "-v", "v"])
        .await;
    assert!(influx.text(&["secret", "list"]).await.contains('s'));
    for list in ["dashboards", "telegrafs", "stacks", "server-config"] {
        influx.text(&[list]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn influx_backup_is_told_what_to_use() {
    let Some((_server, influx, folder)) = set_up().await else {
        return;
    };
    let target = folder.path().join("backup").display().to_string();
    let output = influx.output(&["backup", &target]).await;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && message.contains("watchpost-engine backup"),
        "{message}"
    );
}

/// One round of what any Telegraf collects of the machine it runs on.
fn telegraf_configuration(url: &str) -> String {
    format!(
        "[agent]\n  hostname = \"t\"\n\
         [[inputs.mem]]\n[[inputs.system]]\n\
         [[outputs.influxdb_v2]]\n  urls = [{url:?}]\n  token = {TOKEN:?}\n  organization = \"myorg\"\n  bucket = \"bench\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn telegraf_writes() {
    let Some(program) = program("WATCHPOST_TELEGRAF", "telegraf") else {
        return;
    };
    let (server, folder) = (Running::set_up().await, temp_folder());
    let file = folder.path().join("telegraf.conf");
    std::fs::write(&file, telegraf_configuration(&server.url)).expect("written");
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(&file)
        .arg("--once")
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.expect("ends").expect("runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = "from(bucket: \"bench\") |> range(start: -1h) |> filter(fn: (r) => r.host == \"t\" and r._field == \"total\") \
                |> count() |> keep(columns: [\"_measurement\", \"_value\"])";
    let (status, text) = server.query(text).await;
    assert!(status == 200 && text.contains(",mem"), "{status} {text}");
}
