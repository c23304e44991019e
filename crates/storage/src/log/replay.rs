//! Reading the log back, strictly: nothing that was acknowledged goes missing without a word.
//!
//! Only a record that was being appended when the process died may be short or missing, and only
//! behind what the file's mark says was acknowledged. Everything else that does not match its
//! checksum is damage, reported with what the rest of the file tells; the records after it are
//! still found.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::damage::{Damage, Lost};
use crate::disk;
use crate::error::Result;
use crate::log::mark::Mark;
use crate::log::record::{self, Event, RecordKind};
use crate::log::{self, FILE_HEAD, FILE_MAGIC, MARKER, RECORD_HEAD, TITLE, UNMARKED_MAGIC};
use crate::range::TimeRange;
use crate::segment::encoding::{Malformed, Reader};

/// So much of a file is looked through at a time for the next record: of a large log only a little is in memory.
const SEARCH_BYTES: usize = 1 << 20;

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
    number: u64,
    length: u64,
    /// How far it was acknowledged; `None` if the file does not tell.
    mark: Option<Mark>,
    /// The file has a place for a mark.
    marked: bool,
}

/// What was found of the acknowledged part of a file.
#[derive(Default)]
struct Progress {
    /// Rows of the records whose heads are intact.
    rows: u64,
    /// The damages of which nobody knows yet how many rows they cost.
    unknown: Vec<usize>,
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
        let name = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
        let mut file = LogFile {
            file,
            path: &path,
            name,
            number,
            length: 0,
            mark: None,
            marked: true,
        };
        if let Some(records) = file.read_head(&mut replay)? {
            file.replay(records, &mut replay, apply)?;
        }
        replay.bytes += file.length;
    }
    Ok(replay)
}

