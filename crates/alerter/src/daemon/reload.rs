//! Tells when the rule file should be read again: SIGHUP, or a changed file.

use tokio::sync::mpsc;
use watchpost_service::reload::POLL_INTERVAL;
use watchpost_service::shutdown::Shutdown;

use crate::config::RulesConfig;
use crate::rule_files::stamp;

/// Each message asks for a look at the file.
///
/// Errors: the runtime has no signal driver.
pub(super) fn watch(
    rules: RulesConfig,
    shutdown: &Shutdown,
) -> std::io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(1);
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
                let _ = sender.try_send(());
            }
        }
    });
    Ok(receiver)
}
