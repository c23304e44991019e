//! What is left of a data folder after a cut of the power, a failing disk, or a hand that removed a file: never points
//! without their owner, never half a restore.

use std::io;
use std::path::Path;
use std::sync::Arc;

use watchpost_durable::Disk;
use watchpost_durable::faulty::{Fault, FaultyDisk};
use watchpost_engine::app::{App, OpenError, Settings};
use watchpost_engine::clock::SystemClock;
use watchpost_engine::limits::Limits;
use watchpost_engine::meta::{Bucket, BucketKind, Id, JournalError, Kind, MetaStore, Organization};
use watchpost_engine::operations::backup::{restore_from, write_backup};
use watchpost_service::egress::Egress;
use watchpost_storage::Batch;
use watchpost_testkit::temp_folder;

fn open(disk: Disk, folder: &Path) -> Result<App, OpenError> {
    let settings = Settings {
        data_dir: folder.to_path_buf(),
        limits: Limits::default(),
        catch_up: false,
        disk,
        egress: Egress::default(),
        is_https: false,
    };
    App::open(&settings, Arc::new(SystemClock))
}

fn organization(name: &str) -> Organization {
    Organization {
        id: Id::random(),
        name: name.to_owned(),
        description: String::new(),
        created_at: 0,
        updated_at: 0,
    }
}

fn add(meta: &MetaStore, record: impl Into<watchpost_engine::meta::Record>) -> io::Result<()> {
    meta.update(|_, changes| {
        changes.put(record);
        Ok(())
    })
}

fn bucket(org: Id) -> Bucket {
    Bucket {
        id: Id::random(),
        org,
        name: "metrics".to_owned(),
        description: None,
        rp: None,
        retention_seconds: 0,
        shard_seconds: 0,
        kind: BucketKind::User,
        created_at: 0,
        updated_at: 0,
    }
}

fn write(app: &App, bucket: Id) {
    use watchpost_core::line_protocol::{Lines, Precision};
    let mut batch = Batch::new();
    let mut lines = Lines::new(b"m v=1 1", Precision::Nanoseconds, 0);
    while let Some(line) = lines.next_line() {
        batch.push(&line.expect("a good line"));
    }
    let written = app
        .storage
        .write(bucket.number(), batch, 1)
        .expect("written");
    assert_eq!(written.written, 1);
}

fn rows(app: &App) -> u64 {
    app.storage.stats().buckets.iter().map(|it| it.rows).sum()
}

/// A folder with an organization, a bucket and a point.
fn fill(folder: &Path) -> Id {
    let app = open(Disk::default(), folder).expect("opens");
    let org = organization("site");
    let bucket = bucket(org.id);
    let id = bucket.id;
    add(&app.meta, org).expect("written");
    add(&app.meta, bucket).expect("written");
    write(&app, id);
    id
}

#[test]
fn points_without_their_journal_are_not_served_and_not_touched() {
    let folder = temp_folder();
    let folder = folder.path();
    fill(folder);
    let journal = folder.join("meta.journal");
    let whole = std::fs::read(&journal).expect("reads");
    let first_line = whole
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line")
        + 1;
    for cut in [
        None,
        Some(0),
        Some(5),
        Some(first_line),
        Some(first_line + 9),
    ] {
        match cut {
            None => std::fs::remove_file(&journal).expect("removed"),
            Some(length) => std::fs::write(&journal, &whole[..length]).expect("written"),
        }
        let error = open(Disk::default(), folder).expect_err("refused");
        assert!(
            matches!(error, OpenError::Meta(JournalError::Missing { .. })),
            "cut to {cut:?}: {error}"
        );
        let text = error.to_string();
        assert!(text.contains("restore"), "{text}");
    }
    std::fs::write(&journal, &whole).expect("written");
    assert_eq!(rows(&open(Disk::default(), folder).expect("opens")), 1);
}

#[test]
fn points_of_an_unknown_bucket_are_set_aside_and_come_back() {
    let folder = temp_folder();
    let folder = folder.path();
    let id = fill(folder);
    let journal = folder.join("meta.journal");
    let whole = std::fs::read_to_string(&journal).expect("reads");
    let without_bucket: String = whole.split_inclusive('\n').take(2).collect();
    std::fs::write(&journal, without_bucket).expect("written");
    assert_eq!(rows(&open(Disk::default(), folder).expect("opens")), 0);
    let aside = folder
        .join("data/orphaned")
        .join(format!("{:016x}", id.number()));
    assert!(aside.is_dir());
    std::fs::write(&journal, &whole).expect("written");
    let back = folder
        .join("data/data")
        .join(aside.file_name().expect("a name"));
    std::fs::rename(&aside, back).expect("moved");
    assert_eq!(rows(&open(Disk::default(), folder).expect("opens")), 1);
}

