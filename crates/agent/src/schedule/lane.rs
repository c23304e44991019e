//! A worker thread with deadlines. A job that overstays its deadline keeps the thread it hangs in; the
//! jobs after it run on a new one. So whatever hangs costs one thread and stops nobody.

use std::collections::BTreeMap;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel,
};
use std::thread;
use std::time::{Duration, Instant};

/// Collecting needs little stack, and a hundred hung mounts should not reserve two megabytes each.
const STACK_BYTES: usize = 256 * 1024;

/// Threads left behind in hung jobs at one time. Beyond it new keys are overdue without a try: a host whose
/// mounts all hang must not fill up with threads.
const MAX_STUCK: usize = 64;

/// Between two looks whether jobs that were started together have ended.
const LOOK: Duration = Duration::from_millis(10);

type Job<T> = (Box<dyn FnOnce() -> T + Send>, SyncSender<T>);

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// It ended in time.
    Done(T),
    /// It has not ended yet, or an earlier one of the same key still hangs.
    Overdue,
}

/// Runs jobs one after another, each known by a key of type `K`.
pub struct Lane<K, T> {
    name: &'static str,
    worker: Option<Sender<Job<T>>>,
    stuck: BTreeMap<K, Receiver<T>>,
}

impl<K: Ord, T: Send + 'static> Lane<K, T> {
    /// A lane without a thread yet; `name` names its threads.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            worker: None,
            stuck: BTreeMap::new(),
        }
    }

    /// Runs `job` and waits for it until `deadline` has passed. A late answer to an earlier job of the
    /// same key is thrown away: it speaks of a time that is over.
    pub fn run(
        &mut self,
        key: K,
        deadline: Duration,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        drop(self.take_late(&key));
        if self.stuck.contains_key(&key) || self.stuck.len() >= MAX_STUCK {
            return Answer::Overdue;
        }
        let (sender, answer) = sync_channel(1);
        if !self.dispatch((Box::new(job), sender)) {
            return Answer::Overdue;
        }
        match answer.recv_timeout(deadline) {
            Ok(value) => Answer::Done(value),
            Err(RecvTimeoutError::Timeout) => {
                self.worker = None; // Its thread ends after the job; the next job gets a new one.
                self.stuck.insert(key, answer);
                Answer::Overdue
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.worker = None; // The job panicked and took its thread along.
                Answer::Overdue
            }
        }
    }

    /// Starts `job` on a thread of its own, for [`Lane::take_late`] to take; false if an earlier one of the same
    /// key has not ended, or no thread can be had.
    pub fn start(&mut self, key: K, job: impl FnOnce() -> T + Send + 'static) -> bool {
        if self.stuck.contains_key(&key) || self.stuck.len() >= MAX_STUCK {
            return false;
        }
        let (sender, answer) = sync_channel(1);
        let Some(worker) = start_worker(self.name) else {
            return false;
        };
        // Its thread ends after the job, for nobody keeps the worker.
        if worker.send((Box::new(job), sender)).is_err() {
            return false;
        }
        self.stuck.insert(key, answer);
        true
    }

    /// Starts all jobs at once, each on a thread of its own, and gives the answers that come within `deadline`. A key
    /// whose earlier job has not ended is left out.
    pub fn run_all<J>(
        &mut self,
        jobs: impl IntoIterator<Item = (K, J)>,
        deadline: Duration,
    ) -> BTreeMap<K, T>
    where
        K: Clone,
        J: FnOnce() -> T + Send + 'static,
    {
        let mut waiting = Vec::new();
        for (key, job) in jobs {
            drop(self.take_late(&key));
            if self.start(key.clone(), job) {
                waiting.push(key);
            }
        }
        let mut answers = BTreeMap::new();
        let until = Instant::now() + deadline;
        while !waiting.is_empty() && Instant::now() < until {
            thread::sleep(LOOK);
            waiting.retain(|key| match self.take_late(key) {
                Some(answer) => {
                    answers.insert(key.clone(), answer);
                    false
                }
                None => self.is_stuck(key),
            });
        }
        answers
    }

    /// The answer of a job that was overdue, if it came by now.
    pub fn take_late(&mut self, key: &K) -> Option<T> {
        let late = match self.stuck.get(key)?.try_recv() {
            Ok(value) => Some(value),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => return None,
        };
        self.stuck.remove(key);
        late
    }

    /// Whether a job of this key still hangs.
    pub fn is_stuck(&self, key: &K) -> bool {
        self.stuck.contains_key(key)
    }

    /// Hands the job to the worker, starting one if there is none; false if no thread can be had.
    fn dispatch(&mut self, job: Job<T>) -> bool {
        if self.worker.is_none() {
            self.worker = start_worker(self.name);
        }
        self.worker
            .as_ref()
            .is_some_and(|worker| worker.send(job).is_ok())
    }
}

