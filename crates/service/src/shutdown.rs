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

    /// Turns SIGTERM and SIGINT into the order; a second signal ends the process at once.
    ///
    /// Errors: the runtime has no signal driver.
    #[cfg(unix)]
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
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
