//! Starts the roles in order, watches over them, and stops them in the reverse order.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::child;
use super::copies;
use super::layout::Layout;
use super::options::Options;
use super::page;
use super::roles::{self, Ready, Role};
use super::screen;
use super::server::Server;
use super::state::{self, RoleState, State};
use super::{READY_TIMEOUT, wait_for};

/// A role drains its queues within this; after it, it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// The first wait before a dead role is started again; it doubles up to the last.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_LAST: Duration = Duration::from_secs(30);
/// A role that ran this long has recovered: its next wait is the first again.
const RECOVERED_AFTER: Duration = Duration::from_secs(60);

/// Runs the platform until it is told to stop.
pub(super) fn run(
    options: &Options,
    layout: &Layout,
    binaries: &Path,
    root: &Path,
) -> Result<ExitCode> {
    let server = Server::of(options, layout, root)?;
    let recipients = match &options.backup {
        Some(backup) => copies::recipients(backup, layout, binaries)?,
        None => Vec::new(),
    };
    let roles = roles::platform(options, layout, binaries, root, &server, &recipients);
    let mut platform = Platform {
        layout,
        server: server.url,
        backup: options.backup.as_ref().map(|it| it.to.clone()),
        stop: child::stop_signals()?,
        running: Vec::new(),
        ready: false,
    };
    let began = Instant::now();
    let outcome = platform.start(roles).and_then(|()| {
        platform.ready = true;
        platform.write_state()?;
        if let Some(state) = State::read(layout)? {
            print!("{}", screen::ready(&state, layout));
            println!(
                "Ready after {:.1} s. Ctrl-C stops everything.",
                began.elapsed().as_secs_f64()
            );
            platform.wait_for_chart(began);
        }
        platform.watch();
        Ok(())
    });
    platform.end();
    outcome.map(|()| ExitCode::SUCCESS)
}

struct Platform<'a> {
    layout: &'a Layout,
    server: String,
    backup: Option<String>,
    stop: Arc<AtomicBool>,
    running: Vec<Running>,
    ready: bool,
}

struct Running {
    role: Role,
    process: Child,
    since: Instant,
    started: u64,
    restarts: u32,
    /// Set while the role is dead: when it is started again.
    restart_at: Option<Instant>,
    wait: Duration,
}

impl Running {
    /// The next start, and how long that is away: longer each time.
    fn wait_again(&mut self) -> Duration {
        let wait = self.wait;
        self.restart_at = Some(Instant::now() + wait);
        self.wait = (wait * 2).min(RESTART_LAST);
        wait
    }
}

