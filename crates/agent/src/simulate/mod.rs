//! A fleet that does not exist: hosts in three regions whose values are functions of a seed and the time.
//! Whatever is built on the data (dashboards, rules, tasks) can be tried on it, at once and over weeks.

mod host;
pub mod incident;
mod noise;
mod platform;
mod points;

use std::time::Duration;

use watchpost_core::line_protocol;

pub use self::host::SimulatedHost;
use self::incident::Incident;
use crate::batch::Batch;
use crate::collectors::slow_interval;

/// The hosts, and how often each gives points.
#[derive(Debug)]
pub struct Fleet {
    hosts: Vec<SimulatedHost>,
    interval: i64,
    slow_interval: i64,
}

impl Fleet {
    /// `hosts` hosts of `seed`, whose incidents count from `start` (nanoseconds since 1970).
    pub fn new(
        seed: u64,
        hosts: u32,
        interval: Duration,
        start: i64,
        incidents: &[Incident],
    ) -> Self {
        let nanos = |duration: Duration| {
            i64::try_from(duration.as_nanos())
                .unwrap_or(i64::MAX)
                .max(1)
        };
        Self {
            hosts: (0..hosts)
                .map(|index| SimulatedHost::new(seed, index, start, incidents))
                .collect(),
            interval: nanos(interval),
            slow_interval: nanos(slow_interval(interval)),
        }
    }

    /// The hosts.
    pub fn hosts(&self) -> &[SimulatedHost] {
        &self.hosts
    }

    /// The first tick at or after `time`.
    pub fn tick_from(&self, time: i64) -> i64 {
        -(-time).div_euclid(self.interval) * self.interval
    }

    /// The tick after `tick`.
    pub fn next_tick(&self, tick: i64) -> i64 {
        tick + self.interval
    }

    /// Appends the line protocol of host number `index` at `tick`.
    pub fn append(&self, index: usize, tick: i64, lines: &mut Vec<u8>) {
        let Some(host) = self.hosts.get(index) else {
            return;
        };
        let Some(state) = host.state(tick) else {
            return;
        };
        let slow = tick.rem_euclid(self.slow_interval) < self.interval;
        for point in points::points(host, &state, tick, slow) {
            if let Err(error) = line_protocol::append_point(lines, &point) {
                tracing::error!(%error, "A simulated point cannot be written.");
            }
        }
    }

    /// The line protocol of the whole fleet at `tick`.
    pub fn batch(&self, tick: i64) -> Batch {
        let mut lines = Vec::new();
        for index in 0..self.hosts.len() {
            self.append(index, tick, &mut lines);
        }
        Batch::new(String::from_utf8_lossy(&lines).into_owned())
    }
}
