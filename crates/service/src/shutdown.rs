//! Stopping: SIGTERM or SIGINT asks every task to finish, and the process waits for them, but not
//! forever.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest a role drains before it ends anyway: below the 30 s after which systemd and Kubernetes kill.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// The order to stop, shared by all tasks of a process.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every task finished.
    Complete,
    /// Time was up; that many tasks were left.
    Abandoned(usize),
}

impl Shutdown {
    /// No order given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that [`Shutdown::drain`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Gives the order to stop.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// True once the order was given.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns when the order is given.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// `Some(output)` of `work`, or `None` if the order comes first (`work` is dropped).
    pub async fn unless_requested<F: Future>(&self, work: F) -> Option<F::Output> {
        self.token.run_until_cancelled(work).await
    }

    /// A child whose order can be given alone, as when one part restarts after a reload.
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
            tasks: self.tasks.clone(),
        }
    }

    /// Gives the order and waits until every spawned task is done, at most for `limit`.
    pub async fn drain(&self, limit: Duration) -> Drained {
        self.request();
        self.tasks.close();
        match tokio::time::timeout(limit, self.tasks.wait()).await {
            Ok(()) => Drained::Complete,
            Err(_) => Drained::Abandoned(self.tasks.len()),
        }
    }

    /// Turns SIGTERM and SIGINT (on Windows Ctrl-C and the end of the session) into the order; a second
    /// signal ends the process at once.
    ///
    /// Errors: the runtime has no signal driver.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut signals = StopSignals::new()?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let name = signals.received().await;
                if shutdown.is_requested() {
                    tracing::warn!(signal = name, "second signal: ending without draining");
                    std::process::exit(130);
                }
                tracing::info!(signal = name, "stopping; a second signal ends at once");
                shutdown.request();
            }
        });
        Ok(())
    }
}

/// What the system sends to have a process stop.
#[cfg(unix)]
struct StopSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next and names it.
    async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// What the system sends to have a process stop.
#[cfg(windows)]
struct StopSignals {
    interrupt: tokio::signal::windows::CtrlC,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl StopSignals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the next and names it.
    async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.close.recv() => "close",
            _ = self.shutdown.recv() => "shutdown",
        }
    }
}
