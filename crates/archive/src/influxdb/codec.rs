//! The encodings of TSM blocks: times and integers in deltas packed by simple8b, floats by XOR (Gorilla), booleans as bits,
//! strings by snappy. From the description and the tests of InfluxDB 2's `tsdb/engine/tsm1`, and from its files.

use watchpost_core::point::FieldValue;

use super::snappy;

/// Bytes that are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

const EARLY: Malformed = Malformed("a block ends early");

/// Values of one block at most: InfluxDB writes 1,000, and its compactions no more than some ten thousand. A run of equal
/// ones takes a few bytes, however long it says it is.
const MAX_VALUES: usize = 1 << 20;

/// Values of a word of simple8b: how many, and of how many bits.
const SIMPLE8B: [(usize, u32); 16] = [
    (240, 0),
    (120, 0),
    (60, 1),
    (30, 2),
    (20, 3),
    (15, 4),
    (12, 5),
    (10, 6),
    (8, 7),
    (7, 8),
    (6, 10),
    (5, 12),
    (4, 15),
    (3, 20),
    (2, 30),
    (1, 60),
];

/// Times and values of a block, without its checksum.
pub fn decode(block: &[u8]) -> Result<Vec<(i64, FieldValue)>, Malformed> {
    let (kind, rest) = block.split_first().ok_or(EARLY)?;
    let (length, rest) = uvarint(rest)?;
    let length = usize::try_from(length).map_err(|_| EARLY)?;
    let (times, values) = rest.split_at_checked(length).ok_or(EARLY)?;
    let times = decode_times(times)?;
    let values = decode_values(*kind, values, times.len())?;
    match times.len() == values.len() {
        true => Ok(times.into_iter().zip(values).collect()),
        false => Err(Malformed("a block has other times than values")),
    }
}

fn decode_values(kind: u8, bytes: &[u8], count: usize) -> Result<Vec<FieldValue>, Malformed> {
    Ok(match kind {
        0 => floats(bytes, count)?
            .into_iter()
            .map(FieldValue::Float)
            .collect(),
        1 => integers(bytes)?
            .into_iter()
            .map(FieldValue::Integer)
            .collect(),
        2 => booleans(bytes)?
            .into_iter()
            .map(FieldValue::Boolean)
            .collect(),
        3 => strings(bytes)?
            .into_iter()
            .map(FieldValue::String)
            .collect(),
        4 => {
            let values = integers(bytes)?.into_iter();
            values
                .map(|value| FieldValue::Unsigned(value as u64))
                .collect()
        }
        _ => return Err(Malformed("a block of a type that is not known")),
    })
}

fn decode_times(bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
    let (head, rest) = bytes.split_first().ok_or(EARLY)?;
    let scale = 10u64.checked_pow(u32::from(head & 0xf)).ok_or(EARLY)?;
    let mut times = match head >> 4 {
        0 => words(rest)?,
        1 => {
            let (first, packed) = first_word(rest)?;
            let mut times = vec![first];
            let deltas = simple8b(packed)?;
            times.extend(deltas.into_iter().map(|delta| delta.wrapping_mul(scale)));
            times
        }
        2 => {
            let (first, rest) = first_word(rest)?;
            let (delta, rest) = uvarint(rest)?;
            let (count, _) = uvarint(rest)?;
            let mut times = vec![delta.wrapping_mul(scale); bounded(count)?];
            if let Some(time) = times.first_mut() {
                *time = first;
            }
            times
        }
        _ => return Err(Malformed("times in an encoding that is not known")),
    };
    let mut sum = 0u64;
    for time in &mut times {
        sum = sum.wrapping_add(*time);
        *time = sum;
    }
    Ok(times.into_iter().map(|time| time as i64).collect())
}

