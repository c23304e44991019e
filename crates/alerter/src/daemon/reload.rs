//! Says when the rule file should be read again: SIGHUP, a changed file, or a request.

use tokio::sync::{mpsc, oneshot};
use watchpost_service::reload::POLL_INTERVAL;
use watchpost_service::shutdown::Shutdown;

use crate::config::RulesConfig;
use crate::rule_files::stamp;

/// Whoever waits for the outcome: nothing, or why the file is not taken.
pub(super) type Reply = Option<oneshot::Sender<Option<String>>>;

/// Asks the loop to read the rule file again.
#[derive(Clone, Debug)]
pub struct Reloads(mpsc::Sender<Reply>);

impl Reloads {
    pub(super) fn new() -> (Reloads, mpsc::Receiver<Reply>) {
        let (sender, receiver) = mpsc::channel(1);
        (Reloads(sender), receiver)
    }

    /// Errors: the file cannot be read or is not valid, and why; or another request waits.
    pub async fn ask(&self) -> Result<(), String> {
        let busy = || "the alerter is stopping or too busy to answer".to_owned();
        let (reply, outcome) = oneshot::channel();
        self.0.try_send(Some(reply)).map_err(|_| busy())?;
        outcome.await.map_err(|_| busy())?.map_or(Ok(()), Err)
    }
}

/// Each message asks for a look at the file.
///
/// Errors: the runtime has no signal driver.
pub(super) fn watch(
    rules: RulesConfig,
    reloads: Reloads,
    shutdown: &Shutdown,
) -> std::io::Result<()> {
    let stop = shutdown.clone();
    #[cfg(unix)]
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
    let mut known = stamp(&rules);
    shutdown.spawn(async move {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        loop {
            #[cfg(unix)]
            let asked = tokio::select! {
                () = stop.requested() => return,
                _ = hangup.recv() => true,
                _ = ticks.tick() => false,
            };
            #[cfg(not(unix))]
            let asked = tokio::select! {
                () = stop.requested() => return,
                _ = ticks.tick() => false,
            };
            let found = stamp(&rules);
            // A file that is gone for a moment is being replaced.
            if asked || (found.is_some() && found != known) {
                known = found;
                // One that waits already is as good as two.
                let _ = reloads.0.try_send(None);
            }
        }
    });
    Ok(())
}
