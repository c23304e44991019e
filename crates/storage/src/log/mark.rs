//! The high-water mark of a log file: how far it was acknowledged. Without it a log whose end was
//! cut off could not be told from one whose last record was being appended when the process died.
//!
//! The mark has a fixed place behind the head of its file and is overwritten after each sync,
//! before anybody is told that his record is durable. It is never synced by itself; the next sync
//! of the file takes it along. So it costs a small write a group commit, and:
//!
//! - It never says more than what was synced before it, so it raises no false alarm.
//! - After a kill at any moment it says exactly what was acknowledged: the kernel has it.
//! - After a power cut it may be that of an earlier sync. Of what was acknowledged after that one
//!   a cut end cannot be told from a torn one; all before is still known.
//! - A log file that somebody removed has taken its mark along. The numbers of the records tell if
//!   there is a later file, nothing does otherwise.
//!
//! ```text
//! first, last u64 | end u64 | rows u64 | start, stop i64 | CRC of the file's number and all that
//! ```

use std::sync::Mutex;

use crate::disk::DiskFile;
use crate::error::Result;
use crate::log::record::Record;
use crate::range::TimeRange;
use crate::segment::encoding::{Malformed, Reader};
use crate::sync::lock;

/// Bytes of a mark. Less than a sector, with the head before it, so that it changes as a whole.
pub(crate) const MARK: usize = 6 * 8 + 4;

/// The records of a log file up to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The sequence numbers of the first and the last record; the last is before the first if
    /// there is none.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Where the last one ends in the file.
    pub(crate) end: u64,
    /// Rows in all of them.
    pub(crate) rows: u64,
    /// Around the times of these rows; empty if there are none.
    pub(crate) range: TimeRange,
}

impl Mark {
    /// Of a file without records.
    pub(crate) fn of_empty(first: u64, end: u64) -> Mark {
        Mark {
            first,
            last: first.saturating_sub(1),
            end,
            rows: 0,
            range: TimeRange::new(i64::MAX, i64::MIN),
        }
    }

    /// With one more record, of so many bytes.
    pub(crate) fn with(self, record: &Record, bytes: usize) -> Mark {
        let range = if record.rows > 0 {
            self.range.hull(record.range)
        } else {
            self.range
        };
        Mark {
            last: self.last + 1,
            end: self.end + bytes as u64,
            rows: self.rows + u64::from(record.rows),
            range,
            ..self
        }
    }

    pub(crate) fn encode(&self, file: u64) -> [u8; MARK] {
        let mut bytes = [0; MARK];
        let numbers = [self.first, self.last, self.end, self.rows];
        let times = [self.range.start, self.range.stop];
        let words = numbers
            .map(u64::to_le_bytes)
            .into_iter()
            .chain(times.map(i64::to_le_bytes));
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word);
        }
        let crc = checksum(file, &bytes[..MARK - 4]);
        bytes[MARK - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: u64, bytes: &[u8; MARK]) -> Result<Mark, Malformed> {
        let mut reader = Reader::new(bytes);
        let mark = Mark {
            first: reader.u64()?,
            last: reader.u64()?,
            end: reader.u64()?,
            rows: reader.u64()?,
            range: TimeRange::new(reader.i64()?, reader.i64()?),
        };
        if reader.u32()? != checksum(file, &bytes[..MARK - 4]) {
            return Err(Malformed(
                "the mark of what was acknowledged does not match its checksum (an end that was cut off, too, \
                 could not be told)",
            ));
        }
        Ok(mark)
    }
}

fn checksum(file: u64, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&file.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

/// Syncs a log file and moves its mark; shared by all who may do so.
#[derive(Debug)]
pub(crate) struct Marker {
    /// A handle of its own, for another thread appends meanwhile.
    file: DiskFile,
    number: u64,
    /// Where the mark is in the file.
    place: u64,
    /// The last record that it covers.
    last: Mutex<u64>,
}

impl Marker {
    pub(crate) fn new(file: DiskFile, number: u64, place: usize, mark: &Mark) -> Marker {
        Marker {
            file,
            number,
            place: place as u64,
            last: Mutex::new(mark.last),
        }
    }

    /// Makes durable what was appended up to a mark, and writes the mark.
    pub(crate) fn sync(&self, appended: &Mark) -> Result<()> {
        self.file.sync()?;
        let mut last = lock(&self.last);
        if appended.last > *last {
            // The records are durable; if the mark stays behind, it is no reason to refuse them.
            let bytes = appended.encode(self.number);
            if self.file.overwrite(self.place, &bytes).is_ok() {
                *last = appended.last;
            }
        }
        Ok(())
    }
}
