//! A disk that gives up: at the n-th change the process "dies", and nothing reaches the disk any
//! more; or it is full until room is made; or its syncs fail.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use watchpost_storage::disk::{Faults, Operation, Verdict};

/// Dies at a step.
pub(crate) struct Crash {
    /// Changes still allowed.
    left: AtomicUsize,
    /// The step was reached.
    pub(crate) dead: AtomicBool,
    /// Written and synced lengths by file, to take from the files what a power cut would.
    lengths: Mutex<HashMap<PathBuf, (u64, u64)>>,
    /// Files that were removed, with what was in them, until their folder is synced.
    removed: Mutex<Vec<(PathBuf, Vec<u8>)>>,
}

impl Crash {
    pub(crate) fn at(step: usize) -> Crash {
        Crash {
            left: AtomicUsize::new(step),
            dead: AtomicBool::new(false),
            lengths: Mutex::default(),
            removed: Mutex::default(),
        }
    }

    /// Brings back the files whose removal no sync of their folder has fixed, as a power cut may.
    pub(crate) fn undo_removals(&self) {
        for (path, bytes) in self.removed.lock().unwrap().iter() {
            if path.parent().unwrap().is_dir() && !path.exists() {
                std::fs::write(path, bytes).unwrap();
            }
        }
    }

    /// Cuts every file to what was synced of it, as a power cut may.
    pub(crate) fn cut_power(&self) {
        for (path, (_, synced)) in self.lengths.lock().unwrap().iter() {
            if let Ok(file) = std::fs::OpenOptions::new().write(true).open(path)
                && file.metadata().unwrap().len() > *synced
            {
                file.set_len(*synced).unwrap();
            }
        }
    }

    fn note(&self, operation: Operation, path: &Path) {
        let mut lengths = self.lengths.lock().unwrap();
        match operation {
            Operation::CreateFile => {
                lengths.insert(path.to_path_buf(), (0, 0));
            }
            Operation::Write(bytes) => {
                lengths.entry(path.to_path_buf()).or_default().0 += bytes as u64
            }
            Operation::Sync => {
                let entry = lengths.entry(path.to_path_buf()).or_default();
                entry.1 = entry.0;
            }
            Operation::Rename => {
                let draft = PathBuf::from(format!("{}.draft", path.display()));
                if let Some(entry) = lengths.remove(&draft) {
                    lengths.insert(path.to_path_buf(), entry);
                }
            }
            Operation::Remove => {
                lengths.remove(path);
                if let Ok(bytes) = std::fs::read(path) {
                    self.removed
                        .lock()
                        .unwrap()
                        .push((path.to_path_buf(), bytes));
                }
            }
            Operation::SyncFolder => {
                let mut removed = self.removed.lock().unwrap();
                removed.retain(|(file, _)| file.parent() != Some(path));
            }
            _ => {}
        }
    }
}

impl Faults for Crash {
    fn judge(&self, operation: Operation, path: &Path) -> Verdict {
        let error = || io::Error::other("the process died here");
        if self.dead.load(Ordering::SeqCst) {
            return Verdict::Fail {
                written: 0,
                error: error(),
            };
        }
        if self.left.load(Ordering::SeqCst) == 0 {
            self.dead.store(true, Ordering::SeqCst);
            let written = match operation {
                Operation::Write(bytes) => bytes / 2,
                _ => 0,
            };
            self.lengths
                .lock()
                .unwrap()
                .entry(path.to_path_buf())
                .or_default()
                .0 += written as u64;
            return Verdict::Fail {
                written,
                error: error(),
            };
        }
        self.left.fetch_sub(1, Ordering::SeqCst);
        self.note(operation, path);
        // Syncing for real would only cost time: the files are looked at by this same machine.
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}

/// Full or not, as the test says.
#[derive(Default)]
pub(crate) struct Fullness {
    pub(crate) full: AtomicBool,
}

impl Faults for Fullness {
    fn judge(&self, operation: Operation, _: &Path) -> Verdict {
        let error = || io::Error::from(io::ErrorKind::StorageFull);
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            Operation::Write(bytes) if self.full.load(Ordering::SeqCst) => Verdict::Fail {
                written: bytes / 3,
                error: error(),
            },
            Operation::CreateFile | Operation::CreateFolder if self.full.load(Ordering::SeqCst) => {
                Verdict::Fail {
                    written: 0,
                    error: error(),
                }
            }
            _ => Verdict::Proceed,
        }
    }
}

/// The next syncs of files fail.
#[derive(Default)]
pub(crate) struct FailingSync {
    pub(crate) failures: AtomicUsize,
}

impl Faults for FailingSync {
    fn judge(&self, operation: Operation, _: &Path) -> Verdict {
        let due = |left: usize| left.checked_sub(1);
        let fails = || {
            self.failures
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, due)
                .is_ok()
        };
        match operation {
            Operation::Sync if fails() => Verdict::Fail {
                written: 0,
                error: io::Error::other("the drive does not answer"),
            },
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}

/// Syncs are pretended: for tests with many reopenings and no crash.
pub(crate) struct NoSync;

impl Faults for NoSync {
    fn judge(&self, operation: Operation, _: &Path) -> Verdict {
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}
