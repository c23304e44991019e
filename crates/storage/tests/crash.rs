//! The process dies, or the disk fails, at every single change of the disk, in the middle of a write, a seal, a merge,
//! a delete, a shard drop, and the power is cut: every acknowledged value is there with its last value, and none that
//! nobody wrote.

use std::path::Path;
use std::sync::Arc;

use watchpost_storage::disk::Disk;
use watchpost_storage::disk::faulty::{Fault, FaultyDisk};
use watchpost_storage::{Options, Predicate, Storage, TimeRange};

use crate::faulty_disk::NoSync;
use crate::fixture::{BUCKET, Cells, all_cells, batch, cells_of, everything};

const HOUR: i64 = 3_600_000_000_000;

/// A step of the history: what is done, and what the store holds once it is done.
struct Step {
    run: fn(&Storage) -> watchpost_storage::Result<()>,
    after: Cells,
}

fn cells(text: &str) -> Cells {
    text.lines()
        .map(|line| {
            let [series, field, time] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let (name, value) = field.split_once('=').unwrap();
            (
                (series.to_owned(), name.to_owned(), time.parse().unwrap()),
                value.to_owned(),
            )
        })
        .collect()
}

fn put(storage: &Storage, text: &str) -> watchpost_storage::Result<()> {
    storage.write(BUCKET, batch(text), 0).map(|_| ())
}

fn with(before: &Cells, changed: &str) -> Cells {
    let mut after = before.clone();
    after.extend(cells(changed));
    after
}

/// Everything a store does to its disk, once or more.
fn history() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut now = Cells::new();
    let mut step = |after: Cells, run| {
        steps.push(Step {
            run,
            after: after.clone(),
        });
        after
    };
    now = step(
        with(&now, "m,k=a v=1i 10\nm,k=a w=1.5 10\nm,k=b v=2i 10"),
        |storage| put(storage, "m,k=a v=1i,w=1.5 10\nm,k=b v=2i 10"),
    );
    now = step(now.clone(), |storage| storage.seal().map(|_| ()));
    now = step(
        with(&now, "m,k=a v=3i 20\nm,k=a v=5i 100000000000000"),
        |storage| {
            put(
                storage,
                "m,k=a v=3i 20\nm,k=a v=4i 100000000000000\nm,k=a v=5i 100000000000000",
            )
        },
    );
    now = step(
        with(&now, "m,k=a v=9i 10\nm,k=c s=\"late\" -7"),
        |storage| put(storage, "m,k=a v=9i 10\nm,k=c s=\"late\" -7"),
    );
    now = step(now.clone(), |storage| storage.seal().map(|_| ()));
    now.retain(|(series, _, time), _| !(series == "m,k=b" || series == "m,k=a" && *time == 20));
    now = step(now.clone(), |storage| {
        storage.delete(BUCKET, TimeRange::new(15, 30), &Predicate::tag("k", "a"))?;
        storage.delete(BUCKET, TimeRange::ALL, &Predicate::tag("k", "b"))
    });
    now = step(with(&now, "m,k=a v=20i 20"), |storage| {
        put(storage, "m,k=a v=20i 20")
    });
    now = step(now.clone(), |storage| storage.maintain(0).map(|_| ()));
    // A segment of its own that a delete empties: it is removed, and then the log that says so.
    now = step(with(&now, "gone v=1i 300000000000000"), |storage| {
        put(storage, "gone v=1i 300000000000000")
    });
    now = step(now.clone(), |storage| storage.seal().map(|_| ()));
    now.retain(|(series, _, _), _| series != "gone");
    now = step(now.clone(), |storage| {
        storage.delete(BUCKET, TimeRange::ALL, &Predicate::measurement("gone"))
    });
    now = step(now.clone(), |storage| storage.seal().map(|_| ()));
    now = step(with(&now, "m,k=a w=7 10"), |storage| {
        put(storage, "m,k=a w=7 10")
    });
    now = step(now.clone(), |storage| storage.compact().map(|_| ()));
    now = step(with(&now, "m,k=a w=8 10"), |storage| {
        put(storage, "m,k=a w=8 10")
    });
    // Retention drops the shard of the first day, and nothing of the second.
    now.retain(|(_, _, time), _| *time > 24 * HOUR);
    now = step(now.clone(), |storage| {
        storage.set_retention(BUCKET, Some(HOUR));
        storage.enforce_retention(26 * HOUR).map(|_| ())
    });
    now = step(with(&now, "m,k=z v=1i 100000000000001"), |storage| {
        put(storage, "m,k=z v=1i 100000000000001")
    });
    step(Cells::new(), |storage| storage.drop_bucket(BUCKET));
    let _ = now;
    steps
}

fn options(disk: Disk) -> Options {
    Options {
        disk,
        ..Options::default()
    }
}

