//! One file of the queue: a header, then records, each checksummed and compressed.
//!
//! Layout, little endian: the file begins with [`MAGIC`]; a record is `length: u32`, `lines: u32`,
//! `crc: u32` and `length` bytes of deflated line protocol. The CRC-32 covers length, lines and bytes. A
//! record cut short at the end of the file was being written when the process died: it is no damage.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use watchpost_durable::{AppendFile, Disk};

use crate::batch::Batch;

/// The first bytes of a segment: what it is, and the version of its layout.
const MAGIC: &[u8; 8] = b"WPQUEUE1";

const RECORD_HEADER_BYTES: usize = 12;

/// No record is larger, compressed or not: a length beyond it is damage, not a reason to allocate.
const MAX_RECORD_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of a segment without records.
pub(super) const HEADER_BYTES: u64 = MAGIC.len() as u64;

/// Deflates a batch into a record.
pub(super) fn encode(batch: &Batch) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(vec![0; RECORD_HEADER_BYTES], Compression::fast());
    encoder.write_all(batch.text().as_bytes())?;
    let mut record = encoder.finish()?;
    let length = u32::try_from(record.len() - RECORD_HEADER_BYTES)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a batch above 4 GiB"))?;
    record[0..4].copy_from_slice(&length.to_le_bytes());
    record[4..8].copy_from_slice(&batch.lines().to_le_bytes());
    let crc = checksum(&record);
    record[8..12].copy_from_slice(&crc.to_le_bytes());
    Ok(record)
}

fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..8]);
    hasher.update(&record[RECORD_HEADER_BYTES..]);
    hasher.finalize()
}

/// A new, empty segment, to append records to. Neither its bytes nor its name are durable yet.
pub(super) fn begin(disk: &Disk, path: &Path) -> io::Result<AppendFile> {
    Ok(AppendFile::begin(disk, path, MAGIC)?)
}

/// What reading the next record found.
#[derive(Debug)]
pub(super) enum Next {
    /// A whole record.
    Record(Batch),
    /// A record whose checksum does not fit; the next one may be sound.
    Damaged,
    /// Nothing more can be read from this segment.
    End,
}

/// Reads a segment from its start.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    size: u64,
    offset: u64,
}

impl Reader {
    /// `Ok(None)` if the file is no segment.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut magic = [0; MAGIC.len()];
        match file.read_exact(&mut magic) {
            Ok(()) if &magic == MAGIC => Ok(Some(Self {
                file,
                size,
                offset: HEADER_BYTES,
            })),
            Ok(()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next record, decompressed and verified.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        let Some((length, lines, crc)) = self.header()? else {
            return Ok(Next::End);
        };
        if length > MAX_RECORD_BYTES
            || self.offset + RECORD_HEADER_BYTES as u64 + length > self.size
        {
            return Ok(Next::End);
        }
        let mut record = vec![0; RECORD_HEADER_BYTES + length as usize];
        record[0..4].copy_from_slice(&(length as u32).to_le_bytes());
        record[4..8].copy_from_slice(&lines.to_le_bytes());
        self.file.read_exact(&mut record[RECORD_HEADER_BYTES..])?;
        self.offset += record.len() as u64;
        if checksum(&record) != crc {
            return Ok(Next::Damaged);
        }
        let mut text = String::new();
        let inflated = DeflateDecoder::new(&record[RECORD_HEADER_BYTES..])
            .take(MAX_RECORD_BYTES)
            .read_to_string(&mut text);
        match inflated {
            Ok(_) => Ok(Next::Record(Batch::new(text))),
            Err(_) => Ok(Next::Damaged),
        }
    }

    /// Skips a record without reading it: its lines, or `None` at the end.
    pub(super) fn skip(&mut self) -> io::Result<Option<u32>> {
        let Some((length, lines, _)) = self.header()? else {
            return Ok(None);
        };
        let end = self.offset + RECORD_HEADER_BYTES as u64 + length;
        if length > MAX_RECORD_BYTES || end > self.size {
            return Ok(None);
        }
        self.offset = end;
        self.file.seek(SeekFrom::Start(end))?;
        Ok(Some(lines))
    }

    /// `None` where the file ends. The size is asked for again: the segment may have grown.
    fn header(&mut self) -> io::Result<Option<(u64, u32, u32)>> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        self.size = self.file.metadata()?.len();
        if self.offset + RECORD_HEADER_BYTES as u64 > self.size {
            return Ok(None);
        }
        let mut header = [0; RECORD_HEADER_BYTES];
        self.file.read_exact(&mut header)?;
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        Ok(Some((u64::from(word(0)), word(4), word(8))))
    }
}
