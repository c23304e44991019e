//! StatsD: counters, gauges, timings and sets that programs send as datagrams, by UDP or to a Unix socket, with the
//! arithmetic of the reference daemon (statsd/statsd on GitHub) and Datadog's tags.

mod aggregate;
mod drops;
mod line;
mod listener;
mod timing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::aggregate::Aggregate;
use self::listener::Listener;
use super::Intake;
use crate::collectors::{CollectError, Collector, HostFiles, Points};

/// Where lines come in, and how many series they may make.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the UDP socket; none, if empty.
    pub address: String,
    /// Path of the Unix socket, if there is one.
    pub socket: Option<PathBuf>,
    /// Series at most.
    pub max_series: usize,
    /// Percentiles of timings.
    pub percentiles: Vec<u8>,
    /// Time between two flushes.
    pub interval: Duration,
}

/// Flushes what came since the last time.
pub struct StatsD {
    settings: Settings,
    intake: Intake,
    aggregate: Arc<Mutex<Aggregate>>,
    listeners: Vec<Listener>,
}

impl StatsD {
    /// Listens at once; where that fails, again at each collection.
    pub fn new(settings: Settings, intake: Intake) -> Self {
        let aggregate = Aggregate::new(settings.max_series, &settings.percentiles);
        let mut statsd = Self {
            settings,
            intake,
            aggregate: Arc::new(Mutex::new(aggregate)),
            listeners: Vec::new(),
        };
        // Told at the first collection, if it still fails then.
        let _ = statsd.listen();
        statsd
    }

    fn listen(&mut self) -> std::io::Result<()> {
        if !self.listeners.is_empty() {
            return Ok(());
        }
        let mut listeners = Vec::new();
        let start = || (Arc::clone(&self.aggregate), self.intake.clone());
        if !self.settings.address.is_empty() {
            listeners.push(Listener::udp(&self.settings.address, start())?);
        }
        if let Some(path) = &self.settings.socket {
            listeners.push(Listener::unix(path, start())?);
        }
        self.listeners = listeners;
        Ok(())
    }
}

impl Collector for StatsD {
    fn name(&self) -> &'static str {
        "statsd"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let listening = self.listen();
        let dropped = self.listeners.iter_mut().map(Listener::newly_dropped).sum();
        let why = "the system dropped datagrams, for they came faster than they are read; a Unix socket makes senders wait";
        self.intake.refuse_many(dropped, &why, b"");
        let mut aggregate = self
            .aggregate
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        aggregate.flush(at, self.settings.interval.as_secs_f64(), points);
        listening.map_err(|error| CollectError::Unavailable {
            why: error.to_string(),
        })
    }
}