impl LogFile<'_> {
    /// Takes what the head tells, and reports it if it is damaged. Gives where the records begin;
    /// `None` if there are none to be found.
    fn read_head(&mut self, replay: &mut Replay) -> Result<Option<u64>> {
        let head = log::read_head(&self.file, self.path, self.number)?;
        // After the mark was read: somebody may be appending.
        self.length = disk::length(&self.file, self.path)?;
        let title = check_title(&head, self.number);
        if let Ok(UNMARKED_MAGIC) = title {
            self.marked = false;
            return Ok(Some(TITLE as u64));
        }
        let mark = log::mark_of(&head, self.number);
        self.mark = mark.ok();
        let whole = Lost {
            rows: Some(0),
            ..Lost::default()
        };
        let (place, reason) = match (title, mark) {
            (Ok(_), Ok(_)) => return Ok(Some(FILE_HEAD as u64)),
            (Err(error), Ok(_)) => (0..TITLE, error.0),
            (Ok(_), Err(error)) if head.len() == FILE_HEAD => (TITLE..FILE_HEAD, error.0),
            (_, Err(_)) => return self.search_records(replay),
        };
        let damage = self.damage(place.start as u64, place.len() as u64, reason, whole);
        replay.damages.push(damage);
        Ok(Some(FILE_HEAD as u64))
    }

    /// Looks for the first record of a file whose head tells nothing.
    fn search_records(&self, replay: &mut Replay) -> Result<Option<u64>> {
        let first = match self.next_record(0)? {
            Found::Record(first) => Some(first),
            Found::Nothing | Found::Zeros => None,
        };
        let at_its_place = first == Some(TITLE as u64) || first == Some(FILE_HEAD as u64);
        let lost = Lost {
            rows: at_its_place.then_some(0),
            ..Lost::default()
        };
        let reason = match first {
            Some(_) => "the head does not match its checksum",
            None => "it is cut off or damaged, and no record is found in it",
        };
        let bytes = first.unwrap_or(self.length);
        replay.damages.push(self.damage(0, bytes, reason, lost));
        Ok(first)
    }

    fn replay(
        &self,
        records: u64,
        replay: &mut Replay,
        apply: &mut dyn FnMut(u64, u64, Event),
    ) -> Result<()> {
        let mut progress = Progress::default();
        let mut offset = records;
        let mut cut = None;
        while offset + RECORD_HEAD as u64 <= self.length {
            let head = match decode_head(&self.read(offset, RECORD_HEAD)?) {
                Ok(head) => head,
                Err(error) => match self.next_record(offset)? {
                    Found::Record(next) => {
                        self.report_stretch(offset, next, error.0, replay, &mut progress);
                        // The gap of sequence numbers would report the same loss again.
                        replay.next_sequence = decode_head(&self.read(next, RECORD_HEAD)?)
                            .map_or(replay.next_sequence, |head| head.sequence);
                        offset = next;
                        continue;
                    }
                    Found::Nothing => {
                        let end = self.mark.map_or(self.length, |mark| mark.end);
                        let end = end.max(self.length);
                        self.report_stretch(offset, end, error.0, replay, &mut progress);
                        offset = end;
                        break;
                    }
                    Found::Zeros => break,
                },
            };
            let end = offset + (RECORD_HEAD + head.length) as u64;
            if end > self.length {
                cut = Some(head);
                break;
            }
            if self.mark.is_some_and(|mark| end <= mark.end) {
                progress.rows += u64::from(head.rows);
            }
            self.replay_record(offset, &head, replay, apply)?;
            offset = end;
        }
        self.check_end(offset, cut, replay, progress);
        Ok(())
    }

    /// Reports a stretch in which no record can be told.
    fn report_stretch(
        &self,
        offset: u64,
        end: u64,
        reason: &str,
        replay: &mut Replay,
        progress: &mut Progress,
    ) {
        if self.mark.is_some_and(|mark| offset < mark.end) {
            progress.unknown.push(replay.damages.len());
        }
        let damage = self.damage(offset, end - offset, reason, Lost::default());
        replay.damages.push(damage);
    }

    /// Compares what was found, up to where reading ended, with what was acknowledged. `cut` is the
    /// head of a record that is not there as a whole.
    fn check_end(
        &self,
        offset: u64,
        cut: Option<Head>,
        replay: &mut Replay,
        mut progress: Progress,
    ) {
        let Some(mark) = self.mark else {
            if self.marked && offset < self.length {
                let reason = "the end is torn, and nothing tells whether it was acknowledged";
                let damage = self.damage(offset, self.length - offset, reason, Lost::default());
                replay.damages.push(damage);
            }
            return;
        };
        if offset < mark.end {
            let first = replay.next_sequence.max(mark.first);
            let reason = format!(
                "the end is cut off: records {first} to {} were acknowledged and are not there",
                mark.last
            );
            let (reason, lost) = match cut {
                Some(head) if head.sequence == mark.last => (head.reason(&reason), head.lost()),
                _ => {
                    progress.unknown.push(replay.damages.len());
                    (reason, Lost::default())
                }
            };
            let damage = self.damage(offset, mark.end - offset, &reason, lost);
            replay.damages.push(damage);
        }
        replay.next_sequence = replay.next_sequence.max(mark.last + 1);
        // The mark counts the rows of all records: those of a single gap are what is missing.
        if let [only] = progress.unknown[..] {
            let missing = mark.rows.saturating_sub(progress.rows);
            let lost = &mut replay.damages[only].lost;
            lost.rows = Some(missing);
            lost.range = (missing > 0).then_some(mark.range);
        }
    }

    fn replay_record(
        &self,
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
            Ok(event) => apply(self.number, head.bucket, event),
            Err(error) => {
                let bytes = (RECORD_HEAD + head.length) as u64;
                let reason = head.reason(error.0);
                replay
                    .damages
                    .push(self.damage(offset, bytes, &reason, head.lost()));
            }
        }
        Ok(())
    }

    /// Looks for the next intact record head after a damaged place, some of the file at a time.
    fn next_record(&self, offset: u64) -> Result<Found> {
        let mut is_zero = true;
        let mut start = offset;
        while start < self.length {
            let length = (self.length - start).min((SEARCH_BYTES + RECORD_HEAD) as u64);
            let bytes = self.read(start, length as usize)?;
            is_zero &= bytes.iter().all(|byte| *byte == 0);
            let first = usize::from(start == offset);
            for at in first..bytes.len().saturating_sub(RECORD_HEAD - 1) {
                if bytes[at..].starts_with(&MARKER) && decode_head(&bytes[at..]).is_ok() {
                    return Ok(Found::Record(start + at as u64));
                }
            }
            start += SEARCH_BYTES as u64;
        }
        Ok(match is_zero {
            true => Found::Zeros,
            false => Found::Nothing,
        })
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        Ok(disk::read_at(&self.file, self.path, offset, length)?)
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

impl Head {
    /// What is lost with the record.
    fn lost(&self) -> Lost {
        Lost {
            bucket: Some(self.bucket),
            range: Some(self.range),
            rows: Some(u64::from(self.rows)),
            ..Lost::default()
        }
    }

    /// The reason for a damage, with what it undoes.
    fn reason(&self, reason: &str) -> String {
        match self.kind {
            RecordKind::Write => reason.to_owned(),
            RecordKind::Delete => format!("{reason} (a delete, which is thereby undone)"),
            RecordKind::DropBucket => format!("{reason} (the removal of a bucket)"),
        }
    }
}

/// The magic of an intact title.
fn check_title(head: &[u8], number: u64) -> Result<[u8; 8], Malformed> {
    let mut reader = Reader::new(head);
    let magic = reader.array()?;
    if magic != FILE_MAGIC && magic != UNMARKED_MAGIC {
        return Err(Malformed("it does not begin as a log of this version does"));
    }
    if reader.u64()? != number || reader.u32()? != crc32fast::hash(&head[..TITLE - 4]) {
        return Err(Malformed("the head does not match its checksum"));
    }
    Ok(magic)
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
