//! One host of the fleet: what it is, and its state at any time, as a function of the time alone.

use std::f64::consts::TAU;

use watchpost_core::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_SECOND};

use super::incident::{Incident, Kind};
use super::noise::Noise;

/// (region, environment, hour of the day in UTC when its users are busiest).
const REGIONS: [(&str, &str, f64); 3] = [
    ("us-east-1", "production", 19.0),
    ("us-west-1", "production", 22.0),
    ("eu-west-1", "staging", 13.0),
];

/// (service, mean CPU percent, mean share of memory, what its busiest programs are called).
const SERVICES: [(&str, f64, f64, [&str; 3]); 5] = [
    ("web", 28.0, 0.42, ["nginx", "node", "rsyslogd"]),
    ("api", 36.0, 0.52, ["java", "envoy", "rsyslogd"]),
    ("db", 31.0, 0.68, ["postgres", "pgbouncer", "barman"]),
    (
        "cache",
        16.0,
        0.61,
        ["redis-server", "stunnel4", "rsyslogd"],
    ),
    ("worker", 44.0, 0.47, ["python3", "celery", "ffmpeg"]),
];

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// A host restarts about once in this many days.
const DAYS_BETWEEN_RESTARTS: i64 = 9;
/// Restarts are looked for this far back; a host without one is that old.
const RESTART_HORIZON_DAYS: i64 = 60;
/// A restart takes this long, in which the host says nothing.
const RESTART_SECONDS: i64 = 90;

/// The unchanging part of a host.
#[derive(Clone, Debug)]
pub struct SimulatedHost {
    /// `host-1`, `host-2` …
    pub name: String,
    /// Where it stands.
    pub region: &'static str,
    /// What it is for.
    pub environment: &'static str,
    /// What it serves.
    pub service: &'static str,
    /// Processors.
    pub cores: u32,
    /// Bytes of memory.
    pub memory_total: f64,
    /// Bytes of the root file system.
    pub disk_total: f64,
    /// Its busiest programs.
    pub programs: [&'static str; 3],
    busiest_hour: f64,
    mean_cpu: f64,
    mean_memory: f64,
    noise: Noise,
    incidents: Vec<Incident>,
    start: i64,
}

/// How a host does at one moment.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Percent of all processors.
    pub cpu: f64,
    /// Share of memory in use, 0 to 1.
    pub memory: f64,
    /// Share of the root file system in use, 0 to 1.
    pub disk: f64,
    /// How busy its users are, about 1 on average.
    pub activity: f64,
    /// Seconds since it started.
    pub uptime: f64,
    /// Sum of the activity since it started, in seconds: what its counters grow by.
    pub work: f64,
}

impl SimulatedHost {
    /// Host number `index` (from 0) of the fleet of `seed`, in a simulation that began at `start`.
    pub fn new(seed: u64, index: u32, start: i64, incidents: &[Incident]) -> Self {
        let name = format!("host-{}", index + 1);
        let noise = Noise::new(seed).of(&name);
        let (region, environment, busiest_hour) = REGIONS[index as usize % REGIONS.len()];
        let (service, mean_cpu, mean_memory, programs) = SERVICES[index as usize % SERVICES.len()];
        let cores = noise.of("cores").pick(&[2, 4, 4, 8]).unwrap_or(4);
        Self {
            region,
            environment,
            service,
            cores,
            memory_total: f64::from(cores) * 4.0 * GIB,
            disk_total: noise.of("disk").pick(&[80.0, 160.0, 320.0]).unwrap_or(80.0) * GIB,
            programs,
            busiest_hour,
            mean_cpu: mean_cpu * noise.of("mean").between(0.8, 1.2),
            mean_memory: mean_memory * noise.of("memory").between(0.9, 1.1),
            noise,
            incidents: incidents
                .iter()
                .filter(|incident| incident.concerns(&name))
                .cloned()
                .collect(),
            start,
            name,
        }
    }

    /// A source of numbers for a part of the host.
    pub fn noise(&self, part: &str) -> Noise {
        self.noise.of(part)
    }

