//! Segment files: immutable, sorted by series, each within one shard of one bucket.
//!
//! ```text
//! "WPSEGv01" | bucket | shard start, stop | first, last generation | CRC      head
//! block, block, …                                                             see `block`
//! fields of each measurement; series and the places of their blocks           index
//! "WPSEGend" | place, length and CRC of the index | CRC                        trailer
//! ```
//!
//! Every byte is under a checksum. The index is what a store keeps in memory; without it (a
//! damaged file) [`crate::maintenance::salvage`] rebuilds it from the blocks.
//!
//! A *generation* numbers the portions in which rows are sealed. Where two segments hold the same
//! row, the one with the later generation wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use watchpost_core::point::{FieldType, SeriesKey};

use crate::damage::{Damage, Lost};
use crate::disk::{Disk, ReadFile};
use crate::error::{Error, Result};
use crate::range::TimeRange;
use crate::segment::block::{self, BlockHeader};
use crate::segment::encoding::{Malformed, Reader, put_kind, put_signed, put_text, put_varint};

const HEAD_MAGIC: [u8; 8] = *b"WPSEGv01";
pub(crate) const TRAILER_MAGIC: [u8; 8] = *b"WPSEGend";
/// Bytes of the head.
pub(crate) const HEAD: usize = 8 + 5 * 8 + 4;
/// Bytes of the trailer.
pub(crate) const TRAILER: usize = 8 + 8 + 8 + 4 + 4;
/// The ending of the files.
pub(crate) const EXTENSION: &str = "segment";

/// Counts the segments that were opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// Where a segment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) bucket: u64,
    pub(crate) shard: TimeRange,
    pub(crate) first_generation: u64,
    pub(crate) last_generation: u64,
}

/// Where a block is, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockPlace {
    pub(crate) offset: u64,
    pub(crate) header_length: u32,
    pub(crate) body_length: u32,
    pub(crate) rows: u32,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// The blocks of one series, in time order.
#[derive(Clone, Debug)]
pub(crate) struct SegmentSeries {
    pub(crate) key: Arc<SeriesKey>,
    pub(crate) blocks: Vec<BlockPlace>,
}

/// Fields and their types by measurement.
pub(crate) type Schema = BTreeMap<String, BTreeMap<String, FieldType>>;

/// What a store keeps of a segment in memory.
#[derive(Debug, Default)]
pub(crate) struct SegmentIndex {
    pub(crate) schema: Schema,
    /// Sorted by key.
    pub(crate) series: Vec<SegmentSeries>,
}

/// An open segment. Its file may be removed meanwhile: whoever holds it can read on.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) origin: Origin,
    pub(crate) path: PathBuf,
    /// Relative to the data folder, for reports.
    pub(crate) name: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) range: TimeRange,
    pub(crate) index: SegmentIndex,
    /// Of all segments that this process ever opened no two have the same.
    pub(crate) number: u64,
    file: Arc<ReadFile>,
}

impl BlockPlace {
    pub(crate) fn range(&self) -> TimeRange {
        TimeRange::new(self.first, self.last.saturating_add(1))
    }

    pub(crate) fn length(&self) -> usize {
        block::PREFIX + self.header_length as usize + self.body_length as usize
    }
}

impl Origin {
    /// The path of the file below the data folder.
    pub(crate) fn name(&self) -> PathBuf {
        let Origin {
            bucket,
            shard,
            first_generation,
            last_generation,
        } = self;
        PathBuf::from("data")
            .join(bucket_folder(*bucket))
            .join(format!("{}_{}", shard.start, shard.stop))
            .join(format!("{first_generation}_{last_generation}.{EXTENSION}"))
    }

    /// Whether all rows of another segment of the shard are in this one: it was made from that, among others.
    pub(crate) fn contains(&self, other: &Origin) -> bool {
        self != other
            && self.first_generation <= other.first_generation
            && other.last_generation <= self.last_generation
    }

