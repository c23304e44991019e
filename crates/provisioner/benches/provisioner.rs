//! How long the provisioner takes against the embedded server: the shipped file onto an empty one, a
//! second time, and the hours and days of a week of twenty hosts.
//!
//!     cargo build --release --bins && cargo bench -p watchpost-provisioner
//!     cargo bench -p watchpost-provisioner -- --output json
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use watchpost_testkit::{Server, server, temp_folder};

/// What was measured.
struct Figure {
    name: &'static str,
    seconds: f64,
    /// Seconds that it should not take longer than.
    target: Option<f64>,
}

fn main() {
    let Some(server) = server() else { return };
    let json = std::env::args().any(|it| it == "json" || it == "--output=json");
    let figures = measure(&server, json);
    if json {
        let figures = figures.iter().map(|it| {
            serde_json::json!({
                "name": it.name, "value": it.seconds, "unit": "s", "target": it.target,
            })
        });
        let figures: Vec<_> = figures.collect();
        println!(
            "{}",
            serde_json::json!({ "benchmark": "provisioner", "figures": figures })
        );
    }
}

fn measure(server: &Server, quiet: bool) -> Vec<Figure> {
    let folder = temp_folder();
    watchpost_provisioner::secret_file::write(&folder.path().join("operator.token"), &server.token)
        .unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = std::fs::read_to_string(root.join("deploy/platform.toml")).unwrap();
    let shipped = shipped.replace(
        "organization = \"watchpost\"",
        &format!("organization = \"{}\"", server.org),
    );
    let shipped = shipped.replace(
        "\"../flux-tasks/",
        &format!("\"{}/flux-tasks/", root.display()),
    );
    let file = folder.path().join("platform.toml");
    std::fs::write(&file, shipped).unwrap();
    let mut figures = Vec::new();
    let mut keep = |name, seconds, target| {
        if !quiet {
            println!("{name}: {seconds:.2} s");
        }
        figures.push(Figure {
            name,
            seconds,
            target,
        });
    };
    let provision = |what: &str, arguments: &[&str]| {
        let mut command = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-provisioner"));
        command
            .args(arguments)
            .arg("--file")
            .arg(&file)
            .arg("--tokens-dir")
            .arg(folder.path().join("secrets"));
        timed(what, server, folder.path(), command)
    };
    for (what, target) in [("apply onto an empty server", 5.0), ("a second apply", 1.0)] {
        keep(what, provision(what, &["apply", "--yes"]), Some(target));
    }
    let agent = watchpost_testkit::binary("watchpost-agent")
        .expect("cargo build --release --bins builds it");
    let mut simulate = watchpost_testkit::command(agent);
    simulate.args([
        "simulate",
        "--hosts",
        "20",
        "--from",
        "-7d",
        "--interval",
        "1m",
    ]);
    let what = "a week of 20 hosts, a point a minute, written";
    keep(what, timed(what, server, folder.path(), simulate), None);
    for (what, task, target) in [
        ("hours of that week", "downsample_hourly", 120.0),
        ("days of that week", "downsample_daily", 60.0),
    ] {
        let past = ["backfill", "--task", task, "--from", "-7d"];
        keep(what, provision(what, &past), Some(target));
    }
    figures
}

/// Seconds that a command takes.
fn timed(what: &str, server: &Server, folder: &Path, mut command: Command) -> f64 {
    command
        .env("INFLUX_URL", &server.url)
        .env("INFLUX_ORG", &server.org)
        .env("INFLUX_BUCKET", "system_metrics_raw");
    command.env("INFLUX_TOKEN_FILE", folder.join("operator.token"));
    let began = Instant::now();
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{what}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    began.elapsed().as_secs_f64()
}
