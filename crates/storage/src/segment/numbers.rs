//! Numbers in pco, in the few of its forms that are written here: what a chunk claims is looked at before memory is taken
//! for it.

use pco::metadata::FormatVersion;
use pco::standalone::{DecompressorItem, FileDecompressor, simple_compress};
use pco::{ChunkConfig, DeltaSpec, data_types::Number};

use crate::segment::encoding::{Malformed, Reader};

/// Effort of pco. Levels 8 and 12 gave the same size on metrics for twice the time.
const PCO_LEVEL: usize = 4;

/// Numbers in pco; `None` if it refuses (it does not for slices of our size; plain is then always right).
pub(crate) fn encode<T: Number + AsFloat>(values: &[T]) -> Option<Vec<u8>> {
    let config = ChunkConfig::default()
        .with_compression_level(PCO_LEVEL)
        .with_delta_spec(DeltaSpec::TryConsecutive(delta_order(values)));
    simple_compress(values, &config).ok()
}

/// A number's rough place among the others; precision does not matter.
pub(crate) trait AsFloat: Copy {
    fn as_float(self) -> f64;
}

impl AsFloat for f64 {
    fn as_float(self) -> f64 {
        self
    }
}

impl AsFloat for i64 {
    fn as_float(self) -> f64 {
        self as f64
    }
}

impl AsFloat for u64 {
    fn as_float(self) -> f64 {
        self as f64
    }
}

/// Whether values, their differences or the differences of those are smallest, judged by their
/// binary logarithms. pco finds out by trying, which takes four times as long as the rest.
fn delta_order<T: AsFloat>(values: &[T]) -> usize {
    let magnitude = |number: f64| number.abs().to_bits() >> 52;
    let middle = values
        .get(values.len() / 2)
        .map_or(0.0, |value| value.as_float());
    let mut bits = [0u64; 3];
    for three in values.windows(3) {
        let [first, second, third] = [
            three[0].as_float(),
            three[1].as_float(),
            three[2].as_float(),
        ];
        bits[0] += magnitude(third - middle);
        bits[1] += magnitude(third - second);
        bits[2] += magnitude((third - second) - (second - first));
    }
    (0..3).min_by_key(|order| bits[*order]).unwrap_or_default()
}

/// So many numbers.
pub(crate) fn decode<T: Number + Default>(
    mut reader: Reader<'_>,
    rows: usize,
) -> Result<Vec<T>, Malformed> {
    let refused = |_| Malformed("pco refuses the bytes");
    let bytes = reader.bytes(reader.remaining())?;
    let (file, mut rest) = FileDecompressor::new(bytes).map_err(refused)?;
    let mut values = vec![T::default(); rows];
    let mut decoded = 0;
    loop {
        check_chunk(file.format_version(), rest)?;
        let mut chunk = match file.chunk_decompressor::<T, _>(rest).map_err(refused)? {
            DecompressorItem::Chunk(chunk) => chunk,
            DecompressorItem::EndOfData(_) if decoded == rows => return Ok(values),
            DecompressorItem::EndOfData(_) => return Err(Malformed("another number of values")),
        };
        let end = decoded.saturating_add(chunk.n());
        let part = values
            .get_mut(decoded..end)
            .ok_or(Malformed("another number of values"))?;
        chunk.read(part).map_err(refused)?;
        decoded = end;
        rest = chunk.into_src();
    }
}

/// Bytes before the description of a chunk of pco: the type of its numbers, and how many there are.
const CHUNK_HEAD: usize = 4;

/// Refuses what pco takes memory for before it has read it and [`encode`] never writes: a dictionary, and a window to
/// look back in, of up to 2^24 numbers whatever the chunk has.
fn check_chunk(version: &FormatVersion, chunk: &[u8]) -> Result<(), Malformed> {
    let mode = chunk.get(CHUNK_HEAD).map(|byte| byte & 0xf);
    let (Some(mode), Some(1..)) = (mode, chunk.first()) else {
        // The end, or too short: pco says so.
        return Ok(());
    };
    let payload = match mode {
        0 => 0,
        // The base of multiples, or how many bits are left out.
        1 | 2 => size_of::<u64>(),
        3 => 1,
        _ => return Err(Malformed("a mode of pco that is not written")),
    };
    // What the differences are of, in the four bits after that; before the third version there was no choice.
    let delta = chunk.get(CHUNK_HEAD + payload).map(|byte| byte >> 4);
    match delta {
        Some(delta) if delta > 1 && version.major >= 3 => {
            Err(Malformed("differences of pco that are not written"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use pco::ModeSpec;

    use super::*;

    fn values() -> Vec<i64> {
        (0..2_000)
            .map(|row| (row % 37) * 1_000 + row / 400)
            .collect()
    }

    fn decoded(packed: &[u8]) -> Result<Vec<i64>, Malformed> {
        decode(Reader::new(packed), values().len())
    }

    #[test]
    fn what_is_written_is_read() {
        let floats: Vec<f64> = (0..1_000).map(|row| f64::from(row) * 0.1).collect();
        let packed = encode(&floats).expect("is packed");
        assert_eq!(decode(Reader::new(&packed), floats.len()), Ok(floats));
        for spec in [
            ModeSpec::Auto,
            ModeSpec::Classic,
            ModeSpec::TryIntMult(1_000),
        ] {
            for order in 0..4 {
                let config = ChunkConfig::default()
                    .with_mode_spec(spec.clone())
                    .with_delta_spec(DeltaSpec::TryConsecutive(order));
                let packed = simple_compress(&values(), &config).expect("is packed");
                assert_eq!(decoded(&packed), Ok(values()), "{spec:?} {order}");
            }
        }
    }

    #[test]
    fn what_takes_memory_before_it_is_read_is_refused() {
        let dictionary = ChunkConfig::default().with_mode_spec(ModeSpec::TryDict);
        let lookback = ChunkConfig::default().with_delta_spec(DeltaSpec::TryLookback);
        for (config, word) in [(dictionary, "mode"), (lookback, "differences")] {
            let packed = simple_compress(&values(), &config).expect("is packed");
            let error = decoded(&packed).expect_err("is refused");
            assert!(error.0.contains(word), "{error}");
        }
    }

    #[test]
    fn more_or_fewer_numbers_than_are_asked_for_are_refused() {
        let packed = encode(&values()).expect("is packed");
        for rows in [1, values().len() - 1, values().len() + 1] {
            let decoded: Result<Vec<i64>, _> = decode(Reader::new(&packed), rows);
            assert!(decoded.is_err(), "{rows}");
        }
        assert!(decoded(&packed[..packed.len() / 2]).is_err());
    }
}
