//! Snappy's raw format (<https://github.com/google/snappy/blob/main/format_description.txt>), to read what InfluxDB wrote:
//! some 40 lines against a dependency for one kind of block.

use super::codec::{Malformed, uvarint};

const BAD: Malformed = Malformed("a block of strings is not compressed as it should be");

/// Bytes that a block of strings has at most: 1,000 strings of 64 KB.
const MAX_BYTES: usize = 64 << 20;

/// The plain bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (length, mut rest) = uvarint(bytes)?;
    let length = usize::try_from(length).map_err(|_| BAD)?;
    if length > MAX_BYTES {
        return Err(BAD);
    }
    let mut plain = Vec::with_capacity(length);
    while let Some((tag, after)) = rest.split_first() {
        rest = match tag & 3 {
            0 => literal(*tag, after, &mut plain)?,
            1 => {
                let (low, after) = after.split_first().ok_or(BAD)?;
                let offset = usize::from(tag >> 5) << 8 | usize::from(*low);
                copy(&mut plain, offset, usize::from(tag >> 2 & 7) + 4)?;
                after
            }
            kind => {
                let width = if kind == 2 { 2 } else { 4 };
                let (offset, after) = after.split_at_checked(width).ok_or(BAD)?;
                copy(&mut plain, little_endian(offset), usize::from(tag >> 2) + 1)?;
                after
            }
        };
        if plain.len() > length {
            return Err(BAD);
        }
    }
    match plain.len() == length {
        true => Ok(plain),
        false => Err(BAD),
    }
}

fn literal<'b>(tag: u8, rest: &'b [u8], plain: &mut Vec<u8>) -> Result<&'b [u8], Malformed> {
    let (length, rest) = match usize::from(tag >> 2) {
        short if short < 60 => (short, rest),
        long => {
            let (length, rest) = rest.split_at_checked(long - 59).ok_or(BAD)?;
            (little_endian(length), rest)
        }
    };
    let (text, rest) = rest.split_at_checked(length + 1).ok_or(BAD)?;
    plain.extend(text);
    Ok(rest)
}

fn copy(plain: &mut Vec<u8>, offset: usize, length: usize) -> Result<(), Malformed> {
    let from = plain
        .len()
        .checked_sub(offset)
        .filter(|_| offset > 0)
        .ok_or(BAD)?;
    // What is copied may begin before it is all there.
    for place in from..from + length {
        plain.push(plain[place]);
    }
    Ok(())
}

fn little_endian(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | usize::from(*byte))
}
