//! `cargo xtask up`: the whole platform on this machine, from one command.
//!
//! It builds the binaries, starts a process per role in the order that each needs the others, waits
//! until each is ready, prints one screen, and watches over them until it is told to stop.

mod build;
mod child;
mod layout;
mod machine;
mod options;
mod roles;
mod screen;
mod secrets;
mod state;
mod supervisor;

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) use layout::Layout;
pub(crate) use options::Options;
pub(crate) use state::State;

/// Long enough for a slow disk to start every role; a role that is not ready by then is named.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// `cargo xtask up`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if options.check {
        return check(root, &options);
    }
    let layout = Layout::new(
        options
            .folder
            .clone()
            .unwrap_or_else(|| root.join(".watchpost")),
    );
    layout.create()?;
    machine::check_space(&layout)?;
    let Some(_lock) = layout.lock()? else {
        return already_running(&layout);
    };
    state::end_leftovers(&layout)?;
    secrets::make(&layout)?;
    let options = options.with_ports()?;
    machine::check_ports(&options)?;
    let binaries = build::release(root, &options)?;
    if options.detach {
        drop(_lock);
        return detach(&options, &layout, &binaries);
    }
    supervisor::run(&options, &layout, &binaries, root)
}

/// `cargo xtask up --check`: the judge starts a platform of its own and stops it.
fn check(root: &Path, options: &Options) -> Result<ExitCode> {
    let binaries = build::release(root, options)?;
    let judge = binaries.join("watchpost-check");
    let status = Command::new(&judge)
        .status()
        .with_context(|| format!("cannot start {}", judge.display()))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `cargo xtask status`.
pub(crate) fn status(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = options::Folder::parse(arguments, options::STATUS_HELP)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let layout = Layout::new(options.folder.unwrap_or_else(|| root.join(".watchpost")));
    let Some(state) = State::read(&layout)? else {
        println!("Watchpost is not running here. `cargo xtask up` starts it.");
        return Ok(ExitCode::FAILURE);
    };
    if options.json {
        println!("{}", serde_json::to_string_pretty(&state)?);
    } else {
        print!("{}", screen::status(&state));
    }
    let healthy = state.is_supervised() && state.roles.iter().all(state::RoleState::is_alive);
    Ok(if healthy {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `cargo xtask down`.
pub(crate) fn down(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = options::Folder::parse(arguments, options::DOWN_HELP)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let layout = Layout::new(options.folder.unwrap_or_else(|| root.join(".watchpost")));
    match State::read(&layout)? {
        Some(state) if state.is_supervised() => {
            child::terminate(state.supervisor)?;
            let gone = || layout.lock().is_ok_and(|lock| lock.is_some());
            if !wait_for(Duration::from_secs(60), gone) {
                bail!(
                    "the platform (process {}) did not stop within a minute",
                    state.supervisor
                );
            }
            println!("Stopped.");
        }
        _ => {
            state::end_leftovers(&layout)?;
            println!("Nothing was running.");
        }
    }
    if options.volumes {
        layout.remove()?;
        println!(
            "Removed {} with its data, logs and secrets.",
            layout.folder.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask logs [ROLE]`.
pub(crate) fn logs(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = options::Folder::parse(arguments, options::LOGS_HELP)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let layout = Layout::new(options.folder.unwrap_or_else(|| root.join(".watchpost")));
    screen::logs(&layout, options.role.as_deref())
}

fn already_running(layout: &Layout) -> Result<ExitCode> {
    let by =
        State::read(layout)?.map_or_else(String::new, |it| format!(" (process {})", it.supervisor));
    eprintln!(
        "Watchpost already runs from {}{by}.\n`cargo xtask status` shows it, `cargo xtask down` stops it.",
        layout.folder.display()
    );
    Ok(ExitCode::FAILURE)
}

/// Starts this program again as a process of its own and returns once that is ready.
fn detach(options: &Options, layout: &Layout, binaries: &Path) -> Result<ExitCode> {
    let log = File::create(layout.log("up")).context("cannot create the log of `up`")?;
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let mut command = Command::new(program);
    command
        .arg("up")
        .args(options.as_arguments())
        .arg("--folder")
        .arg(&layout.folder)
        .arg("--binaries")
        .arg(binaries);
    if let Some(rules) = &options.rules {
        command.arg("--rules").arg(rules);
    }
    for incident in &options.incidents {
        command.arg("--incident").arg(incident);
    }
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
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks again and again, ten times a second; false when the time is over.
fn wait_for(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
