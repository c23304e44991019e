//! One flipped byte anywhere is found, reported, and costs no more than it must.

use std::path::{Path, PathBuf};

use watchpost_storage::{Damage, Error, Predicate, Storage, TimeRange};

use crate::fixture::{
    BUCKET, Cells, all_cells, cells_of, copy_folder, everything, files, open, quick, write,
};

/// Bytes before the records of a log.
const LOG_HEAD: usize = 72;

/// A store with every kind of file: two segments, a log with writes and a delete, documents.
fn sample(folder: &Path) -> Cells {
    let storage = open(folder);
    let lines = |from: i64, to: i64| -> String {
        (from..to)
            .map(|row| {
                format!(
                    "m,host=a f={}.25,i={row}i,s=\"text {row}\" {row}\n",
                    row % 7
                )
            })
            .collect()
    };
    write(&storage, &lines(0, 30));
    write(
        &storage,
        "m,host=b f=0.1,i=5i,b=true 100000000000000\nm,host=b f=0.7 100000000000001",
    );
    storage.seal().unwrap();
    write(&storage, &lines(30, 33));
    write(&storage, "m,host=c f=4 5\nm,host=a s=\"replaced\" 3");
    storage
        .delete(BUCKET, TimeRange::new(10, 12), &Predicate::tag("host", "a"))
        .unwrap();
    write(&storage, "m,host=c f=5 6");
    storage.put_document("settings", b"first").unwrap();
    storage.put_document("settings", b"second").unwrap();
    all_cells(&storage)
}

/// Reading gives only values that were written (older ones, where a newer one was lost).
fn nothing_invented(found: &Cells, truth: &Cells, context: &str) {
    for (cell, value) in found {
        let undeleted = (10..12).contains(&cell.2);
        let older = cell.1 == "s" && *value == format!("\"text {}\"", cell.2);
        assert!(
            truth.get(cell) == Some(value) || undeleted || older,
            "{context}: invented {cell:?} = {value}"
        );
    }
}

/// Every value that is gone is in a reported loss.
fn losses_reported(found: &Cells, truth: &Cells, damages: &[Damage], context: &str) {
    let lost = truth.keys().filter(|cell| !found.contains_key(*cell));
    for (series, field, time) in lost {
        let told = damages.iter().any(|damage| {
            let lost = &damage.lost;
            lost.rows != Some(0)
                && lost.series.as_ref().is_none_or(|name| name == series)
                && lost.field.as_ref().is_none_or(|name| name == field)
                && lost.range.is_none_or(|range| range.contains(*time))
        });
        assert!(
            told,
            "{context}: {series} {field} {time} is gone without a word: {damages:?}"
        );
    }
}

fn flip(path: &Path, offset: usize, mask: u8) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[offset] ^= mask;
    std::fs::write(path, bytes).unwrap();
}

/// Does something to a file at each of some places, each time in a fresh copy of the sample, and
/// holds what the store then says and gives against the truth. Gives the number of places.
fn damage_each_file(places: fn(usize) -> Vec<usize>, harm: fn(&Path, usize), what: &str) -> usize {
    let original = tempfile::tempdir().unwrap();
    let truth = sample(original.path());
    let names: Vec<PathBuf> = files(original.path())
        .iter()
        .map(|path| path.strip_prefix(original.path()).unwrap().to_path_buf())
        .filter(|name| name != "LOCK")
        .collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let mut count = 0;
    for name in names {
        let file = original.path().join(&name);
        let length = std::fs::metadata(file).unwrap().len() as usize;
        for offset in places(length) {
            let work = tempfile::tempdir().unwrap();
            copy_folder(original.path(), work.path());
            harm(&work.path().join(&name), offset);
            let context = format!("{what} {offset} of {}", name.display());
            check_damaged(work.path(), &truth, &context);
            count += 1;
        }
    }
    count
}

#[test]
fn a_flipped_byte_of_any_file_is_found() {
    let flip_bit = |file: &Path, offset: usize| flip(file, offset, 1 << (offset % 8));
    let flips = damage_each_file(offsets, flip_bit, "flipped: byte");
    assert!(flips > 150, "{flips}");
}

