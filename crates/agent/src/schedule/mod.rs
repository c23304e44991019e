//! When collectors run: a thread of its own that keeps each collector's interval, gives each a deadline, and
//! hands what they gave to the writers as line protocol.

pub mod lane;
mod round;
pub mod ticks;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

pub use self::round::{Look, Round};
use crate::batch::Batch;
use crate::clock;
use crate::collectors::Assignment;
use crate::metrics::AgentMetrics;

/// What is to be collected, and how it is stamped.
#[derive(Clone)]
pub struct Plan {
    /// The collectors.
    pub assignments: Vec<Assignment>,
    /// Tags of every point.
    pub tags: std::collections::BTreeMap<String, String>,
    /// Root of `/proc` and `/sys`.
    pub host_root: PathBuf,
    /// Series at most.
    pub max_series: usize,
    /// Random delay before a collection.
    pub jitter: Duration,
}

/// Where batches go: one queue per writer.
pub type Sinks = Vec<mpsc::Sender<Arc<Batch>>>;

/// Batches a writer may fall behind before new ones are dropped: it takes them at once unless the machine
/// gives it no time.
pub const SINK_BATCHES: usize = 64;

enum Command {
    Replace(Box<Plan>),
    Redirect(Sinks),
    Stop,
}

/// The running scheduler.
pub struct Scheduler {
    commands: Sender<Command>,
    thread: JoinHandle<()>,
}

impl Scheduler {
    /// Starts collecting by `plan`.
    ///
    /// Errors: the system gives no thread.
    pub fn start(plan: Plan, metrics: AgentMetrics, sinks: Sinks) -> std::io::Result<Self> {
        let (commands, orders) = channel();
        let thread = std::thread::Builder::new()
            .name("schedule".to_owned())
            .spawn(move || run(Round::new(plan, metrics, clock::now()), sinks, &orders))?;
        Ok(Self { commands, thread })
    }

    /// Another plan from now on: collectors it does not change keep running and keep their previous sample.
    pub fn replace(&self, plan: Plan) {
        // It fails if the thread ended; then there is nothing to replace.
        let _ = self.commands.send(Command::Replace(Box::new(plan)));
    }

    /// Other writers from now on.
    pub fn redirect(&self, sinks: Sinks) {
        let _ = self.commands.send(Command::Redirect(sinks));
    }

    /// Ends it; a collector that hangs is left behind.
    pub fn stop(self) {
        let _ = self.commands.send(Command::Stop);
        let _ = self.thread.join();
    }
}

fn run(mut round: Round, mut sinks: Sinks, orders: &Receiver<Command>) {
    let mut rng = fastrand::Rng::new();
    loop {
        let now = clock::now();
        let wait = nanoseconds(round.next_due(now) - now) + round.jitter().mul_f64(rng.f64());
        match orders.recv_timeout(wait) {
            Ok(Command::Replace(plan)) => round.replace(*plan, clock::now()),
            Ok(Command::Redirect(new)) => sinks = new,
            Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let batch = Arc::new(round.collect(clock::now()));
                for sink in sinks.iter().filter(|_| !batch.is_empty()) {
                    if sink.try_send(Arc::clone(&batch)).is_err() {
                        round.lost(&batch);
                    }
                }
            }
        }
    }
}

fn nanoseconds(count: i64) -> Duration {
    Duration::from_nanos(u64::try_from(count).unwrap_or(0))
}
