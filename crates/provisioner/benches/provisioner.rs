//! How long the provisioner takes against the embedded server: the shipped file onto an empty one, a
//! second time, and the hours and days of a week of twenty hosts.
//!
//!     cargo build --release --bins && cargo bench -p watchpost-provisioner
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use watchpost_testkit::{Server, server, temp_folder};

fn main() {
    let Some(server) = server() else { return };
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
    let provision = |what: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost-provisioner"));
        command
            .args(arguments)
            .arg("--file")
            .arg(&file)
            .arg("--tokens-dir")
            .arg(folder.path().join("secrets"));
        timed(what, &server, folder.path(), command);
    };
    provision("apply onto an empty server", &["apply", "--yes"]);
    provision("a second apply", &["apply", "--yes"]);
    let agent = watchpost_testkit::binary("watchpost-agent")
        .expect("cargo build --release --bins builds it");
    let mut simulate = Command::new(agent);
    simulate.args([
        "simulate",
        "--hosts",
        "20",
        "--from",
        "-7d",
        "--interval",
        "1m",
    ]);
    timed(
        "a week of 20 hosts, a point a minute, written",
        &server,
        folder.path(),
        simulate,
    );
    provision(
        "hours of that week",
        &["backfill", "--task", "downsample_hourly", "--from", "-7d"],
    );
    provision(
        "days of that week",
        &["backfill", "--task", "downsample_daily", "--from", "-7d"],
    );
}

fn timed(what: &str, server: &Server, folder: &Path, mut command: Command) {
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
    println!("{what}: {:.2} s", began.elapsed().as_secs_f64());
}
