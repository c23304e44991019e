//! Reading records back from a segment of the queue, as many as there is room for.

use std::path::Path;

use super::disk_queue::{RecordId, Segment};
use super::segment::{Next, Reader};
use crate::batch::Batch;

/// Records read from the queue, as one batch.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) records: Vec<RecordId>,
    pub(super) batch: Batch,
}

/// How much is read at one time.
pub(super) struct Room {
    pub(super) lines: u32,
    pub(super) bytes: usize,
}

impl Room {
    pub(super) fn is_used_up(&self, batch: &Batch) -> bool {
        batch.lines() >= self.lines || batch.bytes() >= self.bytes
    }
}

/// Reads the wanted records of a segment into `taken` until `room` is used up; gives those that are
/// damaged, which may be all that are left.
pub(super) fn read_segment(
    path: &Path,
    segment: &Segment,
    wanted: &dyn Fn(u32) -> bool,
    room: &Room,
    taken: &mut Taken,
) -> Vec<RecordId> {
    let id = |index: u32| RecordId {
        segment: segment.number,
        index,
    };
    let count = segment.lines.len() as u32;
    let rest_from = |first: u32| {
        (first..count)
            .filter(|index| wanted(*index))
            .map(id)
            .collect::<Vec<_>>()
    };
    let Ok(Some(mut reader)) = Reader::open(path) else {
        return rest_from(0);
    };
    let mut damaged = Vec::new();
    for index in 0..count {
        if room.is_used_up(&taken.batch) {
            break;
        }
        if !wanted(index) {
            match reader.skip() {
                Ok(Some(_)) => continue,
                _ => {
                    damaged.extend(rest_from(index));
                    break;
                }
            }
        }
        match reader.next() {
            Ok(Next::Record(batch)) => {
                taken.batch.append(&batch);
                taken.records.push(id(index));
            }
            Ok(Next::Damaged) => damaged.push(id(index)),
            Ok(Next::End) | Err(_) => {
                damaged.extend(rest_from(index));
                break;
            }
        }
    }
    damaged
}
