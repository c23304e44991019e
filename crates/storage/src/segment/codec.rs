//! Chunks: the values of one field (or the times) of a block, in the fewest bytes.
//!
//! A chunk is an encoding byte and its payload. The number of rows, the type and the checksum are
//! kept by the block around it. Decoding trusts nothing: any bytes give values or [`Malformed`].

use std::sync::Arc;

use pco::data_types::Number;
use watchpost_core::point::FieldType;

use crate::column::Column;
pub use crate::segment::encoding::Malformed;
use crate::segment::encoding::{Reader, put_signed, put_text, put_varint};
use crate::segment::numbers::{self, AsFloat};

/// Most decimal places that floats are tried with: `12.25` is then the integer 1225. Sensors and
/// percentages rarely have more; computed values have all 17 digits and go another way.
const MAX_DECIMALS: u8 = 6;

/// Largest magnitude at which a float still holds every integer.
const EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// Fewer rows than this are not worth pco's header.
const LEAST_PCO_ROWS: usize = 8;

/// Texts of a chunk with at most this share of distinct ones get a dictionary (1/2).
const DICTIONARY_SHARE: usize = 2;

/// How the payload is encoded. The numbers are the format: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Encoding {
    /// One value, all rows.
    Constant = 0,
    /// Eight bytes a row.
    Plain = 1,
    /// pco of the type itself.
    Pco = 2,
    /// Floats: places, then pco of the floats times ten to the places, as integers.
    Decimal = 3,
    /// First value and step: regular times, counters that count evenly.
    Steps = 4,
    /// A bit a row, low first.
    Bits = 5,
    /// Distinct texts (lz4), then pco of their numbers.
    Dictionary = 6,
    /// Lengths and texts one after the other (lz4).
    Texts = 7,
}

impl Encoding {
    fn from_byte(byte: u8) -> Result<Encoding, Malformed> {
        use Encoding::*;
        [
            Constant, Plain, Pco, Decimal, Steps, Bits, Dictionary, Texts,
        ]
        .into_iter()
        .find(|encoding| *encoding as u8 == byte)
        .ok_or(Malformed("an unknown encoding"))
    }
}

/// Encodes a column of at least one row.
pub fn encode(column: &Column) -> Vec<u8> {
    match column {
        Column::Float(values) => encode_floats(values),
        Column::Integer(values) => encode_integers(values),
        Column::Unsigned(values) => encode_unsigned(values),
        Column::Boolean(values) => encode_booleans(values),
        Column::String(values) => encode_texts(values),
    }
}

/// Decodes `rows` values of a type.
pub fn decode(kind: FieldType, rows: usize, bytes: &[u8]) -> Result<Column, Malformed> {
    let mut reader = Reader::new(bytes);
    let encoding = Encoding::from_byte(reader.byte()?)?;
    match kind {
        FieldType::Float => decode_floats(encoding, rows, reader).map(Column::Float),
        FieldType::Integer => decode_integers(encoding, rows, reader).map(Column::Integer),
        FieldType::Unsigned => {
            let plain = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
            match encoding {
                Encoding::Constant => Ok(Column::Unsigned(vec![reader.u64()?; rows])),
                Encoding::Plain => decode_plain(reader, rows, plain).map(Column::Unsigned),
                Encoding::Pco => numbers::decode(reader, rows).map(Column::Unsigned),
                _ => Err(WRONG_TYPE),
            }
        }
        FieldType::Boolean => decode_booleans(encoding, rows, reader).map(Column::Boolean),
        FieldType::String => decode_texts(encoding, rows, reader).map(Column::String),
    }
}

/// Encodes times (or any integers).
pub(crate) fn encode_integers(values: &[i64]) -> Vec<u8> {
    if let Some((first, step)) = steps_of(values) {
        let mut out = vec![if step == 0 {
            Encoding::Constant
        } else {
            Encoding::Steps
        } as u8];
        put_signed(&mut out, first);
        if step != 0 {
            put_signed(&mut out, step);
        }
        return out;
    }
    pco_or_plain(values, i64::to_le_bytes)
}

/// Decodes times (or any integers).
pub(crate) fn decode_times(rows: usize, bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
    let mut reader = Reader::new(bytes);
    let encoding = Encoding::from_byte(reader.byte()?)?;
    decode_integers(encoding, rows, reader)
}

const WRONG_TYPE: Malformed = Malformed("an encoding of another type");

