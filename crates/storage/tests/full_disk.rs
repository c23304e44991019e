//! A disk in trouble. A full one refuses writes with an error of its own, goes on reading, and takes writes again
//! when there is room.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use watchpost_storage::disk::Disk;
use watchpost_storage::{Error, Options, Storage};

use crate::faulty_disk::{FailingSync, Fullness};
use crate::fixture::{BUCKET, all_cells, batch, write};

#[test]
fn writes_are_refused_reads_go_on_and_writing_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Fullness::default());
    let options = Options {
        disk: Disk::with_faults(disk.clone()),
        ..Options::default()
    };
    let storage = Storage::open(folder.path(), options, 0).unwrap();
    write(&storage, "m v=1i 1");
    let before = all_cells(&storage);

    disk.full.store(true, Ordering::SeqCst);
    for time in 2..5 {
        let error = storage
            .write(BUCKET, batch(&format!("m v=2i,new=\"x\" {time}")), 0)
            .unwrap_err();
        assert!(error.is_disk_full(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("the disk is full: cannot write to"),
            "{error}"
        );
    }
    assert!(matches!(storage.seal(), Err(Error::DiskFull { .. })));
    assert!(matches!(
        storage.put_document("d", b"text"),
        Err(Error::DiskFull { .. })
    ));
    assert_eq!(
        all_cells(&storage),
        before,
        "reads go on, nothing half-written is seen"
    );

    disk.full.store(false, Ordering::SeqCst);
    // The refused field was not kept: it is free for another type.
    write(&storage, "m v=3i,new=3i 3");
    storage.seal().unwrap();
    let after = all_cells(&storage);
    assert_eq!(after.len(), 3);
    drop(storage);
    let storage = crate::fixture::open(folder.path());
    assert_eq!(all_cells(&storage), after);
    assert_eq!(storage.damages(), []);
}

#[test]
fn a_seal_that_failed_is_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Fullness::default());
    let options = Options {
        disk: Disk::with_faults(disk.clone()),
        ..Options::default()
    };
    let storage = Storage::open(folder.path(), options, 0).unwrap();
    write(&storage, "m v=1i 1");
    disk.full.store(true, Ordering::SeqCst);
    storage.seal().unwrap_err();
    disk.full.store(false, Ordering::SeqCst);
    write(&storage, "m v=2i 1\nm v=2i 2");
    let cells = all_cells(&storage);
    assert_eq!(storage.maintain(0).unwrap().rows_sealed, 3, "both portions");
    assert_eq!(all_cells(&storage), cells);
    assert_eq!(storage.stats().log_bytes, 0);
}

#[test]
fn a_write_whose_sync_failed_is_not_acknowledged_and_later_ones_are() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FailingSync::default());
    let options = Options {
        disk: Disk::with_faults(disk.clone()),
        ..Options::default()
    };
    let storage = Storage::open(folder.path(), options, 0).unwrap();
    write(&storage, "m v=1i 1");
    disk.failures.store(1, Ordering::SeqCst);
    let error = storage.write(BUCKET, batch("m v=2i 2"), 0).unwrap_err();
    assert!(
        error.to_string().contains("the drive does not answer"),
        "{error}"
    );
    write(&storage, "m v=3i 3");
    disk.failures.store(1, Ordering::SeqCst);
    storage.seal().unwrap_err();
    write(&storage, "m v=4i 4");
    drop(storage);
    let cells = all_cells(&crate::fixture::open(folder.path()));
    for time in [1, 3, 4] {
        let cell = ("m".to_owned(), "v".to_owned(), time);
        assert_eq!(cells.get(&cell), Some(&format!("{time}i")));
    }
}
