//! Blocks: up to [`MAX_BLOCK_ROWS`] rows of one series, all its fields. Each block tells by itself
//! what it is (series, fields, times, statistics) and checks by itself whether it is intact, so
//! that a file without its index still gives all of its blocks back.
//!
//! ```text
//! "WBLK" | header length u32 | body length u32 | CRC of lengths and header u32 | header | body
//! header: series, rows, first and last time, time chunk, fields (name, type, chunk, presence, statistics)
//! body:   time chunk, then each field's presence bits (unless every row has it) and value chunk
//! ```

use std::sync::Arc;

use watchpost_core::point::{FieldType, SeriesKey};

use crate::column::Column;
use crate::range::TimeRange;
use crate::read::run::Run;
use crate::segment::codec;
use crate::segment::encoding::{Malformed, Reader, put_kind, put_signed, put_text, put_varint};

/// Most rows of a block: at one row in ten seconds eleven hours. Longer ones compress little
/// better, but a narrow query has to decode a whole block.
pub(crate) const MAX_BLOCK_ROWS: usize = 4_096;

/// Begins every block.
pub(crate) const MARKER: [u8; 4] = *b"WBLK";

/// Bytes before the header.
pub(crate) const PREFIX: usize = 16;

/// A chunk within the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) crc: u32,
}

/// What the header says of a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockHeader {
    pub(crate) series: SeriesKey,
    pub(crate) rows: usize,
    /// From the first row to just after the last.
    pub(crate) range: TimeRange,
    pub(crate) time: ChunkPlace,
    /// Sorted by name.
    pub(crate) fields: Vec<FieldHeader>,
}

/// A field of a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldHeader {
    pub(crate) name: Arc<str>,
    pub(crate) kind: FieldType,
    /// Presence bits (unless `stats.count` is the block's rows), then values.
    pub(crate) chunk: ChunkPlace,
    pub(crate) stats: Stats,
}

/// What is known of a field without decoding it. Rows are positions in the block; values are the
/// eight bytes of the type. Texts have no values here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) count: usize,
    pub(crate) first_row: usize,
    pub(crate) last_row: usize,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) numbers: Option<NumberStats>,
}

/// Statistics of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberStats {
    pub(crate) min: u64,
    pub(crate) min_row: usize,
    pub(crate) max: u64,
    pub(crate) max_row: usize,
    /// `None` if it does not fit the type (integers).
    pub(crate) sum: Option<u64>,
}

/// The columns of a block before it is encoded: each field has its own times, a subset of the
/// block's.
#[derive(Debug)]
pub(crate) struct BlockColumns {
    pub(crate) times: Vec<i64>,
    /// Sorted by name; no run is empty.
    pub(crate) fields: Vec<(String, Run)>,
}

/// Encodes a block of 1 to [`MAX_BLOCK_ROWS`] rows; gives its bytes and the length of its header.
pub(crate) fn encode(series: &SeriesKey, columns: &BlockColumns) -> Vec<u8> {
    let times = &columns.times;
    let mut body = codec::encode_integers(times);
    let mut header = Vec::new();
    put_series(&mut header, series);
    put_varint(&mut header, times.len() as u64);
    let (first, last) = (
        times.first().copied().unwrap_or(0),
        times.last().copied().unwrap_or(0),
    );
    put_signed(&mut header, first);
    put_varint(&mut header, last.wrapping_sub(first) as u64);
    put_chunk(&mut header, &body);
    put_varint(&mut header, columns.fields.len() as u64);
    for (name, run) in &columns.fields {
        let rows = rows_of(times, &run.times);
        let mut chunk = Vec::new();
        if run.len() < times.len() {
            let mut present = vec![false; times.len()];
            rows.iter().for_each(|row| present[*row] = true);
            chunk = codec::pack_bits(&present);
        }
        chunk.extend_from_slice(&codec::encode(&run.values));
        put_text(&mut header, name);
        put_kind(&mut header, run.values.kind());
        put_chunk(&mut header, &chunk);
        put_stats(
            &mut header,
            run.values.kind(),
            &stats_of(&run.values, &rows),
            times.len(),
        );
        body.extend_from_slice(&chunk);
    }
    let mut out = MARKER.to_vec();
    out.extend_from_slice(&(header.len() as u32).to_le_bytes());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&out[4..12]);
    crc.update(&header);
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(&body);
    out
}

/// The lengths of header and body that a block's first [`PREFIX`] bytes claim.
pub(crate) fn lengths(prefix: &[u8]) -> Result<(usize, usize), Malformed> {
    let mut reader = Reader::new(prefix);
    if reader.array()? != MARKER {
        return Err(Malformed("no block begins there"));
    }
    Ok((reader.u32()? as usize, reader.u32()? as usize))
}

/// Checks and reads prefix and header (`bytes` may go on after them).
pub(crate) fn decode_header(bytes: &[u8]) -> Result<BlockHeader, Malformed> {
    let (header_length, body_length) = lengths(bytes)?;
    let mut reader = Reader::new(&bytes[12..]);
    let expected = reader.u32()?;
    let header = reader.bytes(header_length)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[4..12]);
    crc.update(header);
    if crc.finalize() != expected {
        return Err(Malformed("a block's header does not match its checksum"));
    }
    parse_header(Reader::new(header), body_length)
}

