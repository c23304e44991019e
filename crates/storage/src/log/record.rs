//! The records of the log: what was written, deleted or dropped, in full names, so that the log
//! needs nothing else to be replayed.

use watchpost_core::point::FieldType;

use crate::batch::{Batch, Layout, Row};
use crate::range::TimeRange;
use crate::segment::block::{put_series, read_series};
use crate::segment::encoding::{Malformed, Reader, put_kind, put_signed, put_text, put_varint};

/// What happened to a bucket.
#[derive(Debug)]
pub(crate) enum Event {
    Write(Box<Batch>),
    Delete(Deletion),
    DropBucket,
}

/// Rows to delete: those of a range whose series satisfy all conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) range: TimeRange,
    pub(crate) conditions: Vec<Condition>,
}

/// What a series must be for a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// A tag, or `None` for the measurement.
    pub(crate) tag: Option<String>,
    /// Whether the text has to be equal, or else different.
    pub(crate) equal: bool,
    /// The text of a tag that a series lacks is empty.
    pub(crate) text: String,
}

/// The kind of a record. The numbers are the format: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    Write = 1,
    Delete = 2,
    DropBucket = 3,
}

/// An encoded event with what its header tells in case that the payload is damaged.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) kind: RecordKind,
    pub(crate) bucket: u64,
    pub(crate) rows: u32,
    pub(crate) range: TimeRange,
    pub(crate) payload: Vec<u8>,
    pub(crate) payload_crc: u32,
}

impl Record {
    fn new(kind: RecordKind, bucket: u64, rows: u32, range: TimeRange, payload: Vec<u8>) -> Record {
        let payload_crc = crc32fast::hash(&payload);
        Record {
            kind,
            bucket,
            rows,
            range,
            payload,
            payload_crc,
        }
    }

    pub(crate) fn write(bucket: u64, batch: &Batch) -> Record {
        let times = || batch.rows.iter().map(|row| row.time);
        let range = TimeRange::new(
            times().min().unwrap_or(0),
            times().max().map_or(0, |time| time.saturating_add(1)),
        );
        Record::new(
            RecordKind::Write,
            bucket,
            batch.rows.len() as u32,
            range,
            encode_batch(batch),
        )
    }

    pub(crate) fn delete(bucket: u64, deletion: &Deletion) -> Record {
        let mut payload = Vec::new();
        put_varint(&mut payload, deletion.conditions.len() as u64);
        for Condition { tag, equal, text } in &deletion.conditions {
            payload.push(u8::from(tag.is_some()) | u8::from(*equal) << 1);
            put_text(&mut payload, tag.as_deref().unwrap_or_default());
            put_text(&mut payload, text);
        }
        Record::new(RecordKind::Delete, bucket, 0, deletion.range, payload)
    }

    pub(crate) fn drop_bucket(bucket: u64) -> Record {
        Record::new(
            RecordKind::DropBucket,
            bucket,
            0,
            TimeRange::ALL,
            Vec::new(),
        )
    }
}

/// Reads a payload.
pub(crate) fn decode(
    kind: RecordKind,
    range: TimeRange,
    payload: &[u8],
) -> Result<Event, Malformed> {
    let mut reader = Reader::new(payload);
    match kind {
        RecordKind::Write => decode_batch(payload).map(|batch| Event::Write(Box::new(batch))),
        RecordKind::DropBucket => Ok(Event::DropBucket),
        RecordKind::Delete => {
            let count = reader.count(3)?;
            let mut conditions = Vec::with_capacity(count);
            for _ in 0..count {
                let flags = reader.byte()?;
                let tag = reader.text()?.to_owned();
                let text = reader.text()?.to_owned();
                let tag = (flags & 1 == 1).then_some(tag);
                conditions.push(Condition {
                    tag,
                    equal: flags & 2 == 2,
                    text,
                });
            }
            Ok(Event::Delete(Deletion { range, conditions }))
        }
    }
}

fn encode_batch(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::with_capacity(batch.bytes() + batch.series.len() * 64 + 1024);
    put_varint(&mut out, batch.series.len() as u64);
    for series in &batch.series {
        put_series(&mut out, series);
    }
    put_varint(&mut out, batch.layouts.len() as u64);
    for layout in &batch.layouts {
        put_text(&mut out, &layout.measurement);
        put_varint(&mut out, layout.fields.len() as u64);
        for (name, kind) in &layout.fields {
            put_text(&mut out, name);
            put_kind(&mut out, *kind);
        }
    }
    put_varint(&mut out, batch.rows.len() as u64);
    let mut before = 0i64;
    for row in &batch.rows {
        put_varint(&mut out, u64::from(row.series));
        put_varint(&mut out, u64::from(row.layout));
        put_signed(&mut out, row.time.wrapping_sub(before));
        before = row.time;
    }
    for value in &batch.values {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&batch.strings);
    out
}

fn decode_batch(payload: &[u8]) -> Result<Batch, Malformed> {
    let mut reader = Reader::new(payload);
    let mut batch = Batch::default();
    for _ in 0..reader.count(2)? {
        batch.series.push(read_series(&mut reader)?);
    }
    for _ in 0..reader.count(2)? {
        let measurement = reader.text()?.to_owned();
        let count = reader.count(2)?;
        let mut fields = Vec::with_capacity(count);
        for _ in 0..count {
            fields.push((reader.text()?.to_owned(), reader.kind()?));
        }
        batch.layouts.push(Layout {
            measurement,
            fields,
        });
    }
    let mut width = 0usize;
    let mut time = 0i64;
    for _ in 0..reader.count(3)? {
        let series = reader.varint()? as u32;
        let layout = reader.varint()? as u32;
        time = time.wrapping_add(reader.signed()?);
        let (Some(_), Some(fields)) = (
            batch.series.get(series as usize),
            batch.layouts.get(layout as usize),
        ) else {
            return Err(Malformed("a row of an unknown series"));
        };
        batch.rows.push(Row {
            time,
            series,
            layout,
            offset: width as u32,
            line: 0,
        });
        width += fields.fields.len();
    }
    let values = reader.bytes(width.checked_mul(8).ok_or(Malformed("it ends early"))?)?;
    batch.values = values
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
        .collect();
    batch.strings = reader.bytes(reader.remaining())?.to_vec();
    check_texts(&batch)?;
    Ok(batch)
}

/// Every text value must point at text.
fn check_texts(batch: &Batch) -> Result<(), Malformed> {
    for row in &batch.rows {
        let fields = &batch.layouts[row.layout as usize].fields;
        for (position, _) in fields
            .iter()
            .enumerate()
            .filter(|(_, (_, kind))| *kind == FieldType::String)
        {
            let packed = batch.values[row.offset as usize + position];
            let (offset, length) = ((packed >> 32) as usize, packed as u32 as usize);
            let text = batch.strings.get(offset..offset + length);
            if text.is_none_or(|text| std::str::from_utf8(text).is_err()) {
                return Err(Malformed("a text outside of its batch"));
            }
        }
    }
    Ok(())
}