fn integers(bytes: &[u8]) -> Result<Vec<i64>, Malformed> {
    let (head, rest) = bytes.split_first().ok_or(EARLY)?;
    let deltas = match head >> 4 {
        0 => words(rest)?,
        1 => {
            let (first, packed) = first_word(rest)?;
            let mut deltas = vec![first];
            deltas.extend(simple8b(packed)?);
            deltas
        }
        2 => {
            let (first, rest) = first_word(rest)?;
            let (delta, rest) = uvarint(rest)?;
            let (repeats, _) = uvarint(rest)?;
            let mut deltas = vec![delta; bounded(repeats.saturating_add(1))?];
            deltas[0] = first;
            deltas
        }
        _ => return Err(Malformed("integers in an encoding that is not known")),
    };
    let mut sum = 0i64;
    let values = deltas.into_iter().map(|delta| {
        let delta = (delta >> 1) as i64 ^ -((delta & 1) as i64);
        sum = sum.wrapping_add(delta);
        sum
    });
    Ok(values.collect())
}

fn floats(bytes: &[u8], count: usize) -> Result<Vec<f64>, Malformed> {
    let (head, rest) = bytes.split_first().ok_or(EARLY)?;
    if head >> 4 != 1 {
        return Err(Malformed("floats in an encoding that is not known"));
    }
    let mut bits = Bits { bytes: rest, at: 0 };
    let mut value = bits.take(64)?;
    let (mut leading, mut trailing) = (0, 0);
    let mut values = Vec::with_capacity(count);
    // A marker ends them; so do the times.
    while values.len() < count {
        values.push(f64::from_bits(value));
        if values.len() == count {
            break;
        }
        if bits.take(1)? == 0 {
            continue;
        }
        if bits.take(1)? == 1 {
            leading = bits.take(5)? as u32;
            let meaningful = match bits.take(6)? as u32 {
                0 => 64,
                meaningful => meaningful,
            };
            trailing = 64u32
                .checked_sub(leading + meaningful)
                .ok_or(Malformed("a float has more bits than it can"))?;
        }
        value ^= bits.take(64 - leading - trailing)? << trailing;
    }
    Ok(values)
}

fn booleans(bytes: &[u8]) -> Result<Vec<bool>, Malformed> {
    let (_, rest) = bytes.split_first().ok_or(EARLY)?;
    let (count, rest) = uvarint(rest)?;
    let count = bounded(count)?;
    let mut bits = Bits { bytes: rest, at: 0 };
    (0..count).map(|_| Ok(bits.take(1)? == 1)).collect()
}

fn strings(bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    let (_, rest) = bytes.split_first().ok_or(EARLY)?;
    let plain = snappy::decode(rest)?;
    let mut rest = plain.as_slice();
    let mut texts = Vec::new();
    while !rest.is_empty() {
        let (length, after) = uvarint(rest)?;
        let length = usize::try_from(length).map_err(|_| EARLY)?;
        let (text, after) = after.split_at_checked(length).ok_or(EARLY)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = after;
    }
    Ok(texts)
}

fn simple8b(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let mut values = Vec::new();
    for word in words(bytes)? {
        let (count, bits) = SIMPLE8B[(word >> 60) as usize];
        if values.len() + count > MAX_VALUES {
            return Err(Malformed("a block has more values than InfluxDB writes"));
        }
        match bits {
            0 => values.extend(std::iter::repeat_n(1, count)),
            bits => {
                let mask = (1u64 << bits) - 1;
                values.extend((0..count as u32).map(|place| (word >> (place * bits)) & mask));
            }
        }
    }
    Ok(values)
}

fn words(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let (words, rest) = bytes.as_chunks::<8>();
    match rest {
        [] => Ok(words.iter().map(|word| u64::from_be_bytes(*word)).collect()),
        _ => Err(EARLY),
    }
}

fn first_word(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let (word, rest) = bytes.split_first_chunk::<8>().ok_or(EARLY)?;
    Ok((u64::from_be_bytes(*word), rest))
}

fn bounded(count: u64) -> Result<usize, Malformed> {
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_VALUES)
        .ok_or(Malformed("a block has more values than InfluxDB writes"))
}

/// A number of seven bits a byte, low first, and what follows.
pub(super) fn uvarint(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    let mut value = 0u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * place as u32);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[place + 1..]));
        }
    }
    Err(EARLY)
}

/// Bits, high first.
struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Result<u64, Malformed> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(EARLY)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            value = value << 1 | u64::from(bit);
            self.at += 1;
        }
        Ok(value)
    }
}
