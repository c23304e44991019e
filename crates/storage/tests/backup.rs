//! Backups: whole, consistent while writing, refused when damaged.

use std::io::Write;

use watchpost_storage::{Error, Storage};

use crate::fixture::{all_cells, files, open, write};

#[test]
fn a_backup_holds_segments_log_and_documents() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    write(&storage, "m v=1i 1");
    storage.seal().unwrap();
    write(&storage, "m v=2i 2");
    storage.put_document("settings", b"text").unwrap();
    let mut backup = Vec::new();
    storage.backup(&mut backup).unwrap();
    let target = tempfile::tempdir().unwrap();
    Storage::restore(
        &watchpost_storage::disk::Disk::default(),
        &mut backup.as_slice(),
        target.path(),
    )
    .unwrap();
    let restored = open(target.path());
    assert_eq!(all_cells(&restored), all_cells(&storage));
    assert_eq!(
        restored.document("settings").unwrap().as_deref(),
        Some(b"text".as_slice())
    );
    assert_eq!(restored.documents().unwrap(), ["settings"]);
    let error = Storage::restore(
        &watchpost_storage::disk::Disk::default(),
        &mut backup.as_slice(),
        target.path(),
    )
    .unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
}

/// A stream whose reader does things to the store between two pieces.
struct Busy<'a> {
    storage: &'a Storage,
    bytes: Vec<u8>,
    pieces: usize,
}

impl Write for Busy<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.pieces += 1;
        write(
            self.storage,
            &format!("m v={0}i {0}\nm v=0i 1", self.pieces + 100),
        );
        match self.pieces % 5 {
            1 => drop(self.storage.seal().unwrap()),
            3 => drop(self.storage.compact().unwrap()),
            _ => {}
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_backup_is_of_one_moment_whatever_is_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    for part in 0..3 {
        write(&storage, &format!("m v={part}i {part}"));
        storage.seal().unwrap();
    }
    write(&storage, "m v=9i 9");
    let before = all_cells(&storage);
    let mut busy = Busy {
        storage: &storage,
        bytes: Vec::new(),
        pieces: 0,
    };
    storage.backup(&mut busy).unwrap();
    assert!(busy.pieces > 10);
    let target = tempfile::tempdir().unwrap();
    Storage::restore(
        &watchpost_storage::disk::Disk::default(),
        &mut busy.bytes.as_slice(),
        target.path(),
    )
    .unwrap();
    assert_eq!(all_cells(&open(target.path())), before);
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let storage = open(folder.path());
    write(&storage, "m v=1i 1");
    let mut backup = Vec::new();
    storage.backup(&mut backup).unwrap();
    for offset in (0..backup.len()).step_by(5) {
        let mut flipped = backup.clone();
        flipped[offset] ^= 4;
        let target = tempfile::tempdir().unwrap();
        let error = Storage::restore(
            &watchpost_storage::disk::Disk::default(),
            &mut flipped.as_slice(),
            target.path(),
        )
        .unwrap_err();
        assert!(
            matches!(error, Error::BackupDamaged { .. }),
            "byte {offset}: {error}"
        );
        assert_eq!(files(target.path()).len(), 0, "byte {offset}");
    }
    for length in (0..backup.len()).step_by(11) {
        let target = tempfile::tempdir().unwrap();
        Storage::restore(
            &watchpost_storage::disk::Disk::default(),
            &mut &backup[..length],
            target.path(),
        )
        .unwrap_err();
    }
}