    /// The reverse of [`Origin::name`]; `None` if the name says nothing.
    pub(crate) fn from_name(name: &Path) -> Option<Origin> {
        let mut parts = name
            .components()
            .rev()
            .map(|part| part.as_os_str().to_str());
        let (first, last) = parts
            .next()??
            .strip_suffix(EXTENSION)?
            .strip_suffix('.')?
            .split_once('_')?;
        let (start, stop) = parts.next()??.split_once('_')?;
        let bucket = u64::from_str_radix(parts.next()??, 16).ok()?;
        Some(Origin {
            bucket,
            shard: TimeRange::new(start.parse().ok()?, stop.parse().ok()?),
            first_generation: first.parse().ok()?,
            last_generation: last.parse().ok()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut head = HEAD_MAGIC.to_vec();
        head.extend_from_slice(&self.bucket.to_le_bytes());
        head.extend_from_slice(&self.shard.start.to_le_bytes());
        head.extend_from_slice(&self.shard.stop.to_le_bytes());
        head.extend_from_slice(&self.first_generation.to_le_bytes());
        head.extend_from_slice(&self.last_generation.to_le_bytes());
        let crc = crc32fast::hash(&head);
        head.extend_from_slice(&crc.to_le_bytes());
        head
    }

    /// Checks and reads the first [`HEAD`] bytes of a file.
    pub(crate) fn decode(head: &[u8]) -> Result<Origin, Malformed> {
        let mut reader = Reader::new(head);
        if reader.array()? != HEAD_MAGIC {
            return Err(Malformed(
                "it does not begin as a segment of this version does",
            ));
        }
        let origin = Origin {
            bucket: reader.u64()?,
            shard: TimeRange::new(reader.i64()?, reader.i64()?),
            first_generation: reader.u64()?,
            last_generation: reader.u64()?,
        };
        if reader.u32()? != crc32fast::hash(&head[..HEAD - 4]) {
            return Err(Malformed("the head does not match its checksum"));
        }
        Ok(origin)
    }
}

/// The folder of a bucket below `data`.
pub(crate) fn bucket_folder(bucket: u64) -> String {
    format!("{bucket:016x}")
}

pub(crate) fn encode_index(index: &SegmentIndex) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, index.schema.len() as u64);
    for (measurement, fields) in &index.schema {
        put_text(&mut out, measurement);
        put_varint(&mut out, fields.len() as u64);
        for (name, kind) in fields {
            put_text(&mut out, name);
            put_kind(&mut out, *kind);
        }
    }
    put_varint(&mut out, index.series.len() as u64);
    for series in &index.series {
        block::put_series(&mut out, &series.key);
        put_varint(&mut out, series.blocks.len() as u64);
        for place in &series.blocks {
            put_varint(&mut out, place.offset);
            put_varint(&mut out, u64::from(place.header_length));
            put_varint(&mut out, u64::from(place.body_length));
            put_varint(&mut out, u64::from(place.rows));
            put_signed(&mut out, place.first);
            put_varint(&mut out, place.last.wrapping_sub(place.first) as u64);
        }
    }
    out
}

pub(crate) fn decode_index(bytes: &[u8]) -> Result<SegmentIndex, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut index = SegmentIndex::default();
    for _ in 0..reader.count(2)? {
        let fields = index.schema.entry(reader.text()?.to_owned()).or_default();
        for _ in 0..reader.count(2)? {
            fields.insert(reader.text()?.to_owned(), reader.kind()?);
        }
    }
    for _ in 0..reader.count(2)? {
        let key = Arc::new(block::read_series(&mut reader)?);
        let count = reader.count(6)?;
        let mut blocks = Vec::with_capacity(count);
        for _ in 0..count {
            blocks.push(read_place(&mut reader)?);
        }
        index.series.push(SegmentSeries { key, blocks });
    }
    if reader.is_empty() {
        Ok(index)
    } else {
        Err(Malformed("the index is longer than it says"))
    }
}