#[test]
fn a_deletion_that_was_cut_in_half_is_finished() {
    let folder = temp_folder();
    let folder = folder.path();
    let id = fill(folder);
    let meta = MetaStore::open(&Disk::default(), folder).expect("opens");
    let deleted: io::Result<()> = meta.update(|_, changes| {
        changes.delete(Kind::Bucket, id);
        Ok(())
    });
    deleted.expect("written");
    drop(meta);
    assert_eq!(rows(&open(Disk::default(), folder).expect("opens")), 0);
    assert!(!folder.join("data/orphaned").exists());
}

fn names(meta: &MetaStore) -> Vec<String> {
    let state = meta.read();
    let mut names: Vec<_> = state
        .organizations
        .values()
        .map(|it| it.name.clone())
        .collect();
    names.sort();
    names
}

/// Adds organizations until the disk fails; gives those that were acknowledged, and the one that failed.
fn add_until_failure(faulty: &Arc<FaultyDisk>, folder: &Path) -> (Vec<String>, Option<String>) {
    let disk = Disk::with_faults(faulty.clone());
    let Ok(meta) = MetaStore::open(&disk, folder) else {
        return (Vec::new(), None);
    };
    let mut acknowledged = Vec::new();
    for name in ["a", "b", "c"] {
        if let Err(error) = add(&meta, organization(name)) {
            assert!(faulty.has_failed(), "{error}");
            assert_eq!(names(&meta), acknowledged, "a refused change is not seen");
            faulty.heal();
            // The next one writes the journal anew.
            add(&meta, organization("d")).expect("written");
            acknowledged.push("d".to_owned());
            return (acknowledged, Some(name.to_owned()));
        }
        acknowledged.push(name.to_owned());
    }
    (acknowledged, None)
}

#[test]
fn a_change_that_was_acknowledged_outlives_every_failure_of_the_disk() {
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        for step in 0.. {
            let folder = temp_folder();
            let faulty = FaultyDisk::new(folder.path()).failing_at(step, Fault::Fail);
            let (acknowledged, refused) = add_until_failure(&faulty, folder.path());
            if !faulty.has_failed() {
                assert!(step > 8);
                break;
            }
            faulty.cut_power(&mut || random.bool());
            let meta = MetaStore::open(&Disk::default(), folder.path());
            let mut found = names(&meta.unwrap_or_else(|error| panic!("step {step}: {error}")));
            found.retain(|name| Some(name) != refused.as_ref());
            assert_eq!(found, acknowledged, "step {step}, seed {seed}");
        }
    }
}

#[test]
fn a_restore_is_complete_or_not_there_at_all() {
    let source = temp_folder();
    fill(source.path());
    let app = open(Disk::default(), source.path()).expect("opens");
    let mut backup = Vec::new();
    write_backup(&app.storage, &app.meta, &mut backup).expect("written");
    for (seed, fault) in [
        (0, Fault::Die),
        (1, Fault::Die),
        (2, Fault::Fail),
        (3, Fault::Full),
    ] {
        let mut random = fastrand::Rng::with_seed(seed);
        for step in 0.. {
            let folder = temp_folder();
            let faulty = FaultyDisk::new(folder.path()).failing_at(step, fault);
            let data = folder.path().join("data");
            let restore =
                |disk: &Disk| restore_from(disk, &mut backup.as_slice(), &data, &Limits::default());
            let restored = restore(&Disk::with_faults(faulty.clone()));
            faulty.heal();
            let context = format!("{fault:?} at change {step}: {restored:?}");
            faulty.cut_power(&mut || random.bool());
            match open(Disk::default(), &data) {
                Ok(app) if rows(&app) == 1 => assert_eq!(app.meta.read().buckets.len(), 1),
                Ok(app) => {
                    assert!(restored.is_err(), "{context}");
                    assert_eq!(app.meta.read().buckets.len(), 0, "{context}");
                    continue;
                }
                Err(error) => {
                    assert!(restored.is_err(), "{context}");
                    assert!(error.to_string().contains("restore"), "{context}: {error}");
                    restore(&Disk::default()).unwrap_or_else(|error| panic!("{context}: {error}"));
                    assert_eq!(rows(&open(Disk::default(), &data).expect("opens")), 1);
                }
            }
            if !faulty.has_failed() {
                assert!(step > 20);
                break;
            }
        }
    }
}

#[test]
fn every_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let source = temp_folder();
    fill(source.path());
    let app = open(Disk::default(), source.path()).expect("opens");
    app.storage.seal().expect("sealed");
    let mut backup = Vec::new();
    write_backup(&app.storage, &app.meta, &mut backup).expect("written");
    let restored = source.path().join("restored");
    let limits = Limits::default();
    restore_from(&Disk::default(), &mut backup.as_slice(), &restored, &limits).expect("restored");
    let mut folders = vec![source.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in watchpost_durable::list(&folder).expect("listed") {
            let mode = path.metadata().expect("is there").permissions().mode() & 0o777;
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, expected, "{}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}
