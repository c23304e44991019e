//! Processor time, memory and disk of the server, when it runs on this machine, and of the bench
//! itself: a client that is busy measures itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use watchpost_service::shutdown::Shutdown;

use crate::target::Target;

/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);

/// Share of the machine's cores from which the client counts as saturated.
const BUSY_SHARE: f64 = 0.85;

/// The client's own delay, in ms, from which its latencies say more about it than about the server.
const BUSY_DELAY: f64 = 20.0;

/// A process at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the start.
    pub second: f64,
    /// Cores in use since the sample before.
    pub cores: f64,
    /// Resident bytes.
    pub memory: u64,
    /// Bytes on disk, where they are known.
    pub disk: Option<u64>,
}

/// What a process used during a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds of processor time.
    pub cpu_seconds: f64,
    /// Mean of the cores in use.
    pub cores: f64,
    /// Most resident bytes.
    pub memory_peak: u64,
    /// Bytes on disk at the end, where they are known.
    pub disk: Option<u64>,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// Samples the server and the bench while it lives.
pub struct Sampler {
    samples: Arc<Mutex<(Vec<Sample>, Vec<Sample>)>>,
    stop: Shutdown,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Starts sampling.
    pub fn start(target: &Arc<Target>) -> Self {
        let samples = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let stop = Shutdown::new();
        let task = tokio::spawn(sample(
            Arc::clone(target),
            Arc::clone(&samples),
            stop.clone(),
        ));
        Self {
            samples,
            stop,
            task,
        }
    }

    /// What the server (if it was seen) and the bench used.
    pub async fn finish(self) -> (Option<Usage>, Usage) {
        self.stop.request();
        let _ = self.task.await;
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let server = (!samples.0.is_empty()).then(|| summarize(&samples.0));
        (server, summarize(&samples.1))
    }
}

async fn sample(
    target: Arc<Target>,
    samples: Arc<Mutex<(Vec<Sample>, Vec<Sample>)>>,
    stop: Shutdown,
) {
    // Where processes cannot be seen, the report says nothing of them.
    let Ok(mut system) = System::new() else {
        return;
    };
    let start = Instant::now();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = (None, None);
    // Looking for the listener costs a walk through /proc: once is enough, unless it restarts.
    let mut server = None;
    let mut last = false;
    while !last {
        last = stop.unless_requested(ticks.tick()).await.is_none();
        if server.is_none() || target.engine().is_some() {
            server = target.process().await;
        }
        let disk = target.disk_bytes().await;
        let second = start.elapsed().as_secs_f64();
        let of_server = server.and_then(|pid| look(&mut system, pid, second, &mut known.0));
        let own = look(&mut system, std::process::id(), second, &mut known.1);
        let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples
            .0
            .extend(of_server.map(|sample| Sample { disk, ..sample }));
        samples.1.extend(own);
    }
}

/// A process now; `before` is its id, second and processor time at the last look.
fn look(
    system: &mut System,
    pid: u32,
    second: f64,
    before: &mut Option<(u32, f64, f64)>,
) -> Option<Sample> {
    let id = Pid::from_u32(pid);
    let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, what);
    let process = system.process(id)?;
    let cpu = process.accumulated_cpu_time() as f64 / 1_000.0;
    let cores = match *before {
        Some((same, then, used)) if same == pid && second > then => (cpu - used) / (second - then),
        _ => 0.0,
    };
    *before = Some((pid, second, cpu));
    Some(Sample {
        second,
        cores: cores.max(0.0),
        memory: process.memory(),
        disk: None,
    })
}

fn summarize(samples: &[Sample]) -> Usage {
    let mut cpu_seconds = 0.0;
    for pair in samples.windows(2) {
        cpu_seconds += pair[1].cores * (pair[1].second - pair[0].second);
    }
    let span = samples
        .first()
        .zip(samples.last())
        .map_or(0.0, |(first, last)| last.second - first.second);
    Usage {
        cpu_seconds,
        cores: if span > 0.0 { cpu_seconds / span } else { 0.0 },
        memory_peak: samples.iter().map(|one| one.memory).max().unwrap_or(0),
        disk: samples.last().and_then(|sample| sample.disk),
        samples: samples.to_vec(),
    }
}

/// Why the client's figures are not the server's, if they are not.
pub fn saturation(own: &Usage, own_delay_p99: f64, cores: usize) -> Option<String> {
    let busy = own.cores / cores.max(1) as f64;
    if busy > BUSY_SHARE {
        return Some(format!(
            "the bench itself used {:.0} % of this machine's processors; the server may take more than was measured",
            busy * 100.0
        ));
    }
    (own_delay_p99 > BUSY_DELAY).then(|| {
        format!(
            "the bench itself woke up to {own_delay_p99:.0} ms late (99 %): this machine is busy, and latencies contain that"
        )
    })
}
