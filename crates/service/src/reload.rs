//! Reload: SIGHUP or a changed file gives a new configuration to who watches it; one that is not
//! valid is told in the log, and the old one stays in force.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::config::{Loaded, RoleConfig, Sources, load};
use crate::shutdown::Shutdown;

/// How often the file is looked at. A `stat` every two seconds costs nothing and, unlike inotify,
/// sees a file replaced by rename or through a mounted ConfigMap.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Starts watching, with a look at the file every `poll` (usually [`POLL_INTERVAL`]); each valid
/// configuration that differs arrives at the receiver, which begins with `initial`.
///
/// Errors: the runtime has no signal driver.
pub fn watch<C: RoleConfig + PartialEq>(
    sources: Sources,
    initial: C,
    poll: Duration,
    shutdown: &Shutdown,
) -> std::io::Result<watch::Receiver<Arc<C>>> {
    let (sender, receiver) = watch::channel(Arc::new(initial));
    let mut hangup = Hangup::new()?;
    let stop = shutdown.clone();
    let mut stamp = sources.file.as_deref().and_then(file_stamp);
    shutdown.spawn(async move {
        let mut ticks = tokio::time::interval(poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = stop.requested() => return,
                () = hangup.received() => true,
                _ = ticks.tick() => false,
            };
            let now = sources.file.as_deref().and_then(file_stamp);
            // A file that is gone for a moment is being replaced; look again at the next tick.
            if asked || (now.is_some() && now != stamp) {
                stamp = now;
                apply(&sources, &sender);
            }
        }
    });
    Ok(receiver)
}

/// Loads once more and hands over what changed. True when the file was valid.
fn apply<C: RoleConfig + PartialEq>(sources: &Sources, sender: &watch::Sender<Arc<C>>) -> bool {
    match load::<C>(sources) {
        Ok(Loaded { config, .. }) => {
            let changed = sender.send_if_modified(|current| {
                let differs = **current != config;
                if differs {
                    *current = Arc::new(config);
                }
                differs
            });
            tracing::info!(changed, "configuration read again");
            true
        }
        Err(error) => {
            for problem in &error.problems {
                tracing::error!(
                    place = problem.place,
                    key = problem.key,
                    "{}",
                    problem.message
                );
            }
            tracing::error!("the changed configuration is not valid; the old one stays in force");
            false
        }
    }
}

/// Time and length of a file: what tells a change.
fn file_stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// SIGHUP where there is one. While one of these lives, the signal does not end the process.
pub struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    /// Errors: the runtime has no signal driver.
    #[cfg(unix)]
    pub fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signal: signal(SignalKind::hangup())?,
        })
    }
    /// Never fails.
    #[cfg(not(unix))]
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next.
    #[cfg(unix)]
    pub async fn received(&mut self) {
        self.signal.recv().await;
    }
    /// Waits forever.
    #[cfg(not(unix))]
    pub async fn received(&mut self) {
        std::future::pending::<()>().await;
    }
}
