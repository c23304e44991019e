//! `--engine docker`: the platform of `deploy/docker-compose.yml`, on InfluxDB 2.7 and with Grafana.
//!
//! Compose builds the images, starts the containers in their order and waits until each is healthy; this
//! makes the secrets before it, and prints the same screen after it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::options::Options;
use super::state::{self, RoleState, State};
use super::{child, screen, secrets, wait_for};

/// What compose reads as its secrets.
const SECRETS: [&str; 4] = [
    "operator.token",
    "alerter-api.token",
    "influxdb.password",
    "grafana.password",
];

/// Starts the stack, prints the screen and, unless it is to run in the background, waits for Ctrl-C.
pub(super) fn run(options: &Options, layout: &Layout, root: &Path) -> Result<ExitCode> {
    let compose = Compose::find(layout, root)?;
    make_secrets(&compose.secrets)?;
    let stop = child::stop_signals()?;
    let began = Instant::now();
    let mut command = compose.command(&["up", "--build", "--detach", "--wait"]);
    command
        .env("WATCHPOST_ENGINE_PORT", options.ports.engine.to_string())
        .env("WATCHPOST_WEB_PORT", options.ports.web.to_string())
        .env("WATCHPOST_GRAFANA_PORT", options.ports.grafana.to_string());
    if !command.status().context("cannot start docker")?.success() {
        bail!(
            "compose did not bring the stack up: the messages above say why; `cargo xtask logs` shows what the \
             containers said, `cargo xtask down` removes them"
        );
    }
    let state = state(options)?;
    state.write(layout)?;
    print!("{}", screen::ready(&state, layout));
    let seconds = began.elapsed().as_secs_f64();
    if options.detach {
        println!("Ready after {seconds:.1} s. `cargo xtask down` stops it.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("Ready after {seconds:.1} s. Ctrl-C stops everything.");
    while !wait_for(Duration::from_secs(3600), || stop.load(Ordering::Relaxed)) {}
    println!("Stopping.");
    let code = compose.run(&["stop"])?;
    State::remove(layout);
    Ok(code)
}

/// `status`, `logs [ROLE]` and `down [--volumes]` of a stack that was started here.
pub(super) fn status(layout: &Layout, root: &Path, json: bool) -> Result<ExitCode> {
    let format = if json { "json" } else { "table" };
    Compose::find(layout, root)?.run(&["ps", "--all", "--format", format])
}

pub(super) fn logs(layout: &Layout, root: &Path, role: Option<&str>) -> Result<ExitCode> {
    let compose = Compose::find(layout, root)?;
    match role {
        Some(role) => compose.run(&["logs", role]),
        None => compose.run(&["logs", "--tail", "10"]),
    }
}

pub(super) fn down(layout: &Layout, root: &Path, volumes: bool) -> Result<()> {
    let compose = Compose::find(layout, root)?;
    let mut arguments = vec!["down"];
    if volumes {
        arguments.push("--volumes");
    }
    if compose.run(&arguments)? != ExitCode::SUCCESS {
        bail!("compose did not stop the stack: the messages above say why");
    }
    State::remove(layout);
    Ok(())
}

/// Docker's compose, the file, and where its secrets lie.
struct Compose {
    file: PathBuf,
    secrets: PathBuf,
}

impl Compose {
    /// Makes sure that compose is there and an engine answers.
    fn find(layout: &Layout, root: &Path) -> Result<Compose> {
        const WAY_OUT: &str =
            "without Docker, `cargo xtask up` runs the same roles with the embedded engine";
        if let Err(why) = asked(&["compose", "version"]) {
            bail!(
                "--engine docker needs `docker compose` (Docker Engine with its compose plugin): {why}; {WAY_OUT}"
            );
        }
        if let Err(why) = asked(&["info", "--format", "{{.ServerVersion}}"]) {
            bail!(
                "no Docker engine answers: {why}\nStart it (`systemctl start docker`), or make sure that you may use it; \
                 {WAY_OUT}"
            );
        }
        Ok(Compose {
            file: root.join("deploy/docker-compose.yml"),
            secrets: layout.compose_secrets(),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["compose", "--file"]).arg(&self.file);
        command
            .args(arguments)
            .env("WATCHPOST_SECRETS", &self.secrets);
        child::in_own_group(&mut command);
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<ExitCode> {
        let status = self.command(arguments).status();
        let success = status.context("cannot start docker")?.success();
        Ok(if success {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// Runs docker silently; the error is its last words.
fn asked(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("docker");
    let output = command.args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.lines().rfind(|line| !line.trim().is_empty());
            Err(last.unwrap_or("it gave no reason").trim().to_owned())
        }
        Err(error) => Err(format!("docker cannot be started ({error})")),
    }
}

/// Makes what is not there yet. Compose mounts the files as they are, and the containers run as users of
/// their own: all may read the files, but only their owner can enter the folder.
fn make_secrets(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for name in SECRETS {
        let path = folder.join(name);
        if fs::exists(&path).unwrap_or(false) {
            continue;
        }
        let text = secrets::random()?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)
            .and_then(|mut file| write!(file, "{text}"))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn state(options: &Options) -> Result<State> {
    let address = |port: u16| format!("http://127.0.0.1:{port}");
    let role = |name: &str, address: String| RoleState {
        name: name.to_owned(),
        process: 0,
        program: PathBuf::from("docker"),
        address,
        started: state::now(),
        restarts: 0,
    };
    Ok(State {
        supervisor: std::process::id(),
        program: std::env::current_exe().context("cannot find the path of this program")?,
        server: address(options.ports.engine),
        compose: true,
        backup: None,
        ready: true,
        roles: vec![
            role("web", address(options.ports.web)),
            role("grafana", address(options.ports.grafana)),
        ],
    })
}