fn parse_header(mut reader: Reader<'_>, body_length: usize) -> Result<BlockHeader, Malformed> {
    let series = read_series(&mut reader)?;
    let rows = reader.varint()? as usize;
    if rows == 0 || rows > MAX_BLOCK_ROWS {
        return Err(Malformed("a block with an impossible number of rows"));
    }
    let first = reader.signed()?;
    let last = first.wrapping_add(reader.varint()? as i64);
    let range = TimeRange::new(first, last.saturating_add(1));
    let mut offset = 0;
    let time = read_chunk(&mut reader, &mut offset)?;
    let count = reader.count(8)?;
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let name = Arc::from(reader.text()?);
        let kind = reader.kind()?;
        let chunk = read_chunk(&mut reader, &mut offset)?;
        let stats = read_stats(&mut reader, kind, rows)?;
        fields.push(FieldHeader {
            name,
            kind,
            chunk,
            stats,
        });
    }
    if offset != body_length || !reader.is_empty() {
        return Err(Malformed("a block's header does not describe its body"));
    }
    Ok(BlockHeader {
        series,
        rows,
        range,
        time,
        fields,
    })
}

/// Checks and decodes the time chunk.
pub(crate) fn decode_times(header: &BlockHeader, chunk: &[u8]) -> Result<Vec<i64>, Malformed> {
    check(chunk, header.time, "the times do not match their checksum")?;
    codec::decode_times(header.rows, chunk)
}

/// Checks and decodes a field's chunk: values, and which of the block's rows have one (`None`:
/// all).
pub(crate) fn decode_field(
    rows: usize,
    field: &FieldHeader,
    chunk: &[u8],
) -> Result<(Option<Vec<usize>>, Column), Malformed> {
    check(chunk, field.chunk, "the values do not match their checksum")?;
    if field.stats.count == rows {
        return Ok((None, codec::decode(field.kind, rows, chunk)?));
    }
    let (bits, values) = chunk
        .split_at_checked(rows.div_ceil(8))
        .ok_or(Malformed("it ends early"))?;
    let present = codec::unpack_bits(bits, rows)?;
    let positions: Vec<usize> = (0..rows).filter(|row| present[*row]).collect();
    if positions.len() != field.stats.count {
        return Err(Malformed("another number of values than the header says"));
    }
    let values = codec::decode(field.kind, positions.len(), values)?;
    Ok((Some(positions), values))
}

fn check(chunk: &[u8], place: ChunkPlace, reason: &'static str) -> Result<(), Malformed> {
    if chunk.len() != place.length || crc32fast::hash(chunk) != place.crc {
        return Err(Malformed(reason));
    }
    Ok(())
}

/// The positions in `times` of a subset of them.
fn rows_of(times: &[i64], subset: &[i64]) -> Vec<usize> {
    if subset.len() == times.len() {
        return (0..times.len()).collect();
    }
    let mut row = 0;
    let position = |time: &i64| {
        row += times[row..].partition_point(|other| other < time);
        row
    };
    subset.iter().map(position).collect()
}

/// The statistics of values at some rows of a block.
pub(crate) fn stats_of(values: &Column, rows: &[usize]) -> Stats {
    let mut stats = Stats {
        count: rows.len(),
        first_row: rows.first().copied().unwrap_or(0),
        last_row: rows.last().copied().unwrap_or(0),
        ..Stats::default()
    };
    match values {
        Column::Float(values) => {
            let sum = values.iter().sum::<f64>();
            fill(&mut stats, values, rows, f64::to_bits, Some(sum.to_bits()));
        }
        Column::Integer(values) => {
            let sum = values
                .iter()
                .try_fold(0i64, |sum, value| sum.checked_add(*value));
            fill(
                &mut stats,
                values,
                rows,
                |value| value as u64,
                sum.map(|sum| sum as u64),
            );
        }
        Column::Unsigned(values) => {
            let sum = values
                .iter()
                .try_fold(0u64, |sum, value| sum.checked_add(*value));
            fill(&mut stats, values, rows, |value| value, sum);
        }
        Column::Boolean(values) => {
            stats.first = values.first().map_or(0, |value| u64::from(*value));
            stats.last = values.last().map_or(0, |value| u64::from(*value));
        }
        Column::String(_) => {}
    }
    stats
}

fn fill<T: Copy + PartialOrd>(
    stats: &mut Stats,
    values: &[T],
    rows: &[usize],
    bits: fn(T) -> u64,
    sum: Option<u64>,
) {
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return;
    };
    let (mut min, mut max) = (0, 0);
    for (position, value) in values.iter().enumerate() {
        if *value < values[min] {
            min = position;
        }
        if *value > values[max] {
            max = position;
        }
    }
    (stats.first, stats.last) = (bits(*first), bits(*last));
    let (min_row, max_row) = (rows[min], rows[max]);
    stats.numbers = Some(NumberStats {
        min: bits(values[min]),
        min_row,
        max: bits(values[max]),
        max_row,
        sum,
    });
}

