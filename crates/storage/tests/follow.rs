//! A copy that is made of a snapshot and of what the log was followed by equals the store, whatever the store did
//! meanwhile.

use std::collections::BTreeMap;
use std::path::Path;

use watchpost_storage::{LogPlace, Predicate, Snapshot, Storage, TimeRange};

use crate::fixture::{BUCKET, all_cells, files, open, write};

/// Less than a record, so that pieces end anywhere.
const PIECE: usize = 37;

/// What a follower has: files by name.
struct Copy {
    files: BTreeMap<String, Vec<u8>>,
    place: LogPlace,
}

impl Copy {
    fn of(storage: &Storage) -> Copy {
        let Snapshot {
            layout,
            segments,
            documents,
            log,
        } = storage.snapshot().unwrap();
        let mut files: BTreeMap<String, Vec<u8>> = documents.into_iter().collect();
        for segment in segments {
            let mut bytes = Vec::new();
            while (bytes.len() as u64) < segment.bytes {
                let from = bytes.len() as u64;
                let piece = storage.segment_piece(&segment, from, 4_096).unwrap();
                bytes.extend(piece.expect("nothing was merged meanwhile"));
            }
            files.insert(segment.name, bytes);
        }
        files.insert("LAYOUT".to_owned(), layout);
        Copy { files, place: log }
    }

    /// Takes what was acknowledged since; gives whether the log still had it.
    fn follow(&mut self, storage: &Storage) -> bool {
        loop {
            let Some(piece) = storage.log_piece(self.place, PIECE).unwrap() else {
                return false;
            };
            if !piece.head.is_empty() {
                let name = format!("log/{:012}.wal", piece.from.file);
                let file = self.files.entry(name).or_default();
                file.resize(piece.from.offset as usize, 0);
                file[..piece.head.len()].copy_from_slice(&piece.head);
                file.extend(&piece.bytes);
            }
            if piece.is_whole && piece.next == self.place {
                return true;
            }
            self.place = piece.next;
        }
    }

    fn open(&self) -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let storage = open(folder.path());
        assert_eq!(storage.damages(), []);
        (folder, storage)
    }
}

fn delete_host(storage: &Storage, host: &str) {
    let predicate = Predicate::tag("host", host);
    storage
        .delete(BUCKET, TimeRange::new(0, 1_000), &predicate)
        .unwrap();
}

#[test]
fn a_follower_has_what_was_written_sealed_merged_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    write(&storage, "m,host=a v=1i 1\nm,host=b v=1i 1");
    let mut copy = Copy::of(&storage);
    for round in 2..40 {
        write(
            &storage,
            &format!("m,host=a v={round}i {round}\nm,host=b v={round}i {round}"),
        );
        match round % 7 {
            0 => drop(storage.seal().unwrap()),
            3 => delete_host(&storage, "b"),
            5 => {
                storage.seal().unwrap();
                storage.compact().unwrap();
            }
            _ => {}
        }
        assert!(copy.follow(&storage), "round {round}: the log was there");
        let (_folder, restored) = copy.open();
        assert_eq!(all_cells(&restored), all_cells(&storage), "round {round}");
    }
}

#[test]
fn one_who_missed_a_file_is_told_so_and_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    write(&storage, "m v=1i 1");
    let mut copy = Copy::of(&storage);
    // More files than are kept for followers.
    for round in 2..12 {
        write(&storage, &format!("m v={round}i {round}"));
        storage.seal().unwrap();
    }
    assert!(!copy.follow(&storage));
    let mut copy = Copy::of(&storage);
    assert!(copy.follow(&storage));
    let (_folder, restored) = copy.open();
    assert_eq!(all_cells(&restored), all_cells(&storage));
}

#[test]
fn a_segment_that_a_delete_rewrote_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    write(&storage, "m,host=a v=1i 1\nm,host=b v=1i 1");
    let before = storage.snapshot().unwrap().segments.remove(0);
    assert!(storage.segment_piece(&before, 0, 10).unwrap().is_some());
    delete_host(&storage, "b");
    let after = storage.snapshot().unwrap().segments.remove(0);
    assert_eq!(after.name, before.name);
    assert_ne!(after, before);
    assert!(storage.segment_piece(&before, 0, 10).unwrap().is_none());
    assert!(storage.segment_piece(&after, 0, 10).unwrap().is_some());
}

#[test]
fn a_follower_goes_on_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    write(&storage, "m v=1i 1");
    let mut copy = Copy::of(&storage);
    write(&storage, "m v=2i 2");
    assert!(copy.follow(&storage));
    write(&storage, "m v=3i 3");
    let crashed = copy_folder(folder.path());
    drop(storage);
    let storage = open(crashed.path());
    write(&storage, "m v=4i 4");
    assert!(copy.follow(&storage));
    let (_folder, restored) = copy.open();
    assert_eq!(all_cells(&restored), all_cells(&storage));
}

/// The files as a crash leaves them.
fn copy_folder(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for path in files(from) {
        let target = to.path().join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&path, target).unwrap();
    }
    to
}