fn decode_integers(
    encoding: Encoding,
    rows: usize,
    mut reader: Reader<'_>,
) -> Result<Vec<i64>, Malformed> {
    match encoding {
        Encoding::Constant => Ok(vec![reader.signed()?; rows]),
        Encoding::Steps => {
            let (first, step) = (reader.signed()?, reader.signed()?);
            Ok((0..rows as i64)
                .map(|row| first.wrapping_add(step.wrapping_mul(row)))
                .collect())
        }
        Encoding::Plain => decode_plain(reader, rows, i64::from_le_bytes),
        Encoding::Pco => numbers::decode(reader, rows),
        _ => Err(WRONG_TYPE),
    }
}

/// First value and step of an arithmetic progression.
fn steps_of(values: &[i64]) -> Option<(i64, i64)> {
    let first = *values.first()?;
    let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
    values
        .windows(2)
        .all(|pair| pair[1].wrapping_sub(pair[0]) == step)
        .then_some((first, step))
}

fn encode_unsigned(values: &[u64]) -> Vec<u8> {
    match constant(values) {
        Some(value) => constant_bytes(value.to_le_bytes()),
        None => pco_or_plain(values, u64::to_le_bytes),
    }
}

fn encode_floats(values: &[f64]) -> Vec<u8> {
    let first = values.first().map_or(0, |value| value.to_bits());
    if values.iter().all(|value| value.to_bits() == first) {
        return constant_bytes(first.to_le_bytes());
    }
    if let Some((places, integers)) = decimals_of(values) {
        let mut out = vec![Encoding::Decimal as u8, places];
        out.extend_from_slice(&encode_integers(&integers));
        return out;
    }
    pco_or_plain(values, f64::to_le_bytes)
}

fn decode_floats(
    encoding: Encoding,
    rows: usize,
    mut reader: Reader<'_>,
) -> Result<Vec<f64>, Malformed> {
    match encoding {
        Encoding::Constant => Ok(vec![f64::from_le_bytes(reader.array()?); rows]),
        Encoding::Decimal => {
            let places = reader.byte()?;
            if places > MAX_DECIMALS {
                return Err(Malformed("too many decimal places"));
            }
            let scale = 10f64.powi(i32::from(places));
            let inner = Encoding::from_byte(reader.byte()?)?;
            let integers = decode_integers(inner, rows, reader)?;
            Ok(integers
                .into_iter()
                .map(|integer| integer as f64 / scale)
                .collect())
        }
        Encoding::Plain => decode_plain(reader, rows, f64::from_le_bytes),
        Encoding::Pco => numbers::decode(reader, rows),
        _ => Err(WRONG_TYPE),
    }
}

/// The fewest decimal places with which every value is exactly an integer over a power of ten
/// (so that dividing gives the same bits back), and those integers.
fn decimals_of(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut places = 0;
    for value in values {
        while decimal(*value, places).is_none() {
            places += 1;
            if places > MAX_DECIMALS {
                return None;
            }
        }
    }
    let integers = values
        .iter()
        .map(|value| decimal(*value, places))
        .collect::<Option<_>>()?;
    Some((places, integers))
}

/// `value * 10^places` if that is an integer that divides back to the same bits.
pub(crate) fn decimal(value: f64, places: u8) -> Option<i64> {
    let scale = 10f64.powi(i32::from(places));
    let scaled = (value * scale).round();
    let exact =
        scaled.abs() < EXACT_FLOAT && (scaled as i64 as f64 / scale).to_bits() == value.to_bits();
    exact.then_some(scaled as i64)
}

fn constant<T: Copy + PartialEq>(values: &[T]) -> Option<T> {
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(first)
}

fn constant_bytes(value: [u8; 8]) -> Vec<u8> {
    let mut out = vec![Encoding::Constant as u8];
    out.extend_from_slice(&value);
    out
}

fn pco_or_plain<T: Number + AsFloat>(values: &[T], to_bytes: fn(T) -> [u8; 8]) -> Vec<u8> {
    if values.len() >= LEAST_PCO_ROWS
        && let Some(packed) = numbers::encode(values)
        && packed.len() < values.len() * 8
    {
        return [&[Encoding::Pco as u8], packed.as_slice()].concat();
    }
    let mut out = vec![Encoding::Plain as u8];
    out.extend(values.iter().flat_map(|value| to_bytes(*value)));
    out
}

fn decode_plain<T>(
    mut reader: Reader<'_>,
    rows: usize,
    from: fn([u8; 8]) -> T,
) -> Result<Vec<T>, Malformed> {
    (0..rows).map(|_| reader.array().map(from)).collect()
}

fn encode_booleans(values: &[bool]) -> Vec<u8> {
    if let Some(value) = constant(values) {
        return vec![Encoding::Constant as u8, u8::from(value)];
    }
    let mut out = vec![Encoding::Bits as u8];
    out.extend_from_slice(&pack_bits(values));
    out
}

