//! The threads that wait for the disk, so that the writer does not: one job of a kind at a time, and a disk
//! that hangs costs as many threads as there are kinds.

use std::io;

use tokio::task::JoinHandle;

use super::dead_letter::DeadLetterFile;
use super::delivery::DeadLetter;
use crate::buffer::{DiskDone, DiskWork, SyncWork};

/// Something a disk thread ended with; the error is that of a thread that died.
#[derive(Debug)]
pub(super) enum Ended {
    Work(Option<Box<DiskDone>>),
    Sync(io::Result<()>),
    Letters(Vec<DeadLetter>, io::Result<()>),
}

type Burial = (Vec<DeadLetter>, io::Result<()>);

/// The jobs under way.
#[derive(Debug, Default)]
pub(super) struct DiskThread {
    work: Option<JoinHandle<DiskDone>>,
    sync: Option<JoinHandle<io::Result<()>>>,
    letters: Option<JoinHandle<Burial>>,
}

impl DiskThread {
    pub(super) fn is_idle(&self) -> bool {
        self.work.is_none() && self.sync.is_none() && self.letters.is_none()
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.sync.is_some()
    }

    pub(super) fn is_burying(&self) -> bool {
        self.letters.is_some()
    }

    /// Starts work on the queue. A buffer gives one at a time.
    pub(super) fn work(&mut self, work: DiskWork) {
        self.work = Some(tokio::task::spawn_blocking(move || work.run()));
    }

    /// Starts to make durable what was appended; the one before has ended.
    pub(super) fn sync(&mut self, work: SyncWork) {
        self.sync = Some(tokio::task::spawn_blocking(move || work.run()));
    }

    /// Starts to put dead letters aside; those before are.
    pub(super) fn bury(&mut self, file: DeadLetterFile, letters: Vec<DeadLetter>, at: i64) {
        self.letters = Some(tokio::task::spawn_blocking(move || {
            let result = file.append(&letters, at);
            (letters, result)
        }));
    }

    /// Waits for the next job to end; for ever, if there is none.
    pub(super) async fn ended(&mut self) -> Ended {
        tokio::select! {
            done = job(&mut self.work) => {
                self.work = None;
                Ended::Work(done.ok().map(Box::new))
            }
            result = job(&mut self.sync) => {
                self.sync = None;
                Ended::Sync(result.unwrap_or_else(|died| Err(io::Error::other(died))))
            }
            burial = job(&mut self.letters) => {
                self.letters = None;
                let (letters, result) =
                    burial.unwrap_or_else(|died| (Vec::new(), Err(io::Error::other(died))));
                Ended::Letters(letters, result)
            }
        }
    }
}

async fn job<T>(job: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match job {
        Some(job) => job.await,
        None => std::future::pending().await,
    }
}
