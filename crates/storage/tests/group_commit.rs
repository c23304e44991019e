//! Many small batches of one writer share one sync, and none of them counts as durable if a sync in between failed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use watchpost_storage::disk::{Disk, Faults, Operation, Verdict};
use watchpost_storage::{Options, Storage, Unsynced};
use watchpost_testkit::temp_folder;

use crate::fixture::{BUCKET, all_cells, batch};

/// Counts the syncs of files; the one of a number fails.
#[derive(Default)]
struct CountedSyncs {
    count: AtomicUsize,
    failing: AtomicUsize,
}

impl Faults for CountedSyncs {
    fn judge(&self, operation: Operation<'_>, _: &Path) -> Verdict {
        if operation != Operation::Sync {
            return Verdict::Proceed;
        }
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.failing.load(Ordering::SeqCst) {
            return Verdict::Fail {
                written: 0,
                error: io::Error::other("the drive does not answer"),
            };
        }
        Verdict::Pretend
    }
}

fn open(folder: &Path, syncs: &Arc<CountedSyncs>) -> Storage {
    let options = Options {
        disk: Disk::with_faults(syncs.clone()),
        ..Options::default()
    };
    Storage::open(folder, options, 0).unwrap()
}

fn write_one(storage: &Storage, row: usize, unsynced: &mut Unsynced) {
    let line = format!("m,k=v{row} f=1 {row}");
    let outcome = storage.write_unsynced(BUCKET, batch(&line), 0, unsynced);
    assert_eq!(outcome.unwrap().written, 1);
}

#[test]
fn a_hundred_batches_are_synced_once() {
    let (folder, syncs) = (temp_folder(), Arc::new(CountedSyncs::default()));
    let storage = open(folder.path(), &syncs);
    let mut unsynced = Unsynced::default();
    // The first one begins the file of the log.
    write_one(&storage, 0, &mut unsynced);
    let before = syncs.count.load(Ordering::SeqCst);
    for row in 1..100 {
        write_one(&storage, row, &mut unsynced);
    }
    assert_eq!(syncs.count.load(Ordering::SeqCst), before);
    storage.sync(&unsynced).unwrap();
    assert_eq!(syncs.count.load(Ordering::SeqCst), before + 1);
    assert_eq!(all_cells(&storage).len(), 100);
}

#[test]
fn nothing_to_sync_touches_no_disk() {
    let (folder, syncs) = (temp_folder(), Arc::new(CountedSyncs::default()));
    let storage = open(folder.path(), &syncs);
    let before = syncs.count.load(Ordering::SeqCst);
    storage.sync(&Unsynced::default()).unwrap();
    assert_eq!(syncs.count.load(Ordering::SeqCst), before);
}

#[test]
fn a_sync_that_failed_in_between_is_told_though_the_last_one_succeeds() {
    let (folder, syncs) = (temp_folder(), Arc::new(CountedSyncs::default()));
    let storage = open(folder.path(), &syncs);
    let mut unsynced = Unsynced::default();
    write_one(&storage, 1, &mut unsynced);
    let next = syncs.count.load(Ordering::SeqCst) + 1;
    syncs.failing.store(next, Ordering::SeqCst);
    storage
        .write(BUCKET, batch("other f=1 1"), 0)
        .expect_err("the disk failed");
    write_one(&storage, 2, &mut unsynced);
    let error = storage
        .sync(&unsynced)
        .expect_err("the first is not durable");
    assert!(error.to_string().contains("does not answer"), "{error}");
}
