//! The official clients of Python and JavaScript, unmodified, from their registries.

use std::path::Path;
use std::process::Command;

use watchpost_testkit::{skip, temp_folder};

use crate::running::{Running, TOKEN};

/// Runs a command; its output if it failed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn script(name: &str) -> String {
    format!("{}/testdata/clients/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn install(command: &mut Command, what: &str) -> bool {
    match run(command) {
        Ok(()) => true,
        Err(why) => {
            let last = why.lines().last().unwrap_or_default().to_owned();
            skip(&format!("{what} cannot be installed here: {last}"));
            false
        }
    }
}

fn python_libraries(folder: &Path) -> bool {
    let mut command = Command::new("python3");
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
    ]);
    command.arg(folder).args(["influxdb-client==1.50.0"]);
    install(&mut command, "influxdb-client (pip)")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_writes_reads_and_manages() {
    let folder = temp_folder();
    if !python_libraries(folder.path()) {
        return;
    }
    let server = Running::set_up().await;
    let mut command = Command::new("python3");
    command
        .arg(script("python_client.py"))
        .env("PYTHONPATH", folder.path());
    command
        .env("URL", &server.url)
        .env("TOKEN", TOKEN)
        .env("NO_PROXY", "127.0.0.1");
    let done = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .expect("ends");
    assert_eq!(done, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_javascript_client_writes_reads_and_manages() {
    let folder = temp_folder();
    let mut command = Command::new("npm");
    command
        .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder.path());
    command.args([
        "@influxdata/influxdb-client@1.35.0",
        "@influxdata/influxdb-client-apis@1.35.0",
    ]);
    if !install(&mut command, "@influxdata/influxdb-client (npm)") {
        return;
    }
    let server = Running::set_up().await;
    let copied = folder.path().join("client.cjs");
    std::fs::copy(script("javascript_client.cjs"), &copied).expect("copied");
    let mut command = Command::new("node");
    command
        .arg(&copied)
        .env("URL", &server.url)
        .env("TOKEN", TOKEN);
    let done = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .expect("ends");
    assert_eq!(done, Ok(()));
}
