//! A changed configuration file: the log level is taken at once; of everything else it is told that
//! it waits for the next start. (Rules, routes and receivers stand in the rule file, see `reload`.)

use watchpost_service::config::Sources;
use watchpost_service::logging::LogHandle;
use watchpost_service::reload;
use watchpost_service::shutdown::Shutdown;

use crate::config::AlerterConfig;

/// Errors: the runtime has no signal driver.
pub(super) fn watch(
    sources: Sources,
    config: AlerterConfig,
    log: LogHandle,
    shutdown: &Shutdown,
) -> std::io::Result<()> {
    let started = config.clone();
    let mut configs = reload::watch(sources, config, reload::POLL_INTERVAL, shutdown)?;
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        while let Some(Ok(())) = stop.unless_requested(configs.changed()).await {
            let changed = configs.borrow_and_update().clone();
            if let Err(error) = log.apply(&changed.log) {
                tracing::error!(%error, "the log level stays as it was");
            }
            let waiting = waiting(&started, &changed);
            if !waiting.is_empty() {
                let sections = waiting.join(", ");
                tracing::warn!(sections, "these changes wait for the next start");
            }
        }
    });
    Ok(())
}

/// The sections that differ from what the alerter was started with.
fn waiting(started: &AlerterConfig, changed: &AlerterConfig) -> Vec<&'static str> {
    let same = [
        ("influx", started.influx == changed.influx),
        ("api", started.api == changed.api),
        ("rules", started.rules == changed.rules),
        ("store", started.store == changed.store),
        ("history", started.history == changed.history),
        ("heartbeat", started.heartbeat == changed.heartbeat),
    ];
    let differ = same.into_iter().filter(|(_, same)| !same);
    differ.map(|(name, _)| name).collect()
}
