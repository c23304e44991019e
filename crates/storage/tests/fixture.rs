//! A store in a folder of its own, written to in line protocol and read back as text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_core::point::FieldValue;
use watchpost_storage::disk::Disk;
use watchpost_storage::{Batch, Options, Predicate, ScanRequest, Storage, TimeRange, WriteOutcome};

use crate::faulty_disk::NoSync;

/// The bucket most tests use.
pub(crate) const BUCKET: u64 = 1;

/// Series, field and time of a value.
pub(crate) type Cell = (String, String, i64);

/// All values of a bucket.
pub(crate) type Cells = BTreeMap<Cell, String>;

/// Options of tests that are about anything but syncing.
pub(crate) fn quick() -> Options {
    Options {
        disk: Disk::with_faults(Arc::new(NoSync)),
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path) -> Storage {
    Storage::open(dir, quick(), 0).expect("the store opens")
}

/// Lines without a time get `now`, in nanoseconds.
pub(crate) fn batch_at(text: &str, now: i64) -> Batch {
    let mut batch = Batch::new();
    let mut lines = Lines::new(text.as_bytes(), Precision::Nanoseconds, now);
    while let Some(line) = lines.next_line() {
        assert!(batch.push(&line.expect("a good line")));
    }
    batch
}

pub(crate) fn batch(text: &str) -> Batch {
    batch_at(text, 0)
}

pub(crate) fn write(storage: &Storage, text: &str) -> WriteOutcome {
    storage
        .write(BUCKET, batch(text), 0)
        .expect("the write is taken")
}

pub(crate) fn text_of(value: &FieldValue) -> String {
    match value {
        FieldValue::Float(value) => format!("{value}"),
        FieldValue::Integer(value) => format!("{value}i"),
        FieldValue::Unsigned(value) => format!("{value}u"),
        FieldValue::String(value) => format!("{value:?}"),
        FieldValue::Boolean(value) => format!("{value}"),
    }
}

pub(crate) fn everything() -> ScanRequest {
    ScanRequest {
        range: TimeRange::ALL,
        predicate: Predicate::default(),
    }
}

/// The values a scan gives; fails if one comes twice or out of order.
pub(crate) fn cells_of(
    storage: &Storage,
    bucket: u64,
    request: &ScanRequest,
) -> watchpost_storage::Result<Cells> {
    let mut cells = Cells::new();
    let mut last: Option<Cell> = None;
    let mut last_key = None;
    for batch in storage.scan(bucket, request)? {
        let batch = batch?;
        assert_eq!(batch.times.len(), batch.values.len());
        let key = (batch.series.clone(), batch.field.clone());
        assert!(
            last_key.as_ref().is_none_or(|before| *before <= key),
            "series and fields come in order"
        );
        for (row, time) in batch.times.iter().enumerate() {
            let cell = (batch.series.to_string(), batch.field.to_string(), *time);
            if last_key.as_ref() == Some(&key) || row > 0 {
                assert!(
                    last.as_ref().is_none_or(|last| *last < cell),
                    "times rise: {last:?} then {cell:?}"
                );
            }
            cells.insert(cell.clone(), text_of(&batch.values.value(row)));
            last = Some(cell);
        }
        last_key = Some(key);
    }
    Ok(cells)
}

pub(crate) fn all_cells(storage: &Storage) -> Cells {
    cells_of(storage, BUCKET, &everything()).expect("the scan succeeds")
}

/// Copies a folder with all that is in it, as a crash would leave it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