#[test]
fn a_cut_off_end_of_any_file_is_found() {
    let cut = |file: &Path, length: usize| {
        let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
        file.set_len(length as u64).unwrap();
    };
    let cuts = damage_each_file(offsets, cut, "cut: to byte");
    assert!(cuts > 150, "{cuts}");
}

#[test]
fn no_flipped_byte_of_the_log_goes_unnoticed() {
    let original = tempfile::tempdir().unwrap();
    let storage = open(original.path());
    storage.put_document("settings", b"first").unwrap();
    for line in ["m,k=a v=1i 1", "m,k=b v=2i 2", "n s=\"text\" 3"] {
        write(&storage, line);
    }
    let truth = all_cells(&storage);
    let log = files(original.path())
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "wal"))
        .expect("a log");
    let name = log.strip_prefix(original.path()).unwrap().to_path_buf();
    // The lock goes with the store; what a crash would leave stays.
    let crashed = tempfile::tempdir().unwrap();
    copy_folder(original.path(), crashed.path());
    drop(storage);
    let length = std::fs::metadata(&log).unwrap().len() as usize;
    for offset in 0..length {
        let work = tempfile::tempdir().unwrap();
        copy_folder(crashed.path(), work.path());
        flip(&work.path().join(&name), offset, 1 << (offset % 8));
        check_damaged(work.path(), &truth, &format!("byte {offset} of the log"));
    }
}

/// Every third byte of the ends of a file, where heads and trailers are, and some in between.
fn offsets(length: usize) -> Vec<usize> {
    let is_end = |offset: usize| offset < 54 || offset + 34 > length;
    let wanted = |offset: &usize| {
        if is_end(*offset) {
            offset.is_multiple_of(3)
        } else {
            offset.is_multiple_of(1 + length / 30)
        }
    };
    (0..length).filter(wanted).collect()
}

fn check_damaged(folder: &Path, truth: &Cells, context: &str) {
    let storage = match Storage::open(folder, quick(), 0) {
        Ok(storage) => storage,
        // Of all files only the version may keep the store from opening: as that of another one.
        Err(Error::UnknownLayout { .. }) if context.ends_with("LAYOUT") => return,
        Err(error) => panic!("{context}: {error}"),
    };
    let mut damages = storage.damages();
    if damages.is_empty() {
        damages = storage.verify().unwrap().damages;
    }
    assert!(!damages.is_empty(), "{context}: nobody noticed");
    assert!(!damages[0].to_string().is_empty());
    match cells_of(&storage, BUCKET, &everything()) {
        Ok(found) => nothing_invented(&found, truth, context),
        Err(Error::Damaged(damage)) => assert!(
            damages.contains(&damage),
            "{context}: {damage} is not in the report"
        ),
        Err(error) => panic!("{context}: {error}"),
    }
    damages.extend(storage.repair().unwrap());
    let found = all_cells(&storage);
    nothing_invented(&found, truth, context);
    losses_reported(&found, truth, &damages, context);
    let lost = truth.len()
        - truth
            .keys()
            .filter(|cell| found.contains_key(*cell))
            .count();
    assert!(
        lost <= 90,
        "{context}: {lost} of {} values are lost",
        truth.len()
    );
    storage.seal().unwrap();
    assert_eq!(all_cells(&storage), found, "{context}, sealed");
    let document = storage.document("settings").unwrap();
    assert!(
        document.as_deref() == Some(b"second") || document.as_deref() == Some(b"first"),
        "{context}"
    );
    drop(storage);
    let storage = Storage::open(folder, quick(), 0).unwrap();
    assert_eq!(all_cells(&storage), found, "{context}, opened again");
}

#[test]
fn the_report_names_exactly_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    let segment = files(&folder.path().join("data")).remove(0);
    // The last chunk before the index is the texts of the only series: find its bytes by trying.
    let length = std::fs::metadata(&segment).unwrap().len() as usize;
    let storage = open(folder.path());
    let found = (60..length).step_by(5).find_map(|offset| {
        flip(&segment, offset, 0x10);
        let damages = storage.verify().unwrap().damages;
        flip(&segment, offset, 0x10);
        damages
            .into_iter()
            .find(|damage| damage.lost.field.as_deref() == Some("f"))
    });
    let damage = found.unwrap();
    let name = segment.strip_prefix(folder.path()).unwrap();
    assert_eq!(damage.file, name);
    assert_eq!(
        damage.lost.to_string(),
        "lost: 30 rows of bucket 0000000000000001, series m,host=a, field \"f\", times 0 to 29"
    );
}

