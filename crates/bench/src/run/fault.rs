//! What befalls a spawned engine under load: a stop or a kill, a time away, a return.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use watchpost_service::shutdown::Shutdown;

use super::phases::Phases;
use crate::load::{Recorder, pause};
use crate::report::Outage;
use crate::scenario::{Fault, Kind};
use crate::target::Target;
use crate::{Error, Result};

/// The faults of a run, under way.
pub(super) struct Faults {
    task: JoinHandle<Result<Vec<Away>>>,
    limit: Duration,
}

/// A time the server was away.
#[derive(Debug, Clone, Copy)]
struct Away {
    from: Instant,
    to: Instant,
}

/// Starts the faults of a scenario that has them, beside its load.
pub(super) fn start(phases: &Phases, recorder: &Arc<Recorder>, stop: &Shutdown) -> Option<Faults> {
    let fault = phases.scenario.fault.clone()?;
    let limit = fault.caught_up_below.get();
    recorder.watch_slow(limit);
    let kill = phases.scenario.kind == Kind::Kill;
    let target = Arc::clone(&phases.target);
    let stop = stop.clone();
    let task = tokio::spawn(async move { befall(&target, &fault, kill, &stop).await });
    Some(Faults { task, limit })
}

async fn befall(target: &Target, fault: &Fault, kill: bool, stop: &Shutdown) -> Result<Vec<Away>> {
    let mut aways = Vec::new();
    let Some(engine) = target.engine() else {
        return Ok(aways);
    };
    for _ in 0..fault.times {
        if !pause(fault.after.get(), stop).await {
            break;
        }
        let from = Instant::now();
        if kill {
            engine.lock().await.kill().await;
        } else {
            engine.lock().await.stop().await;
        }
        // Whoever asks to stop gets a server back that can be verified.
        pause(fault.down_for.get(), stop).await;
        engine.lock().await.start_again().await?;
        aways.push(Away {
            from,
            to: Instant::now(),
        });
    }
    Ok(aways)
}

impl Faults {
    /// Waits for the server's return and tells what the faults came to.
    pub(super) async fn finish(self, recorder: &Recorder, stop: &Shutdown) -> Result<Outage> {
        // The load is over: a fault that has not come yet has nothing left to befall.
        stop.request();
        let aways = self
            .task
            .await
            .map_err(|panic| Error::Engine(panic.to_string()))??;
        let summary = recorder.summary();
        let returned = aways.last().map(|away| away.to);
        let caught_up = returned.map(|returned| {
            let slow = recorder.last_slow();
            slow.map_or(Duration::ZERO, |slow| {
                slow.saturating_duration_since(returned)
            })
        });
        let last = summary.timeline.last().map(|tick| tick.max);
        // The last second still waited: the load ended before it was caught up.
        let still_waits = last.is_some_and(|longest| longest > self.limit.as_secs_f64() * 1_000.0);
        Ok(Outage {
            down_seconds: aways
                .iter()
                .map(|away| (away.to - away.from).as_secs_f64())
                .collect(),
            catch_up_seconds: caught_up
                .filter(|_| !still_waits)
                .map(|length| length.as_secs_f64()),
            greatest_lag_seconds: summary.latency.max / 1_000.0,
        })
    }
}
