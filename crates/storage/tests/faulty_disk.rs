//! A disk that is full until room is made, or whose syncs fail.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use watchpost_storage::disk::{Faults, Operation, Verdict};

/// Full or not, as the test says.
#[derive(Default)]
pub(crate) struct Fullness {
    pub(crate) full: AtomicBool,
}

impl Faults for Fullness {
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
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
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
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
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
        match operation {
            Operation::Sync | Operation::SyncFolder => Verdict::Pretend,
            _ => Verdict::Proceed,
        }
    }
}
