//! Parquet's encodings of values: see <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::thrift::{signed, unsigned};

/// Values of a block of deltas, and of each of its parts.
const BLOCK: usize = 128;
const PART: usize = 32;

/// A bit a row: whether there is a value.
pub(super) fn presence(out: &mut Vec<u8>, present: &[bool]) {
    let mut bits = Vec::with_capacity(present.len() / 8 + 6);
    let groups = present.len().div_ceil(8);
    unsigned(&mut bits, (groups as u64) << 1 | 1);
    bits.extend(booleans(present));
    out.extend((bits.len() as u32).to_le_bytes());
    out.extend(bits);
}

/// Bits, low first.
pub(super) fn booleans(values: &[bool]) -> Vec<u8> {
    let bytes = values.chunks(8).map(|eight| {
        let bits = eight.iter().enumerate();
        bits.fold(0, |byte, (place, bit)| byte | u8::from(*bit) << place)
    });
    bytes.collect()
}

/// Places in a dictionary of so many entries, as runs: in rows that are sorted by series they are long.
pub(super) fn runs(places: &[u32], entries: usize) -> Vec<u8> {
    let width = usize::BITS - entries.saturating_sub(1).leading_zeros();
    let mut out = vec![width as u8];
    for run in places.chunk_by(|left, right| left == right) {
        unsigned(&mut out, (run.len() as u64) << 1);
        out.extend(&run[0].to_le_bytes()[..width.div_ceil(8) as usize]);
    }
    out
}

/// Texts, each after its length.
pub(super) fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<u8> {
    let mut out = Vec::new();
    for text in texts {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
    }
    out
}

/// The first bytes of all floats, then the second ones, and so on: alike bytes lie together.
pub(super) fn split_floats(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 8);
    for place in 0..8 {
        out.extend(values.iter().map(|value| value.to_le_bytes()[place]));
    }
    out
}

/// Differences between neighbours, packed (`DELTA_BINARY_PACKED`).
pub(super) fn deltas(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    unsigned(&mut out, BLOCK as u64);
    unsigned(&mut out, (BLOCK / PART) as u64);
    unsigned(&mut out, values.len() as u64);
    signed(&mut out, values.first().copied().unwrap_or_default());
    let neighbours = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let differences: Vec<i64> = neighbours.collect();
    for block in differences.chunks(BLOCK) {
        let least = block.iter().copied().min().unwrap_or_default();
        signed(&mut out, least);
        let above: Vec<u64> = block
            .iter()
            .map(|it| it.wrapping_sub(least) as u64)
            .collect();
        let parts: Vec<&[u64]> = above.chunks(PART).collect();
        let widths = (0..BLOCK / PART).map(|place| {
            let greatest = parts.get(place).and_then(|part| part.iter().max());
            (u64::BITS - greatest.copied().unwrap_or_default().leading_zeros()) as u8
        });
        let widths: Vec<u8> = widths.collect();
        out.extend(&widths);
        for (part, width) in parts.iter().zip(&widths) {
            pack(&mut out, part, u32::from(*width));
        }
    }
    out
}

/// So many bits a value, low first; as many values as a part has.
fn pack(out: &mut Vec<u8>, values: &[u64], width: u32) {
    let (mut held, mut bits) = (0u128, 0);
    for place in 0..PART {
        held |= u128::from(values.get(place).copied().unwrap_or_default()) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
}