/// Damage stops neither deletes nor merges: they go on without the lost part, say so, and keep the
/// original.
#[test]
fn deletes_and_merges_go_around_damage() {
    let folder = tempfile::tempdir().unwrap();
    let truth = sample(folder.path());
    let segment = files(&folder.path().join("data")).remove(0);
    let length = std::fs::metadata(&segment).unwrap().len() as usize;
    let storage = open(folder.path());
    let damage = (60..length).step_by(5).find_map(|offset| {
        flip(&segment, offset, 0x10);
        let found = storage.verify().unwrap().damages;
        let damage = found
            .into_iter()
            .find(|damage| damage.lost.field.as_deref() == Some("f"));
        if damage.is_none() {
            flip(&segment, offset, 0x10);
        }
        damage
    });
    drop(storage);
    let storage = open(folder.path());
    assert_eq!(storage.damages(), [], "not met yet");
    storage
        .delete(BUCKET, TimeRange::new(20, 21), &Predicate::tag("host", "a"))
        .unwrap();
    storage.compact().unwrap();
    assert_eq!(storage.damages(), [damage.unwrap()]);
    assert!(folder.path().join("damaged").is_dir());
    let found = all_cells(&storage);
    let lost = |(_, field, time): &(String, String, i64)| *time == 20 || field == "f" && *time < 30;
    let expected: Cells = truth
        .into_iter()
        .filter(|(cell, _)| cell.0 != "m,host=a" || !lost(cell))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_log_with_a_damaged_record_keeps_the_ones_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    for row in 0..5 {
        write(&storage, &format!("m v={row}i {row}"));
    }
    let truth = all_cells(&storage);
    drop(storage);
    let log = files(&folder.path().join("log")).remove(0);
    // Five records of one size after the head: the last byte of the third.
    let record = (std::fs::metadata(&log).unwrap().len() as usize - LOG_HEAD) / 5;
    flip(&log, LOG_HEAD + 3 * record - 1, 0xff);
    let storage = open(folder.path());
    assert_eq!(all_cells(&storage).len(), truth.len() - 1);
    let damages = storage.damages();
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert!(
        damages[0]
            .to_string()
            .contains("lost: 1 rows of bucket 0000000000000001, times 2 to 2"),
        "{}",
        damages[0]
    );
    assert!(
        folder
            .path()
            .join("damaged")
            .join("log+000000000001.wal")
            .exists(),
        "the original is kept"
    );
}

/// What comes after a damaged place is looked for a megabyte at a time.
#[test]
fn a_record_behind_megabytes_of_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let text = "x".repeat(900_000);
    let long: String = (0..3)
        .map(|row| format!("m s=\"{text}\" {row}\n"))
        .collect();
    write(&storage, &long);
    write(&storage, "m v=1i 9");
    drop(storage);
    let log = files(&folder.path().join("log")).remove(0);
    flip(&log, LOG_HEAD + 8, 0xff);
    let storage = open(folder.path());
    let cells = all_cells(&storage);
    assert_eq!(cells.into_values().collect::<Vec<_>>(), ["1i"]);
    let damages = storage.damages();
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!(damages[0].lost.rows, Some(3));
}

#[test]
fn an_unknown_layout_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let other = "watchpost-storage 3";
    let text = format!("{other} {:08x}\n", crc32fast::hash(other.as_bytes()));
    std::fs::write(folder.path().join("LAYOUT"), &text).unwrap();
    let before = files(folder.path());
    let error = Storage::open(folder.path(), quick(), 0).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has the layout \"watchpost-storage 3"),
        "{error}"
    );
    assert_eq!(files(folder.path()), before);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("LAYOUT")).unwrap(),
        text
    );
}

#[test]
fn a_folder_of_another_program_is_refused_and_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "dear reader").unwrap();
    let error = Storage::open(folder.path(), quick(), 0).unwrap_err();
    assert!(matches!(error, Error::UnknownLayout { .. }), "{error}");
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    let error = Storage::open(folder.path(), quick(), 0).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(storage);
    open(folder.path());
}
