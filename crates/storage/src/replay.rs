//! Reading the log back, strictly: nothing that was acknowledged goes missing without a word.
//!
//! Only a record that was being appended when the process died may be short, and only at the end
//! of a file. Everything else that does not match its checksum is damage, reported with what the
//! rest of the file tells; the records after it are still found.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::damage::{Damage, Lost};
use crate::disk;
use crate::encoding::{Malformed, Reader};
use crate::error::{Error, Result};
use crate::log::{self, FILE_HEAD, FILE_MAGIC, MARKER, RECORD_HEAD};
use crate::range::TimeRange;
use crate::record::{self, Event, RecordKind};

/// The log as it was found.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// The largest file number; 0 if there is no file.
    pub(crate) last_number: u64,
    /// The sequence number after the last record.
    pub(crate) next_sequence: u64,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) damages: Vec<Damage>,
}

/// The head of a record.
struct Head {
    kind: RecordKind,
    bucket: u64,
    sequence: u64,
    rows: u32,
    range: TimeRange,
    length: usize,
    payload_crc: u32,
}

/// One file being read.
struct LogFile<'a> {
    file: File,
    path: &'a Path,
    name: PathBuf,
    length: u64,
}

/// Reads every file in order and hands each event over, with the number of its file and its bucket.
pub(crate) fn replay(
    folder: &Path,
    root: &Path,
    apply: &mut dyn FnMut(u64, u64, Event),
) -> Result<Replay> {
    let mut replay = Replay {
        next_sequence: 1,
        ..Replay::default()
    };
    for (number, path) in log::files(folder)? {
        replay.last_number = replay.last_number.max(number);
        // Sealing may remove a file that was listed just now; its rows are in segments then.
        let Some(file) = disk::open_if_present(&path)? else {
            continue;
        };
        let length = file
            .metadata()
            .map_err(|error| Error::io("read", &path, error))?
            .len();
        let name = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
        replay.bytes += length;
        LogFile {
            file,
            path: &path,
            name,
            length,
        }
        .replay(number, &mut replay, apply)?;
    }
    Ok(replay)
}