    /// Its state at `time` (nanoseconds since 1970), or `None` while it says nothing.
    pub fn state(&self, time: i64) -> Option<State> {
        let booted = self.booted(time);
        let silent = self.incident(Kind::Silent, time).is_some()
            || time < booted + RESTART_SECONDS * NANOS_PER_SECOND;
        if silent {
            return None;
        }
        let activity = self.activity(time);
        let wander = 6.0 * self.noise.of("slow").wave(time, 1800)
            + 4.0 * self.noise.of("fast").wave(time, 60);
        let calm = self.mean_cpu * activity + wander + 1.5 * self.noise.of("jitter").jitter(time);
        let cpu = match self.incident(Kind::CpuSpike, time) {
            Some(_) => 97.0 + 1.5 * self.noise.of("spike").jitter(time),
            // A calm host stays clear of the default rules.
            None => calm.clamp(1.0, 78.0),
        };
        let memory = self.mean_memory
            + 0.05 * (activity - 1.0)
            + 0.03 * self.noise.of("pages").wave(time, 3600);
        Some(State {
            cpu,
            memory: memory.clamp(0.08, 0.80),
            disk: self.disk(time),
            activity,
            uptime: (time - booted) as f64 / NANOS_PER_SECOND as f64,
            work: self.work(time) - self.work(booted),
        })
    }

    fn incident(&self, kind: Kind, time: i64) -> Option<f64> {
        let of_kind = self
            .incidents
            .iter()
            .filter(|incident| incident.kind == kind);
        of_kind
            .filter_map(|incident| incident.progress(time - self.start))
            .reduce(f64::max)
    }

    /// A day has a busy and a quiet half.
    fn activity(&self, time: i64) -> f64 {
        1.0 + AMPLITUDE * (TAU * self.day_phase(time)).cos()
    }

    /// The integral of [`Self::activity`] over seconds, up to a constant: it only grows.
    fn work(&self, time: i64) -> f64 {
        let day = NANOS_PER_DAY as f64 / NANOS_PER_SECOND as f64;
        time as f64 / NANOS_PER_SECOND as f64
            + AMPLITUDE * day / TAU * (TAU * self.day_phase(time)).sin()
    }

    /// Days since the busiest hour of some day.
    fn day_phase(&self, time: i64) -> f64 {
        time.rem_euclid(NANOS_PER_DAY) as f64 / NANOS_PER_DAY as f64 - self.busiest_hour / 24.0
    }

    /// A file system grows over a week, and is then cleaned up.
    fn disk(&self, time: i64) -> f64 {
        let week = 7 * NANOS_PER_DAY;
        let shift = (self.noise.of("cleanup").unit() * week as f64) as i64;
        let share = (time + shift).rem_euclid(week) as f64 / week as f64;
        let calm = self.noise.of("full").between(0.30, 0.50) + 0.2 * share;
        let filled = self
            .incident(Kind::DiskFill, time)
            .filter(|_| self.incident(Kind::DiskClean, time).is_none());
        match filled {
            Some(progress) => calm + (0.99 - calm) * progress,
            None => calm,
        }
    }

    /// When it last started, at or before `time`.
    fn booted(&self, time: i64) -> i64 {
        let today = time.div_euclid(NANOS_PER_DAY);
        let restarts = (today - RESTART_HORIZON_DAYS..=today)
            .rev()
            .filter_map(|day| {
                let noise = self.noise.of("restart").at(day);
                let restarts = noise.of("does").unit() * (DAYS_BETWEEN_RESTARTS as f64) < 1.0;
                let within = (noise.of("when").unit() * 24.0) as i64 * NANOS_PER_HOUR;
                restarts
                    .then_some(day * NANOS_PER_DAY + within)
                    .filter(|boot| *boot <= time)
            });
        let mut restarts = restarts;
        restarts
            .next()
            .unwrap_or((today - RESTART_HORIZON_DAYS) * NANOS_PER_DAY)
    }
}

/// How much busier than the mean the busiest hour is.
const AMPLITUDE: f64 = 0.45;
