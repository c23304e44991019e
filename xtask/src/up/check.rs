//! `cargo xtask up --check`: the judge starts a platform of its own, judges it, and stops it.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use super::build;
use super::options::{Engine, Options};

/// Builds the binaries and runs the judge, which lies beside them.
pub(super) fn run(root: &Path, options: &Options) -> Result<ExitCode> {
    let binaries = build::release(root, options)?;
    let judge = binaries.join("watchpost-check");
    let mut command = Command::new(&judge);
    if options.quick {
        command.arg("--quick");
    }
    if options.json {
        command.args(["--output", "json"]);
    }
    match options.engine {
        Engine::Embedded => {}
        Engine::External => {
            command.arg("--external");
        }
        Engine::VictoriaMetrics | Engine::InfluxDb3 => {
            let address = &options.address;
            command.args(["--kind", options.engine.name(), "--url", &address.url]);
            for (name, value) in [
                ("--write-url", &address.write_url),
                ("--tenant", &address.tenant),
            ] {
                if !value.is_empty() {
                    command.args([name, value]);
                }
            }
        }
        Engine::Docker => bail!(
            "--check judges the embedded engine, or with --engine external a server that you name; for the one of \
             compose start it and name http://127.0.0.1:8086"
        ),
    }
    // Ctrl-C reaches both: the judge stops what it started, and this waits for it.
    let ignored = std::sync::Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, ignored)
        .context("cannot listen for signals")?;
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", judge.display()))?;
    Ok(match status.code().and_then(|it| u8::try_from(it).ok()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::FAILURE,
    })
}