fn decode_booleans(
    encoding: Encoding,
    rows: usize,
    mut reader: Reader<'_>,
) -> Result<Vec<bool>, Malformed> {
    match encoding {
        Encoding::Constant => Ok(vec![reader.byte()? != 0; rows]),
        Encoding::Bits => unpack_bits(reader.bytes(rows.div_ceil(8))?, rows),
        _ => Err(WRONG_TYPE),
    }
}

/// A bit a value, low first.
pub(crate) fn pack_bits(values: &[bool]) -> Vec<u8> {
    let byte = |eight: &[bool]| {
        eight
            .iter()
            .rev()
            .fold(0, |byte, bit| byte << 1 | u8::from(*bit))
    };
    values.chunks(8).map(byte).collect()
}

/// The reverse of [`pack_bits`].
pub(crate) fn unpack_bits(bytes: &[u8], rows: usize) -> Result<Vec<bool>, Malformed> {
    if bytes.len() < rows.div_ceil(8) {
        return Err(Malformed("it ends early"));
    }
    Ok((0..rows)
        .map(|row| bytes[row / 8] >> (row % 8) & 1 == 1)
        .collect())
}

fn encode_texts(values: &[Arc<str>]) -> Vec<u8> {
    let mut distinct: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if let [only] = distinct[..] {
        let mut out = vec![Encoding::Constant as u8];
        put_text(&mut out, only);
        return out;
    }
    if distinct.len() * DICTIONARY_SHARE > values.len() {
        let mut out = vec![Encoding::Texts as u8];
        put_packed_texts(&mut out, values.iter().map(AsRef::as_ref));
        return out;
    }
    let number =
        |text: &Arc<str>| distinct.binary_search(&text.as_ref()).unwrap_or_default() as i64;
    let numbers: Vec<i64> = values.iter().map(number).collect();
    let mut out = vec![Encoding::Dictionary as u8];
    put_varint(&mut out, distinct.len() as u64);
    put_packed_texts(&mut out, distinct.iter().copied());
    out.extend_from_slice(&encode_integers(&numbers));
    out
}

/// Texts with their lengths, compressed: size before, size after, bytes.
fn put_packed_texts<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    let mut plain = Vec::new();
    texts.for_each(|text| put_text(&mut plain, text));
    let packed = lz4_flex::block::compress(&plain);
    put_varint(out, plain.len() as u64);
    put_varint(out, packed.len() as u64);
    out.extend_from_slice(&packed);
}

/// lz4 cannot do better than 255 to 1; a larger claim is refused before memory is taken for it.
const LZ4_RATIO: usize = 255;

fn packed_texts(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Arc<str>>, Malformed> {
    let plain_length = reader.varint()? as usize;
    let length = reader.count(1)?;
    if plain_length > (length + 1) * LZ4_RATIO {
        return Err(Malformed("a text is larger than lz4 can make it"));
    }
    let plain = lz4_flex::block::decompress(reader.bytes(length)?, plain_length)
        .map_err(|_| Malformed("lz4 refuses the bytes"))?;
    let mut texts = Reader::new(&plain);
    (0..count).map(|_| texts.text().map(Arc::from)).collect()
}

fn decode_texts(
    encoding: Encoding,
    rows: usize,
    mut reader: Reader<'_>,
) -> Result<Vec<Arc<str>>, Malformed> {
    match encoding {
        Encoding::Constant => Ok(vec![Arc::from(reader.text()?); rows]),
        Encoding::Texts => packed_texts(&mut reader, rows),
        Encoding::Dictionary => {
            let distinct = reader.varint()? as usize;
            if distinct > rows {
                return Err(Malformed("more distinct texts than rows"));
            }
            let dictionary = packed_texts(&mut reader, distinct)?;
            let inner = Encoding::from_byte(reader.byte()?)?;
            let numbers = decode_integers(inner, rows, reader)?;
            let text = |number: i64| {
                usize::try_from(number)
                    .ok()
                    .and_then(|number| dictionary.get(number))
            };
            let texts = numbers.into_iter().map(|number| text(number).cloned());
            texts
                .collect::<Option<_>>()
                .ok_or(Malformed("a text outside of the dictionary"))
        }
        _ => Err(WRONG_TYPE),
    }
}

/// Whether two columns hold the same bits (a NaN is itself, minus zero is not zero).
pub(crate) fn same_bits(left: &Column, right: &Column) -> bool {
    match (left, right) {
        (Column::Float(left), Column::Float(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| left.to_bits() == right.to_bits())
        }
        _ => left == right,
    }
}
