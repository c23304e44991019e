//! `cargo xtask up --detach`: this program once more, in the background, until that is ready.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::options::Options;
use super::state::State;
use super::{READY_TIMEOUT, child, page, screen, wait_for};

/// Starts this program again as a process of its own and returns once that is ready.
pub(super) fn run(options: &Options, layout: &Layout, binaries: &Path) -> Result<ExitCode> {
    let began = Instant::now();
    let log = File::create(layout.log("up")).context("cannot create the log of `up`")?;
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let mut command = Command::new(program);
    command
        .arg("up")
        .args(options.as_arguments())
        .arg("--folder")
        .arg(&layout.folder)
        .arg("--binaries")
        .arg(binaries);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let mut supervisor = child::in_own_group(&mut command)
        .spawn()
        .context("cannot start in the background")?;
    let mut ended = None;
    let ready = wait_for(READY_TIMEOUT * 2, || {
        ended = supervisor.try_wait().ok().flatten();
        ended.is_some()
            || State::read(layout)
                .ok()
                .flatten()
                .is_some_and(|it| it.ready)
    });
    if !ready || ended.is_some() {
        eprint!(
            "{}",
            std::fs::read_to_string(layout.log("up")).unwrap_or_default()
        );
        bail!(
            "the platform did not come up; its log is {}",
            layout.log("up").display()
        );
    }
    if let Some(state) = State::read(layout)? {
        print!("{}", screen::ready(&state, layout));
        println!(
            "Ready after {:.1} s. It runs in the background: `cargo xtask down{}` stops it.",
            began.elapsed().as_secs_f64(),
            layout.option()
        );
        if page::first_chart(state.address("web"), || false) {
            println!("{}", screen::first_chart(began.elapsed()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