fn read_place(reader: &mut Reader<'_>) -> Result<BlockPlace, Malformed> {
    let small = |number: u64| u32::try_from(number).map_err(|_| Malformed("a block is too long"));
    let offset = reader.varint()?;
    let header_length = small(reader.varint()?)?;
    let body_length = small(reader.varint()?)?;
    let rows = small(reader.varint()?)?;
    let first = reader.signed()?;
    let last = first.wrapping_add(reader.varint()? as i64);
    Ok(BlockPlace {
        offset,
        header_length,
        body_length,
        rows,
        first,
        last,
    })
}

impl Segment {
    /// Opens a file and checks head, trailer and index (the blocks when they are read).
    pub(crate) fn open(disk: &Disk, path: &Path, root: &Path) -> Result<Segment> {
        Segment::read(disk.open(path)?, path, root)
    }

    /// Reads head, trailer and index again.
    pub(crate) fn again(&self, root: &Path) -> Result<Segment> {
        Segment::read(self.file.clone(), &self.path, root)
    }

    /// Keeps the file readable for those who have the segment, before its name goes or becomes that of another one.
    pub(crate) fn keep_for_readers(&self) {
        self.file.keep();
    }

    /// The same for a segment out of reach of new readers, if anybody but the caller has it.
    pub(crate) fn keep_if_shared(self: &Arc<Self>) {
        if Arc::strong_count(self) > 1 {
            self.keep_for_readers();
        }
    }