/// A thread that runs jobs until its lane lets go of the sender.
fn start_worker<T: Send + 'static>(name: &'static str) -> Option<Sender<Job<T>>> {
    let (sender, jobs) = channel::<Job<T>>();
    let run = move || {
        for (job, answer) in jobs {
            // Nobody waits for an overdue answer any more, but the lane may still ask for it.
            let _ = answer.send(job());
        }
    };
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(run);
    thread.is_ok().then_some(sender)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::{Answer, Lane};

    /// Long enough for any machine; nothing below waits for it to pass.
    const AMPLE: Duration = Duration::from_secs(60);
    /// Short, and passes in every test of a hung job.
    const SHORT: Duration = Duration::from_millis(5);

    #[test]
    fn a_job_in_time_is_done() {
        let mut lane = Lane::new("test");
        assert_eq!(lane.run("a", AMPLE, || 1), Answer::Done(1));
        assert_eq!(lane.run("a", AMPLE, || 2), Answer::Done(2));
    }

    #[test]
    fn a_hung_job_stops_nobody_and_its_key_waits_for_it() {
        let mut lane = Lane::new("test");
        let (release, hang) = channel::<()>();
        let (ended, wait) = channel::<()>();
        let hung = move || {
            hang.recv().ok();
            drop(ended);
            1
        };
        assert_eq!(lane.run("hung", SHORT, hung), Answer::Overdue);
        assert!(lane.is_stuck(&"hung"));
        assert_eq!(lane.run("other", AMPLE, || 2), Answer::Done(2));
        assert_eq!(
            lane.run("hung", AMPLE, || 3),
            Answer::Overdue,
            "not tried again while it hangs"
        );
        drop(release);
        wait.recv().unwrap_err();
        let late = (0..1000).find_map(|_| {
            std::thread::yield_now();
            lane.take_late(&"hung")
        });
        assert!(late == Some(1) || lane.is_stuck(&"hung"));
    }

    #[test]
    fn a_started_job_is_taken_when_it_has_ended() {
        let mut lane = Lane::new("test");
        let (release, hang) = channel::<()>();
        assert!(lane.start("a", move || {
            hang.recv().ok();
            1
        }));
        assert_eq!(lane.take_late(&"a"), None);
        assert!(!lane.start("a", || 2), "the first has not ended");
        assert_eq!(
            lane.run("b", AMPLE, || 3),
            Answer::Done(3),
            "it stops no other"
        );
        drop(release);
        let taken = (0..100_000).find_map(|_| {
            std::thread::yield_now();
            lane.take_late(&"a")
        });
        assert!(taken == Some(1) || lane.is_stuck(&"a"));
    }

    #[test]
    fn a_job_that_panics_takes_only_its_thread() {
        let mut lane = Lane::new("test");
        assert_eq!(
            lane.run("a", AMPLE, || std::panic::resume_unwind(Box::new(()))),
            Answer::<u8>::Overdue
        );
        assert_eq!(lane.run("a", AMPLE, || 2), Answer::Done(2));
    }
}
