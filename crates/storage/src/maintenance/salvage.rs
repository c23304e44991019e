//! Getting back what can be got back: segments without a usable index, and segments with damaged
//! blocks. Originals are kept in `damaged/`.

use std::path::Path;
use std::sync::Arc;

use crate::damage::{Damage, Lost};
use crate::disk::{self, Disk};
use crate::error::Result;
use crate::layout::Layout;
use crate::maintenance::merge::{copy_series, reader_of};
use crate::segment::block;
use crate::segment::writer::SegmentWriter;
use crate::segment::{self, HEAD, Origin, Segment, TRAILER};
use crate::store::Storage;
use crate::sync::{lock, read, write};

impl Storage {
    /// Rewrites the segments that [`Storage::verify`] finds damaged without their damaged parts,
    /// and keeps the originals in `DIR/damaged`. Gives what was lost.
    pub fn repair(&self) -> Result<Vec<Damage>> {
        let damages = self.verify()?.damages;
        let _one_at_a_time = lock(&self.maintenance);
        let mut lost = Vec::new();
        for bucket in self.all_buckets() {
            let segments = read(&bucket.state).segments.clone();
            for segment in segments {
                if !damages.iter().any(|damage| damage.file == segment.name) {
                    continue;
                }
                self.layout().keep_original(self.disk(), &segment.path)?;
                segment.keep_for_readers();
                let mut writer =
                    SegmentWriter::create(self.disk(), &self.layout().root, segment.origin)?;
                for series in &segment.index.series {
                    let mut reader =
                        reader_of(std::slice::from_ref(&segment), &series.key).tolerant();
                    copy_series(&mut reader, &mut writer, self.options.memory_bytes)?;
                    lost.extend(reader.take_losses());
                }
                let new = if writer.is_empty() {
                    self.disk().remove_durably(&segment.path)?;
                    None
                } else {
                    Some(writer.finish(&self.layout().root)?)
                };
                self.replace_segments(&bucket, &[segment], new)?;
                write(&bucket.state).prune_index();
            }
        }
        lost.iter().for_each(|damage| self.report(damage.clone()));
        Ok(lost)
    }
}

/// Writes a segment anew whose head, index or trailer is damaged, from the blocks that are found
/// in it. Gives the new segment (`None` if no block was found) and what is lost.
pub(crate) fn rebuild(
    layout: &Layout,
    disk: &Disk,
    path: &Path,
    mut damage: Damage,
) -> Result<(Option<Segment>, Vec<Damage>)> {
    let bytes = disk::read_if_present(path)?.unwrap_or_default();
    let name = path.strip_prefix(&layout.root).unwrap_or(path);
    let head = bytes.get(..HEAD).and_then(|head| Origin::decode(head).ok());
    layout.keep_original(disk, path)?;
    let Some(origin) = head.or_else(|| Origin::from_name(name)) else {
        disk.remove(path)?;
        return Ok((None, vec![damage]));
    };
    let found = find_blocks(&bytes, name, origin);
    let mut writer = SegmentWriter::create(disk, &layout.root, origin)?;
    for (offset, length) in &found.blocks {
        let block = &bytes[*offset..*offset + *length];
        if let Ok(header) = block::decode_header(block) {
            let refused = writer.append(&Arc::new(header.series), block);
            debug_assert!(refused.is_ok(), "the header was decoded just now");
        }
        writer.flush_if_due()?;
    }
    damage.lost.bucket = Some(origin.bucket);
    if found.complete {
        damage.lost.rows = Some(0);
    } else {
        damage.lost.range = Some(origin.shard);
    }
    let mut damages = vec![damage];
    damages.extend(found.gaps);
    if writer.is_empty() {
        disk.remove(path)?;
        return Ok((None, damages));
    }
    let segment = writer.finish(&layout.root)?;
    if segment.path != *path {
        disk.remove(path)?;
    }
    Ok((Some(segment), damages))
}

/// The blocks of a file's bytes.
struct Found {
    /// Offset and length.
    blocks: Vec<(usize, usize)>,
    gaps: Vec<Damage>,
    /// Whether they follow each other without a gap from the head to the index.
    complete: bool,
}

fn find_blocks(bytes: &[u8], name: &Path, origin: Origin) -> Found {
    let mut found = Found {
        blocks: Vec::new(),
        gaps: Vec::new(),
        complete: false,
    };
    let index = bytes.len().saturating_sub(TRAILER);
    let mut offset = HEAD;
    while offset < index {
        if let Some(length) = block_at(bytes, offset) {
            found.blocks.push((offset, length));
            offset += length;
            continue;
        }
        let next = (offset + 1..index)
            .find(|at| bytes[*at..].starts_with(&block::MARKER) && block_at(bytes, *at).is_some());
        let Some(next) = next else {
            // What follows the last block should be the index. If the index is what is damaged,
            // its place in the trailer tells that it begins right here.
            found.complete = found.gaps.is_empty()
                && (segment::index_place(bytes) == Some(offset as u64)
                    || segment::decode_index(&bytes[offset..index]).is_ok());
            if !found.complete {
                found.gaps.extend(cut_block(bytes, offset, name, origin));
            }
            break;
        };
        found.gaps.push(Damage {
            file: name.to_path_buf(),
            offset: offset as u64,
            bytes: (next - offset) as u64,
            reason: "no intact block is there".to_owned(),
            lost: Lost {
                bucket: Some(origin.bucket),
                range: Some(origin.shard),
                ..Lost::default()
            },
        });
        offset = next;
    }
    found
}

/// The damage of a block whose end is cut off, if its header is there and tells what was in it.
fn cut_block(bytes: &[u8], offset: usize, name: &Path, origin: Origin) -> Option<Damage> {
    let header = block::decode_header(&bytes[offset..]).ok()?;
    Some(Damage {
        file: name.to_path_buf(),
        offset: offset as u64,
        bytes: (bytes.len() - offset) as u64,
        reason: "the end of a block is cut off".to_owned(),
        lost: Lost {
            bucket: Some(origin.bucket),
            series: Some(header.series.to_string()),
            field: None,
            range: Some(header.range),
            rows: Some(header.rows as u64),
        },
    })
}

/// The length of the block that begins at an offset, if its header is intact.
fn block_at(bytes: &[u8], offset: usize) -> Option<usize> {
    let rest = &bytes[offset..];
    let (header, body) = block::lengths(rest.get(..block::PREFIX)?).ok()?;
    let length = block::PREFIX.checked_add(header)?.checked_add(body)?;
    rest.get(..length)?;
    block::decode_header(rest).ok().map(|_| length)
}
