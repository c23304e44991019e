//! Backups of InfluxDB 2, read: what `influx backup` wrote becomes line protocol for any server of its API.

pub mod codec;
pub mod folder;
mod snappy;
pub mod tsm;

use std::path::Path;

use watchpost_core::line_protocol::append_point;
use watchpost_core::point::Point;

use self::folder::{Bucket, files};
use self::tsm::{Column, Tsm};
use crate::error::Result;

/// What was read of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// Values.
    pub values: u64,
    /// What could not be read, and why.
    pub damaged: Vec<String>,
}

/// Hands over the lines of a bucket's shards, those of one block of one field at a time.
///
/// # Errors
/// Of `take` alone: what is damaged is in the answer, and the rest was handed over.
pub fn read(
    folder: &Path,
    bucket: &Bucket,
    take: &mut dyn FnMut(Vec<u8>, u64) -> Result<()>,
) -> Result<Read> {
    let mut read = Read::default();
    for shard in bucket.shards() {
        let mut refusal = None;
        let done = files(folder, shard, &mut |name, bytes| {
            let place = format!("shard {}, {name}", shard.id);
            match bytes {
                Some(_) if refusal.is_some() => {}
                Some(bytes) => refusal = read_file(&place, &bytes, &mut read, take).err(),
                // What was deleted since the file was written: the points of it come back.
                None if name.ends_with(".tombstone") => {
                    read.damaged.push(format!(
                        "{place}: deletes are not read, so these points come back"
                    ));
                }
                None => {}
            }
        });
        if let Err(error) = done {
            read.damaged.push(format!("shard {}: {error}", shard.id));
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
    }
    Ok(read)
}

fn read_file(
    place: &str,
    bytes: &[u8],
    read: &mut Read,
    take: &mut dyn FnMut(Vec<u8>, u64) -> Result<()>,
) -> Result<()> {
    let tsm = match Tsm::open(bytes) {
        Ok(tsm) => tsm,
        Err(error) => {
            read.damaged.push(format!("{place}: {error}"));
            return Ok(());
        }
    };
    for column in tsm.columns() {
        let column = match column {
            Ok(column) => column,
            Err(error) => {
                read.damaged.push(format!("{place}: {error}"));
                continue;
            }
        };
        for block in tsm.values(&column) {
            match block {
                Ok(values) => {
                    let count = values.len() as u64;
                    read.values += count;
                    take(lines(&column, values), count)?;
                }
                Err(error) => {
                    let Column {
                        measurement,
                        field,
                        tags,
                        ..
                    } = &column;
                    read.damaged
                        .push(format!("{place}: {error} ({measurement} {tags:?} {field})"));
                }
            }
        }
    }
    Ok(())
}

fn lines(column: &Column, values: Vec<(i64, watchpost_core::point::FieldValue)>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (time, value) in values {
        let mut point = Point::new(&column.measurement, time);
        for (name, text) in &column.tags {
            point = point.tag(name, text);
        }
        // What is refused here (NaN) InfluxDB could not have been written, either.
        let _ = append_point(&mut lines, &point.field(&column.field, value));
    }
    lines
}
