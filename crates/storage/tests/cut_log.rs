//! A log whose end was cut off: what was acknowledged and is gone is told exactly; what was only on
//! its way when the process died is not missed.

use std::path::{Path, PathBuf};

use watchpost_storage::{Damage, Predicate, Storage, TimeRange, Unsynced};

use crate::fixture::{BUCKET, Cells, all_cells, batch, copy_folder, files, open, write};

/// Bytes before the records of a log.
const HEAD: u64 = 72;

/// The store after each of its records.
struct Moment {
    /// The length of the log.
    length: u64,
    /// Rows written so far, replaced and deleted ones included.
    rows: u64,
    cells: Cells,
}

fn log_of(folder: &Path) -> PathBuf {
    files(&folder.join("log")).remove(0)
}

fn history(folder: &Path) -> Vec<Moment> {
    let storage = open(folder);
    let mut rows = 0;
    let mut moments = vec![Moment {
        length: HEAD,
        rows,
        cells: Cells::new(),
    }];
    let mut note = |new_rows| {
        rows += new_rows;
        moments.push(Moment {
            length: std::fs::metadata(log_of(folder)).unwrap().len(),
            rows,
            cells: all_cells(&storage),
        });
    };
    write(&storage, "m,k=a v=1i 10\nm,k=b v=2i 20");
    note(2);
    write(&storage, "m,k=c s=\"text\" 30");
    note(1);
    storage
        .delete(BUCKET, TimeRange::ALL, &Predicate::tag("k", "b"))
        .unwrap();
    note(0);
    write(&storage, "m,k=a v=4i 40\nm,k=a v=5i 50\nm,k=a v=6i 10");
    note(3);
    moments
}

fn cut(file: &Path, length: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(length).unwrap();
}

/// As a power cut may leave space that it had no time to fill.
fn fill_with_zeros(file: &Path, from: u64) {
    let length = std::fs::metadata(file).unwrap().len();
    cut(file, from);
    cut(file, length);
}

fn damages_without(folder: &Path, harm: impl Fn(&Path)) -> (Storage, Vec<Damage>) {
    harm(&log_of(folder));
    let storage = open(folder);
    let damages = storage.damages();
    assert_eq!(storage.verify().unwrap().damages, damages);
    (storage, damages)
}

/// The last of the moments of which everything is still there.
fn kept_of(moments: &[Moment], length: u64) -> &Moment {
    let whole = |moment: &&Moment| moment.length <= length;
    moments.iter().rev().find(whole).unwrap_or(&moments[0])
}

#[test]
fn a_log_cut_anywhere_tells_exactly_what_is_lost() {
    let original = tempfile::tempdir().unwrap();
    let moments = history(original.path());
    let whole = moments.last().unwrap();
    for length in 0..whole.length {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(original.path(), folder.path());
        let (storage, damages) = damages_without(folder.path(), |log| cut(log, length));
        let [damage] = &damages[..] else {
            panic!("cut to {length}: {damages:?}");
        };
        let kept = kept_of(&moments, length);
        assert_eq!(all_cells(&storage), kept.cells, "cut to {length}");
        if length < HEAD {
            // The mark is gone, and with it the numbers.
            assert_eq!(damage.lost.rows, None, "{damage}");
            continue;
        }
        assert_eq!(damage.lost.rows, Some(whole.rows - kept.rows), "{damage}");
        assert_eq!(damage.offset, kept.length, "{damage}");
        assert_eq!(damage.offset + damage.bytes, whole.length, "{damage}");
        let here = moments.iter().filter(|moment| moment.length <= length);
        let told = format!("records {} to 4 were acknowledged", here.count());
        assert!(damage.reason.contains(&told), "{damage}");
        // What is written from now on is safe, and the loss is told until the log is sealed.
        write(&storage, "n v=1i 1");
        let cells = all_cells(&storage);
        drop(storage);
        let storage = open(folder.path());
        assert_eq!(all_cells(&storage), cells, "cut to {length}");
        assert_eq!(storage.damages(), damages);
        storage.seal().unwrap();
        drop(storage);
        let storage = open(folder.path());
        assert_eq!(all_cells(&storage), cells, "cut to {length}");
        assert_eq!(storage.damages(), []);
    }
}

#[test]
fn a_log_that_ends_in_zeros_tells_what_is_lost() {
    let original = tempfile::tempdir().unwrap();
    let moments = history(original.path());
    let whole = moments.last().unwrap();
    let bytes = std::fs::read(log_of(original.path())).unwrap();
    for length in 0..whole.length {
        // Zeros that were there before change nothing.
        let zeros = bytes[length as usize..]
            .iter()
            .take_while(|byte| **byte == 0);
        let length = length + zeros.count() as u64;
        if length == whole.length {
            break;
        }
        let folder = tempfile::tempdir().unwrap();
        copy_folder(original.path(), folder.path());
        let (storage, damages) = damages_without(folder.path(), |log| fill_with_zeros(log, length));
        let kept = kept_of(&moments, length);
        assert_eq!(all_cells(&storage), kept.cells, "zeros from {length}");
        let rows: Option<u64> = damages.iter().map(|damage| damage.lost.rows).sum();
        let expected = (length >= HEAD).then_some(whole.rows - kept.rows);
        assert_eq!(rows, expected, "zeros from {length}: {damages:?}");
    }
}

#[test]
fn the_report_of_a_cut_log_reads_well() {
    let folder = tempfile::tempdir().unwrap();
    let moments = history(folder.path());
    let (storage, damages) = damages_without(folder.path(), |log| cut(log, moments[1].length));
    drop(storage);
    assert_eq!(
        damages[0].to_string(),
        format!(
            "log/000000000001.wal is damaged at byte {} ({} bytes): the end is cut off: records 2 to 4 were \
             acknowledged and are not there; lost: 4 rows, times 10 to 50",
            moments[1].length,
            moments[4].length - moments[1].length
        )
    );
}

/// The rows of records whose heads are gone are counted by the mark.
#[test]
fn a_damaged_head_of_a_record_costs_a_known_number_of_rows() {
    let folder = tempfile::tempdir().unwrap();
    let moments = history(folder.path());
    let (_, damages) = damages_without(folder.path(), |log| {
        let mut bytes = std::fs::read(log).unwrap();
        bytes[HEAD as usize + 8] ^= 1;
        std::fs::write(log, bytes).unwrap();
    });
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!(damages[0].lost.rows, Some(moments[1].rows));
}

#[test]
fn what_was_never_acknowledged_is_not_missed() {
    let original = tempfile::tempdir().unwrap();
    let storage = open(original.path());
    write(&storage, "m v=1i 1");
    let acknowledged = all_cells(&storage);
    let safe = std::fs::metadata(log_of(original.path())).unwrap().len();
    let mut unsynced = Unsynced::default();
    storage
        .write_unsynced(BUCKET, batch("m v=2i 2"), 0, &mut unsynced)
        .unwrap();
    let length = std::fs::metadata(log_of(original.path())).unwrap().len();
    for place in safe..=length {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(original.path(), folder.path());
        let (storage, damages) = damages_without(folder.path(), |log| cut(log, place));
        if place < length {
            assert_eq!(all_cells(&storage), acknowledged, "cut to {place}");
        }
        assert_eq!(damages, [], "cut to {place}");
    }
    fill_with_zeros(&log_of(original.path()), safe);
    let folder = tempfile::tempdir().unwrap();
    copy_folder(original.path(), folder.path());
    let (storage, damages) = damages_without(folder.path(), |_| {});
    assert_eq!((all_cells(&storage), damages), (acknowledged, Vec::new()));
}
