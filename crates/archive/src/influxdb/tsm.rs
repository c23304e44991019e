//! A TSM file: blocks, then an index of them by series and field.
//!
//! ```text
//! 16 D1 16 D1 | version 1                                           head
//! CRC-32 u32 | block                                                for each block
//! key length u16 | key | type u8 | count u16 | (min, max i64 | offset u64 | size u32) × count     the index
//! offset of the index u64                                           the end
//! ```
//!
//! All numbers are big endian. A key is a series as line protocol writes it, and a field: `cpu,host=a#!~#usage`.

use watchpost_core::point::FieldValue;

use super::codec::{self, Malformed};

const MAGIC: [u8; 5] = [0x16, 0xd1, 0x16, 0xd1, 1];

/// Between the series and the field in a key.
const FIELD: &[u8] = b"#!~#";

/// A TSM file in memory.
pub struct Tsm<'b> {
    bytes: &'b [u8],
    index: &'b [u8],
}

/// A field of a series, and the blocks that hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The measurement.
    pub measurement: String,
    /// The tags.
    pub tags: Vec<(String, String)>,
    /// The field.
    pub field: String,
    /// Where its blocks are.
    places: Vec<(usize, usize)>,
}

impl<'b> Tsm<'b> {
    /// Opens a file.
    ///
    /// # Errors
    /// It is none, or its end is missing: then its index is, too.
    pub fn open(bytes: &'b [u8]) -> Result<Self, Malformed> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Malformed(
                "it does not begin as a TSM file of version 1 does",
            ));
        }
        let cut = Malformed("its index is cut off");
        let (rest, end) = bytes.split_last_chunk::<8>().ok_or(cut)?;
        let at = usize::try_from(u64::from_be_bytes(*end)).map_err(|_| cut)?;
        let index = rest.get(at..).filter(|_| at >= MAGIC.len()).ok_or(cut)?;
        Ok(Self { bytes, index })
    }

    /// The fields of the series, in the order of the file; the first entry that cannot be read ends them.
    pub fn columns(&self) -> impl Iterator<Item = Result<Column, Malformed>> + 'b {
        let mut rest = self.index;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match entry(rest) {
                Ok((column, after)) => {
                    rest = after;
                    Some(column)
                }
                Err(error) => {
                    rest = &[];
                    Some(Err(error))
                }
            }
        })
    }

    /// The values of a column, a block after the other; those of a damaged block are missing.
    pub fn values(
        &self,
        column: &Column,
    ) -> impl Iterator<Item = Result<Vec<(i64, FieldValue)>, Malformed>> {
        column.places.iter().map(|(offset, size)| {
            let early = Malformed("a block lies beyond the file");
            let end = offset.checked_add(*size).ok_or(early)?;
            let block = self.bytes.get(*offset..end).ok_or(early)?;
            let (crc, block) = block.split_first_chunk::<4>().ok_or(early)?;
            match crc32fast::hash(block) == u32::from_be_bytes(*crc) {
                true => codec::decode(block),
                false => Err(Malformed("a block does not match its checksum")),
            }
        })
    }
}

/// An entry of the index and what follows. A key that is none costs itself.
type Entry<'b> = (Result<Column, Malformed>, &'b [u8]);

fn entry(index: &[u8]) -> Result<Entry<'_>, Malformed> {
    let cut = Malformed("an entry of the index is cut off");
    let (length, rest) = index.split_first_chunk::<2>().ok_or(cut)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (key, rest) = rest.split_at_checked(length).ok_or(cut)?;
    // The type stands in each block, too.
    let (_, rest) = rest.split_first().ok_or(cut)?;
    let (count, rest) = rest.split_first_chunk::<2>().ok_or(cut)?;
    let length = usize::from(u16::from_be_bytes(*count)) * 28;
    let (places, rest) = rest.split_at_checked(length).ok_or(cut)?;
    let places = places.as_chunks::<28>().0.iter().map(|place| {
        let number = |from: usize, to: usize| {
            place[from..to]
                .iter()
                .fold(0usize, |value, byte| value << 8 | usize::from(*byte))
        };
        (number(16, 24), number(24, 28))
    });
    Ok((column(key, places.collect()), rest))
}

fn column(key: &[u8], places: Vec<(usize, usize)>) -> Result<Column, Malformed> {
    let bad = Malformed("a key of the index is no series and field");
    let at = key
        .windows(FIELD.len())
        .position(|it| it == FIELD)
        .ok_or(bad)?;
    let (series, field) = (&key[..at], &key[at + FIELD.len()..]);
    let mut parts = split(series);
    let measurement = text(&unescaped(parts.next().ok_or(bad)?));
    let mut tags = Vec::new();
    for part in parts {
        let equals = position(part, b'=').ok_or(bad)?;
        let (name, value) = (&part[..equals], &part[equals + 1..]);
        tags.push((text(&unescaped(name)), text(&unescaped(value))));
    }
    Ok(Column {
        measurement,
        tags,
        field: text(field),
        places,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The parts between commas that no backslash stands before.
fn split(series: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(series);
    std::iter::from_fn(move || {
        let bytes = rest?;
        match position(bytes, b',') {
            Some(at) => {
                rest = Some(&bytes[at + 1..]);
                Some(&bytes[..at])
            }
            None => rest.take(),
        }
    })
}

/// The place of a byte that no backslash stands before.
fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut is_escaped = false;
    bytes.iter().position(|byte| {
        let found = *byte == wanted && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        found
    })
}

/// Without the backslashes before commas, spaces and equals signs.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        match (byte, after.first()) {
            (b'\\', Some(next @ (b',' | b' ' | b'='))) => {
                out.push(*next);
                rest = &after[1..];
            }
            _ => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    out
}