fn put_chunk(header: &mut Vec<u8>, chunk: &[u8]) {
    put_varint(header, chunk.len() as u64);
    header.extend_from_slice(&crc32fast::hash(chunk).to_le_bytes());
}

fn read_chunk(reader: &mut Reader<'_>, offset: &mut usize) -> Result<ChunkPlace, Malformed> {
    let length = usize::try_from(reader.varint()?).map_err(|_| Malformed("a chunk is too long"))?;
    let place = ChunkPlace {
        offset: *offset,
        length,
        crc: reader.u32()?,
    };
    *offset = offset
        .checked_add(length)
        .ok_or(Malformed("a chunk is too long"))?;
    Ok(place)
}

fn put_stats(out: &mut Vec<u8>, kind: FieldType, stats: &Stats, rows: usize) {
    put_varint(out, (rows - stats.count) as u64);
    if stats.count < rows {
        put_varint(out, stats.first_row as u64);
        put_varint(out, (rows - 1 - stats.last_row) as u64);
    }
    if kind == FieldType::String {
        return;
    }
    put_scalar(out, kind, stats.first);
    put_scalar(out, kind, stats.last);
    if let Some(numbers) = &stats.numbers {
        put_scalar(out, kind, numbers.min);
        put_varint(out, numbers.min_row as u64);
        put_scalar(out, kind, numbers.max);
        put_varint(out, numbers.max_row as u64);
        out.push(u8::from(numbers.sum.is_some()));
        if let Some(sum) = numbers.sum {
            put_scalar(out, kind, sum);
        }
    }
}

fn read_stats(reader: &mut Reader<'_>, kind: FieldType, rows: usize) -> Result<Stats, Malformed> {
    let row = |number: u64| match usize::try_from(number) {
        Ok(row) if row < rows => Ok(row),
        _ => Err(Malformed("a row outside of its block")),
    };
    let missing = row(reader.varint()?)?;
    let (mut first_row, mut last_row) = (0, rows - 1);
    if missing > 0 {
        first_row = row(reader.varint()?)?;
        last_row = rows - 1 - row(reader.varint()?)?;
    }
    let mut stats = Stats {
        count: rows - missing,
        first_row,
        last_row,
        ..Stats::default()
    };
    if kind == FieldType::String {
        return Ok(stats);
    }
    stats.first = read_scalar(reader, kind)?;
    stats.last = read_scalar(reader, kind)?;
    if kind != FieldType::Boolean {
        let min = read_scalar(reader, kind)?;
        let min_row = row(reader.varint()?)?;
        let max = read_scalar(reader, kind)?;
        let max_row = row(reader.varint()?)?;
        let sum = if reader.byte()? == 1 {
            Some(read_scalar(reader, kind)?)
        } else {
            None
        };
        stats.numbers = Some(NumberStats {
            min,
            min_row,
            max,
            max_row,
            sum,
        });
    }
    Ok(stats)
}

/// The places byte of a float that is no short decimal.
const NO_DECIMAL: u8 = 0xff;

/// Most decimal places tried for one float of the statistics.
const SCALAR_DECIMALS: u8 = 4;

fn put_scalar(out: &mut Vec<u8>, kind: FieldType, bits: u64) {
    match kind {
        FieldType::Integer => put_signed(out, bits as i64),
        FieldType::Float => {
            let value = f64::from_bits(bits);
            let short = (0..=SCALAR_DECIMALS)
                .find_map(|places| Some((places, codec::decimal(value, places)?)));
            match short {
                Some((places, integer)) => {
                    out.push(places);
                    put_signed(out, integer);
                }
                None => {
                    out.push(NO_DECIMAL);
                    out.extend_from_slice(&bits.to_le_bytes());
                }
            }
        }
        FieldType::Unsigned | FieldType::Boolean | FieldType::String => put_varint(out, bits),
    }
}

fn read_scalar(reader: &mut Reader<'_>, kind: FieldType) -> Result<u64, Malformed> {
    match kind {
        FieldType::Integer => Ok(reader.signed()? as u64),
        FieldType::Float => match reader.byte()? {
            NO_DECIMAL => reader.u64(),
            places if places <= SCALAR_DECIMALS => {
                Ok((reader.signed()? as f64 / 10f64.powi(i32::from(places))).to_bits())
            }
            _ => Err(Malformed("too many decimal places")),
        },
        FieldType::Unsigned | FieldType::Boolean | FieldType::String => reader.varint(),
    }
}

/// Appends a series key.
pub(crate) fn put_series(out: &mut Vec<u8>, series: &SeriesKey) {
    put_text(out, series.measurement());
    put_varint(out, series.tags().len() as u64);
    for (key, value) in series.tags() {
        put_text(out, key);
        put_text(out, value);
    }
}

/// Reads a series key.
pub(crate) fn read_series(reader: &mut Reader<'_>) -> Result<SeriesKey, Malformed> {
    let measurement = reader.text()?;
    let count = reader.count(2)?;
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        tags.push((reader.text()?, reader.text()?));
    }
    Ok(SeriesKey::new(measurement, tags))
}
