//! Writing a segment: blocks are appended to a draft, which gets its name once it is whole and durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchpost_core::point::SeriesKey;

use crate::disk::{self, Disk, DiskFile};
use crate::error::Result;
use crate::segment::block;
use crate::segment::encoding::Malformed;
use crate::segment::{
    BlockPlace, Origin, Segment, SegmentIndex, SegmentSeries, TRAILER, TRAILER_MAGIC, encode_index,
};

/// Blocks are handed to the disk in portions of about this many bytes.
const WRITE_BYTES: usize = 256 * 1024;

/// A segment being written. Until [`SegmentWriter::finish`] it is a draft that nobody reads.
pub(crate) struct SegmentWriter<'a> {
    disk: &'a Disk,
    path: PathBuf,
    origin: Origin,
    file: DiskFile,
    pending: Vec<u8>,
    offset: u64,
    index: SegmentIndex,
    finished: bool,
}

impl<'a> SegmentWriter<'a> {
    pub(crate) fn create(disk: &'a Disk, root: &Path, origin: Origin) -> Result<SegmentWriter<'a>> {
        let path = root.join(origin.name());
        if let Some(folder) = path.parent() {
            disk.create_folder(folder)?;
        }
        let file = disk.create(&disk::draft_of(&path))?;
        let pending = origin.encode();
        Ok(SegmentWriter {
            disk,
            path,
            origin,
            file,
            offset: pending.len() as u64,
            pending,
            index: SegmentIndex::default(),
            finished: false,
        })
    }

    /// Appends an encoded block; series come in order, the blocks of a series in time order.
    pub(crate) fn append(&mut self, key: &Arc<SeriesKey>, block: &[u8]) -> Result<(), Malformed> {
        let header = block::decode_header(block)?;
        let (header_length, body_length) = block::lengths(block)?;
        let fields = self
            .index
            .schema
            .entry(key.measurement().to_owned())
            .or_default();
        for field in &header.fields {
            if !fields.contains_key(field.name.as_ref()) {
                fields.insert(field.name.to_string(), field.kind);
            }
        }
        let place = BlockPlace {
            offset: self.offset,
            header_length: header_length as u32,
            body_length: body_length as u32,
            rows: header.rows as u32,
            first: header.range.start,
            last: header.range.stop - 1,
        };
        match self.index.series.last_mut() {
            Some(series) if series.key == *key => series.blocks.push(place),
            _ => self.index.series.push(SegmentSeries {
                key: key.clone(),
                blocks: vec![place],
            }),
        }
        self.pending.extend_from_slice(block);
        self.offset += block.len() as u64;
        Ok(())
    }

    /// Hands what is due to the disk.
    pub(crate) fn flush_if_due(&mut self) -> Result<()> {
        if self.pending.len() >= WRITE_BYTES {
            self.file.append(&self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }

    /// The file's name below the data folder.
    pub(crate) fn name(&self) -> PathBuf {
        self.origin.name()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.series.is_empty()
    }

    /// Completes the file, makes it durable and gives it its name (in place of an older one).
    pub(crate) fn finish(mut self, root: &Path) -> Result<Segment> {
        let index = encode_index(&self.index);
        let mut trailer = self.offset.to_le_bytes().to_vec();
        trailer.extend_from_slice(&(index.len() as u64).to_le_bytes());
        trailer.extend_from_slice(&crc32fast::hash(&index).to_le_bytes());
        let crc = crc32fast::hash(&trailer);
        self.pending.extend_from_slice(&index);
        self.pending.extend_from_slice(&TRAILER_MAGIC);
        self.pending.extend_from_slice(&trailer);
        self.pending.extend_from_slice(&crc.to_le_bytes());
        self.file.append(&self.pending)?;
        self.file.sync()?;
        self.disk.rename(&disk::draft_of(&self.path), &self.path)?;
        self.finished = true;
        if let Some(folder) = self.path.parent() {
            self.disk.sync_folder(folder)?;
        }
        let file = self.disk.open(&self.path)?;
        let bytes = self.offset + (index.len() + TRAILER) as u64;
        Ok(Segment::assemble(
            self.origin,
            &self.path,
            root,
            bytes,
            std::mem::take(&mut self.index),
            file,
        ))
    }
}

/// A segment that is not finished (nothing to hold, a full disk) leaves no draft behind.
impl Drop for SegmentWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // If even this fails, the next opening sweeps the draft away.
            let _ = self.disk.remove(&disk::draft_of(&self.path));
        }
    }
}