/// Runs the history until a step fails; gives the number of whole steps.
fn run_until_failure(folder: &Path, faulty: &Arc<FaultyDisk>, history: &[Step]) -> usize {
    let disk = Disk::with_faults(faulty.clone());
    let Ok(storage) = Storage::open(folder, options(disk), 0) else {
        return 0;
    };
    for (number, step) in history.iter().enumerate() {
        let result = (step.run)(&storage);
        if result.is_err() && faulty.has_failed() {
            return number;
        }
        result.unwrap();
        match cells_of(&storage, BUCKET, &everything()) {
            Ok(cells) if !faulty.has_failed() => {
                assert_eq!(cells, step.after, "after step {number}, without a failure");
            }
            Ok(_) => {}
            Err(error) => {
                assert!(faulty.has_failed(), "{error}");
                return number + 1;
            }
        }
    }
    history.len()
}

/// Whether what is there is what the whole steps left, or that and the step that was going on. A
/// shard drop may also have happened to one of several shards.
fn check(found: &Cells, history: &[Step], whole: usize, context: &str) {
    let nothing = Cells::new();
    let before = whole
        .checked_sub(1)
        .map_or(&nothing, |number| &history[number].after);
    let after = history.get(whole).map_or(before, |step| &step.after);
    for (cell, value) in found {
        let known = before.get(cell) == Some(value) || after.get(cell) == Some(value);
        assert!(known, "{context}: {cell:?} = {value} was invented");
    }
    for (cell, value) in before {
        let kept = found.get(cell) == Some(value);
        let replaced = after.get(cell) != Some(value) && found.get(cell) == after.get(cell);
        assert!(
            kept || replaced,
            "{context}: {cell:?} = {value} is lost, found {:?}",
            found.get(cell)
        );
    }
}

/// Lets a fault happen at every step in turn, and does to the folder what comes then; `after` is given the step, too.
fn fail_everywhere(fault: Fault, after: fn(&FaultyDisk, u64)) {
    let history = history();
    for step in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let faulty = FaultyDisk::new(folder.path()).failing_at(step, fault);
        let whole = run_until_failure(folder.path(), &faulty, &history);
        if !faulty.has_failed() {
            assert!(step > 50, "the history goes to the disk often");
            return;
        }
        faulty.heal();
        after(&faulty, step as u64);
        let context = format!("{fault:?} at change {step}, after {whole} whole steps");
        let reopen = || {
            let disk = Disk::with_faults(Arc::new(NoSync));
            Storage::open(folder.path(), options(disk), 0)
                .unwrap_or_else(|error| panic!("{context}: {error}"))
        };
        let storage = reopen();
        check(&all_cells(&storage), &history, whole, &context);
        assert_eq!(storage.damages(), [], "{context}");
        // What was found stays so through sealing, merging and opening again.
        let found = all_cells(&storage);
        storage
            .compact()
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(all_cells(&storage), found, "{context}, compacted");
        drop(storage);
        let storage = reopen();
        assert_eq!(all_cells(&storage), found, "{context}, opened again");
        assert_eq!(storage.verify().unwrap().damages, [], "{context}");
    }
}

fn cut_at_random(faulty: &FaultyDisk, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    faulty.cut_power(&mut || random.bool());
}

/// Between the end of a seal and the removal of its log a field may come again with another type;
/// the old log then speaks of the old type.
#[test]
fn a_log_that_outlived_its_seal_does_not_hide_a_new_type() {
    let folder = tempfile::tempdir().unwrap();
    let storage = crate::fixture::open(folder.path());
    put(&storage, "m v=1i 1").unwrap();
    storage
        .delete(BUCKET, TimeRange::ALL, &Predicate::measurement("m"))
        .unwrap();
    let log = crate::fixture::files(&folder.path().join("log")).remove(0);
    let kept = std::fs::read(&log).unwrap();
    storage.seal().unwrap();
    assert!(!log.exists());
    put(&storage, "m v=\"text\" 2").unwrap();
    let truth = all_cells(&storage);
    drop(storage);
    std::fs::write(&log, kept).unwrap();
    let storage = crate::fixture::open(folder.path());
    assert_eq!(all_cells(&storage), truth);
    assert_eq!(storage.damages(), []);
}

#[test]
fn a_kill_at_any_change_loses_nothing() {
    fail_everywhere(Fault::Die, |_, _| {});
}

#[test]
fn a_power_cut_that_keeps_only_what_was_synced_loses_nothing() {
    fail_everywhere(Fault::Die, |faulty, _| faulty.cut_power(&mut || false));
}

#[test]
fn a_power_cut_that_keeps_some_of_what_was_not_synced_loses_nothing() {
    fail_everywhere(Fault::Die, cut_at_random);
    fail_everywhere(Fault::Die, |faulty, step| {
        cut_at_random(faulty, step + 1_000)
    });
}

/// A failed sync, too: what it was to fix is not acknowledged, and what it did fix of it is not relied upon.
#[test]
fn a_failure_of_any_change_and_a_power_cut_lose_nothing() {
    fail_everywhere(Fault::Fail, cut_at_random);
}

#[test]
fn a_disk_that_is_full_or_read_only_from_any_change_on_loses_nothing() {
    fail_everywhere(Fault::Full, cut_at_random);
    fail_everywhere(Fault::ReadOnly, cut_at_random);
}

/// Bytes that cannot be read are no damage: a seal or a merge that meets them gives up and loses nothing.
#[test]
fn a_read_that_fails_loses_nothing() {
    fail_everywhere(Fault::FailRead, |_, _| {});
}
