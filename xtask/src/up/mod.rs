//! `cargo xtask up`: the whole platform on this machine, from one command.
//!
//! It builds the binaries, starts a process per role in the order that each needs the others, waits
//! until each is ready, prints one screen, and watches over them until it is told to stop.

mod build;
mod check;
mod child;
mod compose;
mod copies;
mod detach;
mod layout;
mod machine;
mod options;
mod page;
mod roles;
mod screen;
mod secrets;
mod server;
mod state;
mod supervisor;
mod usage;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub(crate) use layout::Layout;
pub(crate) use options::{Engine, Options};
pub(crate) use state::State;

/// Long enough for a slow disk to start every role; a role that is not ready by then is named.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// The folder of the release binaries and of what judges them: the given one, or that in which they are built now.
pub(crate) fn binaries_to_judge(
    root: &Path,
    given: Option<std::path::PathBuf>,
) -> Result<std::path::PathBuf> {
    given.map_or_else(|| build::with_judge(root), Ok)
}

/// `cargo xtask up`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = Options::parse(arguments)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if options.check {
        return check::run(root, &options);
    }
    let layout = Layout::new(
        options
            .folder
            .clone()
            .unwrap_or_else(|| root.join(".watchpost")),
    );
    machine::check_space(&layout)?;
    layout.create()?;
    let Some(lock) = layout.lock()? else {
        return already_running(&layout);
    };
    let compose = options.engine == Engine::Docker;
    if State::read(&layout)?.is_some_and(|it| it.compose) {
        if compose {
            return compose::run(&options, &layout, root);
        }
        bail!("containers run from here already: `cargo xtask down` stops them");
    }
    if options.rules.is_some() && layout.own_rules().exists() {
        let own = layout.own_rules();
        eprintln!(
            "{} is not read: --rules names all rules there are.",
            own.display()
        );
    }
    state::end_leftovers(&layout)?;
    secrets::make(&layout)?;
    let options = options.with_ports()?;
    machine::check_ports(&options)?;
    if compose {
        return compose::run(&options, &layout, root);
    }
    let binaries = build::release(root, &options)?;
    // Logs, secrets and the state of the platform are for its user alone; what was built is not among them.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    if options.detach {
        drop(lock);
        return detach::run(&options, &layout, &binaries);
    }
    supervisor::run(&options, &layout, &binaries, root)
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
    if state.compose {
        return compose::status(&layout, root, options.json);
    }
    if options.json {
        println!("{:#}", screen::status_json(&state)?);
    } else {
        print!("{}", screen::status(&state));
    }
    let alive = state.is_supervised() && state.roles.iter().all(state::RoleState::is_alive);
    let healthy = alive && screen::complaints(&state).is_empty();
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
        Some(state) if state.compose => {
            compose::down(&layout, root, options.volumes)?;
            println!("Stopped.");
        }
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
        _ => match state::end_leftovers(&layout)? {
            0 => println!("Nothing was running."),
            left => println!("Stopped {left} processes of an `up` that had been killed."),
        },
    }
    if options.volumes {
        layout.remove()?;
        let folder = layout.folder.display();
        match layout.folder.exists() {
            true => println!("Removed data, logs and secrets of {folder}; your own files stay."),
            false => println!("Removed {folder} with its data, logs and secrets."),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask logs [ROLE]`.
pub(crate) fn logs(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let Some(options) = options::Folder::parse(arguments, options::LOGS_HELP)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let layout = Layout::new(options.folder.unwrap_or_else(|| root.join(".watchpost")));
    if State::read(&layout)?.is_some_and(|it| it.compose) {
        return compose::logs(&layout, root, options.role.as_deref());
    }
    screen::logs(&layout, options.role.as_deref())
}

fn already_running(layout: &Layout) -> Result<ExitCode> {
    let by =
        State::read(layout)?.map_or_else(String::new, |it| format!(" (process {})", it.supervisor));
    let (folder, option) = (layout.folder.display(), layout.option());
    eprintln!(
        "Watchpost already runs from {folder}{by}.\n`cargo xtask status{option}` shows it, `cargo xtask down{option}` stops it."
    );
    Ok(ExitCode::FAILURE)
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