impl LogFile<'_> {
    fn replay(
        &self,
        number: u64,
        replay: &mut Replay,
        apply: &mut dyn FnMut(u64, u64, Event),
    ) -> Result<()> {
        if self.length < FILE_HEAD as u64 {
            return Ok(());
        }
        let head = self.read(0, FILE_HEAD)?;
        if let Err(error) = check_file_head(&head, number) {
            let lost = Lost {
                rows: Some(0),
                ..Lost::default()
            };
            replay
                .damages
                .push(self.damage(0, FILE_HEAD as u64, error.0, lost));
        }
        let mut offset = FILE_HEAD as u64;
        while offset + RECORD_HEAD as u64 <= self.length {
            match decode_head(&self.read(offset, RECORD_HEAD)?) {
                Ok(head) => {
                    let end = offset + (RECORD_HEAD + head.length) as u64;
                    if end > self.length {
                        return Ok(());
                    }
                    self.replay_record(number, offset, &head, replay, apply)?;
                    offset = end;
                }
                Err(error) => match self.next_record(offset)? {
                    Found::Record(next) => {
                        let lost = Lost::default();
                        replay
                            .damages
                            .push(self.damage(offset, next - offset, error.0, lost));
                        // The gap of sequence numbers would report the same loss again.
                        replay.next_sequence = decode_head(&self.read(next, RECORD_HEAD)?)
                            .map_or(replay.next_sequence, |head| head.sequence);
                        offset = next;
                    }
                    Found::Nothing => {
                        let lost = Lost::default();
                        replay.damages.push(self.damage(
                            offset,
                            self.length - offset,
                            error.0,
                            lost,
                        ));
                        return Ok(());
                    }
                    Found::Zeros => return Ok(()),
                },
            }
        }
        Ok(())
    }

    fn replay_record(
        &self,
        number: u64,
        offset: u64,
        head: &Head,
        replay: &mut Replay,
        apply: &mut dyn FnMut(u64, u64, Event),
    ) -> Result<()> {
        if replay.records > 0 && head.sequence > replay.next_sequence {
            let missing = head.sequence - replay.next_sequence;
            let reason = format!("{missing} records that came before are missing");
            replay
                .damages
                .push(self.damage(offset, 0, &reason, Lost::default()));
        }
        replay.next_sequence = head.sequence + 1;
        replay.records += 1;
        let payload = self.read(offset + RECORD_HEAD as u64, head.length)?;
        let event = if crc32fast::hash(&payload) == head.payload_crc {
            record::decode(head.kind, head.range, &payload)
        } else {
            Err(Malformed("a record does not match its checksum"))
        };
        match event {
            Ok(event) => apply(number, head.bucket, event),
            Err(error) => {
                let lost = Lost {
                    bucket: Some(head.bucket),
                    range: Some(head.range),
                    rows: Some(u64::from(head.rows)),
                    ..Lost::default()
                };
                let reason = match head.kind {
                    RecordKind::Write => error.0.to_owned(),
                    RecordKind::Delete => {
                        format!("{} (a delete, which is thereby undone)", error.0)
                    }
                    RecordKind::DropBucket => format!("{} (the removal of a bucket)", error.0),
                };
                replay.damages.push(self.damage(
                    offset,
                    (RECORD_HEAD + head.length) as u64,
                    &reason,
                    lost,
                ));
            }
        }
        Ok(())
    }

    /// Looks for the next intact record head after a damaged place.
    fn next_record(&self, offset: u64) -> Result<Found> {
        let rest = self.read(offset, (self.length - offset) as usize)?;
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(Found::Zeros);
        }
        for at in 1..rest.len().saturating_sub(RECORD_HEAD - 1) {
            if rest[at..].starts_with(&MARKER) && decode_head(&rest[at..]).is_ok() {
                return Ok(Found::Record(offset + at as u64));
            }
        }
        Ok(Found::Nothing)
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        disk::read_at(&self.file, self.path, offset, length)
    }

    fn damage(&self, offset: u64, bytes: u64, reason: &str, lost: Lost) -> Damage {
        Damage {
            file: self.name.clone(),
            offset,
            bytes,
            reason: reason.to_owned(),
            lost,
        }
    }
}

/// What follows a damaged place.
enum Found {
    Record(u64),
    Nothing,
    /// Space that a power cut left unwritten: nothing there was ever synced.
    Zeros,
}

fn check_file_head(head: &[u8], number: u64) -> Result<(), Malformed> {
    let mut reader = Reader::new(head);
    if reader.array()? != FILE_MAGIC {
        return Err(Malformed("it does not begin as a log of this version does"));
    }
    if reader.u64()? != number || reader.u32()? != crc32fast::hash(&head[..FILE_HEAD - 4]) {
        return Err(Malformed("the head does not match its checksum"));
    }
    Ok(())
}

fn decode_head(bytes: &[u8]) -> Result<Head, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != MARKER {
        return Err(Malformed("no record begins there"));
    }
    let kind = reader.byte()?;
    let head = Head {
        kind: [
            RecordKind::Write,
            RecordKind::Delete,
            RecordKind::DropBucket,
        ]
        .into_iter()
        .find(|known| *known as u8 == kind)
        .ok_or(Malformed("an unknown kind of record"))?,
        bucket: reader.u64()?,
        sequence: reader.u64()?,
        rows: reader.u32()?,
        range: TimeRange::new(reader.i64()?, reader.i64()?),
        length: reader.u32()? as usize,
        payload_crc: reader.u32()?,
    };
    if reader.u32()? != crc32fast::hash(&bytes[..RECORD_HEAD - 4]) {
        return Err(Malformed(
            "the head of a record does not match its checksum",
        ));
    }
    Ok(head)
}