    /// Reads exactly so many bytes at an offset.
    pub(crate) fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        Ok(self.file.read_at(offset, length)?)
    }

    /// The checksum of the index, from the trailer.
    pub(crate) fn check(&self) -> Result<u32> {
        let trailer = self.read_at(self.bytes - TRAILER as u64, TRAILER)?;
        let (.., check) = decode_trailer(&trailer).unwrap_or_default();
        Ok(check)
    }

    fn read(file: Arc<ReadFile>, path: &Path, root: &Path) -> Result<Segment> {
        let bytes = file.length();
        let damaged = |offset: u64, length: u64, reason: &str| {
            let lost = Lost {
                bucket: Origin::from_name(path).map(|origin| origin.bucket),
                ..Lost::default()
            };
            let file = path.strip_prefix(root).unwrap_or(path).to_path_buf();
            Error::Damaged(Box::new(Damage {
                file,
                offset,
                bytes: length,
                reason: reason.to_owned(),
                lost,
            }))
        };
        if bytes < (HEAD + TRAILER) as u64 {
            return Err(damaged(0, bytes, "it is shorter than a segment can be"));
        }
        let head = file.read_at(0, HEAD)?;
        let origin = Origin::decode(&head).map_err(|error| damaged(0, HEAD as u64, error.0))?;
        let trailer_at = bytes - TRAILER as u64;
        let trailer = file.read_at(trailer_at, TRAILER)?;
        let (index_at, index_length, index_crc) = decode_trailer(&trailer)
            .map_err(|error| damaged(trailer_at, TRAILER as u64, error.0))?;
        if index_at.checked_add(index_length) != Some(trailer_at) {
            return Err(damaged(
                trailer_at,
                TRAILER as u64,
                "the trailer points to the wrong place",
            ));
        }
        let index = file.read_at(index_at, index_length as usize)?;
        if crc32fast::hash(&index) != index_crc {
            return Err(damaged(
                index_at,
                index_length,
                "the index does not match its checksum",
            ));
        }
        let index =
            decode_index(&index).map_err(|error| damaged(index_at, index_length, error.0))?;
        Ok(Segment::assemble(origin, path, root, bytes, index, file))
    }

    pub(crate) fn assemble(
        origin: Origin,
        path: &Path,
        root: &Path,
        bytes: u64,
        index: SegmentIndex,
        file: Arc<ReadFile>,
    ) -> Segment {
        let places = || index.series.iter().flat_map(|series| &series.blocks);
        let start = places().map(|place| place.first).min().unwrap_or(0);
        let stop = places()
            .map(|place| place.last.saturating_add(1))
            .max()
            .unwrap_or(0);
        Segment {
            origin,
            path: path.to_path_buf(),
            name: path.strip_prefix(root).unwrap_or(path).to_path_buf(),
            bytes,
            rows: places().map(|place| u64::from(place.rows)).sum(),
            range: TimeRange::new(start, stop),
            index,
            number: OPENED.fetch_add(1, Ordering::Relaxed),
            file,
        }
    }

    /// Lets the segment share keys with the rest of the store.
    pub(crate) fn intern(&mut self, intern: &mut dyn FnMut(&Arc<SeriesKey>) -> Arc<SeriesKey>) {
        for series in &mut self.index.series {
            series.key = intern(&series.key);
        }
    }

    /// The blocks of a series.
    pub(crate) fn blocks_of(&self, key: &SeriesKey) -> &[BlockPlace] {
        let found = self
            .index
            .series
            .binary_search_by(|series| series.key.as_ref().cmp(key));
        found.map_or(&[], |position| &self.index.series[position].blocks)
    }

    /// Reads and checks the header of a block.
    pub(crate) fn header(&self, key: &SeriesKey, place: &BlockPlace) -> Result<BlockHeader> {
        let length = block::PREFIX + place.header_length as usize;
        let bytes = self.read_at(place.offset, length)?;
        block::decode_header(&bytes)
            .map_err(|error| Error::Damaged(Box::new(self.block_damage(key, place, error.0))))
    }

    /// Reads the bytes of a chunk (not checked yet).
    pub(crate) fn chunk(&self, place: &BlockPlace, chunk: block::ChunkPlace) -> Result<Vec<u8>> {
        let body = place.offset + block::PREFIX as u64 + u64::from(place.header_length);
        self.read_at(body + chunk.offset as u64, chunk.length)
    }

    /// Reads a whole block (not checked yet).
    pub(crate) fn block(&self, place: &BlockPlace) -> Result<Vec<u8>> {
        self.read_at(place.offset, place.length())
    }

    /// All rows of a block are lost.
    pub(crate) fn block_damage(&self, key: &SeriesKey, place: &BlockPlace, reason: &str) -> Damage {
        Damage {
            file: self.name.clone(),
            offset: place.offset,
            bytes: place.length() as u64,
            reason: reason.to_owned(),
            lost: Lost {
                bucket: Some(self.origin.bucket),
                series: Some(key.to_string()),
                field: None,
                range: Some(place.range()),
                rows: Some(u64::from(place.rows)),
            },
        }
    }

    /// The values of one field of a block are lost.
    pub(crate) fn field_damage(
        &self,
        key: &SeriesKey,
        place: &BlockPlace,
        field: &block::FieldHeader,
        reason: &str,
    ) -> Damage {
        let mut damage = self.block_damage(key, place, reason);
        damage.offset += (block::PREFIX + place.header_length as usize + field.chunk.offset) as u64;
        damage.bytes = field.chunk.length as u64;
        damage.lost.field = Some(field.name.to_string());
        damage.lost.rows = Some(field.stats.count as u64);
        damage
    }
}

/// Place, length and checksum of the index.
fn decode_trailer(trailer: &[u8]) -> Result<(u64, u64, u32), Malformed> {
    let mut reader = Reader::new(trailer);
    if reader.array()? != TRAILER_MAGIC {
        return Err(Malformed("it does not end as a segment does"));
    }
    let place = (reader.u64()?, reader.u64()?, reader.u32()?);
    if reader.u32()? != crc32fast::hash(&trailer[8..TRAILER - 4]) {
        return Err(Malformed("the trailer does not match its checksum"));
    }
    Ok(place)
}

/// Where the trailer of a whole file says that the index begins.
pub(crate) fn index_place(bytes: &[u8]) -> Option<u64> {
    let trailer = bytes.get(bytes.len().checked_sub(TRAILER)?..)?;
    decode_trailer(trailer).ok().map(|(place, ..)| place)
}
