//! Running until told to stop.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use watchpost_service::cli::Started;
use watchpost_service::http::{Readiness, serve_when_free};
use watchpost_service::logging::LogHandle;
use watchpost_service::metrics::Registry;
use watchpost_service::reload;
use watchpost_service::service_manager;
use watchpost_service::shutdown::Shutdown;

use crate::collectors::HostFiles;
use crate::config::AgentConfig;
use crate::metrics::AgentMetrics;
use crate::pipeline::{Pipeline, READY_WRITING, Surroundings};

/// How often the agent's own CPU time and memory are looked at.
const SELF_INTERVAL: Duration = Duration::from_secs(10);

/// Beyond what the writers drain: for a last collection and the metrics port to close.
const STOP_MARGIN: Duration = Duration::from_secs(6);

/// Starts everything, applies changed configurations, and drains at the end.
pub(super) async fn run(started: Started<AgentConfig>, surroundings: Surroundings) -> ExitCode {
    match try_run(started, surroundings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn try_run(
    started: Started<AgentConfig>,
    surroundings: Surroundings,
) -> Result<(), Box<dyn std::error::Error>> {
    let Started {
        config,
        sources,
        log,
        ..
    } = started;
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let registry = Registry::new();
    let metrics = AgentMetrics::new(&registry);
    let readiness = Readiness::waiting_for(&[READY_WRITING]);
    let address = serve_when_free(
        &config.telemetry,
        super::telemetry(registry, readiness.clone()),
        &shutdown,
    )
    .await;
    let mut pipeline = Pipeline::start(
        &config,
        surroundings,
        metrics.clone(),
        readiness,
        shutdown.clone(),
    )?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        url = config.influx.url,
        bucket = config.influx.bucket,
        interval = %config.collect.interval,
        metrics = address.map(|address| address.to_string()),
        "The agent has started."
    );
    service_manager::ready(&shutdown);
    let mut drain = config.write.drain_timeout.get();
    let listen = config.telemetry.clone();
    let mut configs = reload::watch(sources, config, reload::POLL_INTERVAL, &shutdown)?;
    let mut own = HostFiles::new(Path::new("/"));
    let mut look = tokio::time::interval(SELF_INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            _ = look.tick() => look_at_self(&mut own, &metrics),
            Ok(()) = configs.changed() => {
                let config = configs.borrow_and_update().clone();
                drain = config.write.drain_timeout.get();
                if config.telemetry != listen {
                    tracing::warn!("A change of [telemetry] waits for the next start.");
                }
                reconfigure(&config, &mut pipeline, &log).await;
            }
        }
    }
    if tokio::time::timeout(drain + STOP_MARGIN, pipeline.stop())
        .await
        .is_err()
    {
        tracing::error!("Not everything stopped in time.");
    }
    shutdown.drain(STOP_MARGIN).await;
    tracing::info!("The agent has stopped.");
    Ok(())
}

/// Brings what runs in line with a changed configuration.
async fn reconfigure(config: &AgentConfig, pipeline: &mut Pipeline, log: &LogHandle) {
    if let Err(error) = log.apply(&config.log) {
        tracing::error!(%error, "The log level stays as it was.");
    }
    match pipeline.apply(config).await {
        Ok(()) => tracing::info!("The changed configuration is in force."),
        Err(error) => tracing::error!(%error, "The changed configuration cannot be applied."),
    }
}

/// The agent's own CPU time and memory, where `/proc` tells them.
fn look_at_self(files: &mut HostFiles, metrics: &AgentMetrics) {
    #[cfg(target_os = "linux")]
    {
        use crate::collectors::process_stat::ProcessStat;
        if let Some(stat) = files
            .read_optional("proc/self/stat")
            .and_then(ProcessStat::parse)
        {
            let ticks = rustix::param::clock_ticks_per_second() as f64;
            metrics
                .process_cpu_seconds
                .set(stat.cpu_ticks as f64 / ticks);
            metrics
                .process_resident_bytes
                .set((stat.resident_pages * rustix::param::page_size() as u64) as f64);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (files, metrics);
}