impl Platform<'_> {
    /// Starts each role and waits until it is ready before the next.
    fn start(&mut self, roles: Vec<Role>) -> Result<()> {
        for role in roles {
            if self.stopped() {
                bail!("stopped while starting");
            }
            if role.ready == Ready::Ended {
                self.run_once(&role)?;
                continue;
            }
            let process = self.spawn(&role)?;
            let (since, started) = (Instant::now(), state::now());
            self.running.push(Running {
                role,
                process,
                since,
                started,
                restarts: 0,
                restart_at: None,
                wait: RESTART_FIRST,
            });
            self.write_state()?;
            self.wait_until_ready()?;
        }
        Ok(())
    }

    fn spawn(&self, role: &Role) -> Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.layout.log(role.name))
            .with_context(|| format!("cannot write the log of the {}", role.name))?;
        let mut command = Command::new(&role.program);
        child::without_settings(&mut command)
            .args(&role.arguments)
            .envs(role.environment.iter().map(|(name, value)| (name, value)));
        command
            .current_dir(&self.layout.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        child::in_own_group(&mut command)
            .spawn()
            .with_context(|| format!("cannot start {}", role.program.display()))
    }

    /// A role that does its work and ends.
    fn run_once(&self, role: &Role) -> Result<()> {
        let mut process = self.spawn(role)?;
        let mut status = None;
        wait_for(READY_TIMEOUT, || {
            status = process.try_wait().ok().flatten();
            status.is_some() || self.stopped()
        });
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!(
                "the {} failed ({status}){}",
                role.name,
                self.last_words(role)
            ),
            None => {
                process.kill().ok();
                process.wait().ok();
                bail!(
                    "the {} did not end in {} s{}",
                    role.name,
                    READY_TIMEOUT.as_secs(),
                    self.last_words(role)
                )
            }
        }
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let stop = Arc::clone(&self.stop);
        let Some(running) = self.running.last_mut() else {
            return Ok(());
        };
        let Ready::Answers(url) = running.role.ready.clone() else {
            return Ok(());
        };
        let mut ended = None;
        let ready = wait_for(READY_TIMEOUT, || {
            ended = running.process.try_wait().ok().flatten();
            ended.is_some() || stop.load(Ordering::Relaxed) || page::answers(&url)
        });
        let Some(running) = self.running.last() else {
            return Ok(());
        };
        let (role, words) = (&running.role, self.last_words(&running.role));
        match ended {
            Some(status) => bail!("the {} ended while starting ({status}){words}", role.name),
            None if !ready => bail!(
                "the {} was not ready in {} s{words}",
                role.name,
                READY_TIMEOUT.as_secs()
            ),
            None => Ok(()),
        }
    }

    /// Says when the first chart is live, which is what a person waits for.
    fn wait_for_chart(&self, began: Instant) {
        let web = self.running.iter().find(|it| it.role.name == "web");
        if web.is_some_and(|it| page::first_chart(&it.role.address, || self.stopped())) {
            println!("{}", screen::first_chart(began.elapsed()));
        }
    }

    /// Restarts what dies until a signal comes.
    fn watch(&mut self) {
        while !self.stopped() {
            let mut changed = false;
            for index in 0..self.running.len() {
                changed |= self.look_after(index);
            }
            // Only `status` needs it: on a full disk the roles run on without.
            if changed && let Err(error) = self.write_state() {
                println!("{error:#}");
            }
            wait_for(Duration::from_millis(300), || self.stopped());
        }
    }

    /// True if the role was started again.
    fn look_after(&mut self, index: usize) -> bool {
        let running = &mut self.running[index];
        if let Some(due) = running.restart_at {
            return Instant::now() >= due && self.start_again(index);
        }
        if let Ok(Some(status)) = running.process.try_wait() {
            if running.since.elapsed() > RECOVERED_AFTER {
                running.wait = RESTART_FIRST;
            }
            let wait = running.wait_again();
            println!(
                "The {} ended ({status}); it is started again in {} s.",
                running.role.name,
                wait.as_secs()
            );
        }
        false
    }

    /// False if it cannot be started, which is tried again: its binary may just be built anew.
    fn start_again(&mut self, index: usize) -> bool {
        let process = self.spawn(&self.running[index].role);
        let running = &mut self.running[index];
        let name = running.role.name;
        match process {
            Ok(process) => {
                println!("The {name} runs again (process {}).", process.id());
                running.process = process;
                running.restart_at = None;
                running.restarts += 1;
                (running.since, running.started) = (Instant::now(), state::now());
                true
            }
            Err(error) => {
                let wait = running.wait_again();
                println!(
                    "{error:#}; the {name} is tried again in {} s.",
                    wait.as_secs()
                );
                false
            }
        }
    }

    /// Stops the last that was started first, so that none loses what it depends on.
    fn end(&mut self) {
        if self.stopped() && self.ready {
            println!("Stopping.");
        }
        while let Some(mut running) = self.running.pop() {
            child::terminate(running.process.id()).ok();
            let ended = wait_for(STOP_TIMEOUT, || {
                matches!(running.process.try_wait(), Ok(Some(_)) | Err(_))
            });
            if !ended {
                println!(
                    "The {} did not stop in {} s and is killed.",
                    running.role.name,
                    STOP_TIMEOUT.as_secs()
                );
                running.process.kill().ok();
            }
            running.process.wait().ok();
        }
        State::remove(self.layout);
    }

    fn write_state(&self) -> Result<()> {
        let roles = self.running.iter().map(|it| RoleState {
            name: it.role.name.to_owned(),
            process: it.process.id(),
            program: it.role.program.clone(),
            address: it.role.address.clone(),
            started: it.started,
            restarts: it.restarts,
        });
        let program = std::env::current_exe().context("cannot find the path of this program")?;
        State {
            supervisor: std::process::id(),
            program,
            server: self.server.clone(),
            compose: false,
            backup: self.backup.clone(),
            ready: self.ready,
            roles: roles.collect(),
        }
        .write(self.layout)
    }

    fn last_words(&self, role: &Role) -> String {
        let path = self.layout.log(role.name);
        let lines = screen::tail(&path, 15);
        if lines.is_empty() {
            String::new()
        } else {
            format!(":\n\n{lines}\n(the whole log: {})", path.display())
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
