//! The file: column by column in row groups, then the footer that says where each is.

use std::collections::BTreeMap;

use super::encoding::{booleans, deltas, presence, runs, split_floats, texts};
use super::thrift::{self, Struct};

const MAGIC: &[u8] = b"PAR1";

/// Rows of a group: what readers take at once.
const GROUP_ROWS: usize = 100_000;

/// zstd's default: smaller ones are hardly faster, larger ones hardly smaller.
const COMPRESSION: i32 = 3;

/// Numbers of the format: types, encodings, the codec, kinds of pages.
const BOOLEAN: i32 = 0;
const INT64: i32 = 2;
const DOUBLE: i32 = 5;
const BYTE_ARRAY: i32 = 6;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const DELTA_BINARY_PACKED: i32 = 5;
const RLE_DICTIONARY: i32 = 8;
const BYTE_STREAM_SPLIT: i32 = 9;
const ZSTD: i32 = 6;
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;
const UTF8: i32 = 0;
const UINT_64: i32 = 14;

/// A column, a value a row or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Tags: places in a list of texts.
    Tags(Vec<String>, Vec<Option<u32>>),
    /// Nanoseconds since 1970; none is missing.
    Times(Vec<i64>),
    /// Floats.
    Floats(Vec<Option<f64>>),
    /// Integers.
    Integers(Vec<Option<i64>>),
    /// Unsigned integers.
    Unsigned(Vec<Option<u64>>),
    /// Texts.
    Texts(Vec<Option<String>>),
    /// Booleans.
    Booleans(Vec<Option<bool>>),
}

/// A column of a row group, as the footer has it.
struct Chunk {
    kind: i32,
    encodings: Vec<i32>,
    name: String,
    rows: usize,
    plain_bytes: usize,
    packed_bytes: usize,
    dictionary_at: Option<usize>,
    data_at: usize,
    nulls: usize,
    range: Option<(Vec<u8>, Vec<u8>)>,
}

/// The values of a column in a group, encoded.
struct Encoded {
    kind: i32,
    encoding: i32,
    dictionary: Option<(usize, Vec<u8>)>,
    /// `None`: none may be missing.
    present: Option<Vec<bool>>,
    values: Vec<u8>,
    range: Option<(Vec<u8>, Vec<u8>)>,
}

/// A file of columns that have the same number of rows. `about` is for readers who look for it.
///
/// # Errors
/// zstd's, which memory alone gives.
pub fn write(
    columns: &[Column],
    rows: usize,
    about: &BTreeMap<&str, String>,
) -> std::io::Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    let mut groups = Vec::new();
    for from in (0..rows).step_by(GROUP_ROWS) {
        let to = rows.min(from + GROUP_ROWS);
        let mut chunks = Vec::with_capacity(columns.len());
        for column in columns {
            chunks.push(chunk(&mut out, column, from, to)?);
        }
        groups.push((to - from, chunks));
    }
    let footer = out.len();
    thrift::structure(&mut out, |file| {
        footer_of(file, columns, rows, &groups, about)
    });
    let length = (out.len() - footer) as u32;
    out.extend(length.to_le_bytes());
    out.extend(MAGIC);
    Ok(out)
}

fn chunk(out: &mut Vec<u8>, column: &Column, from: usize, to: usize) -> std::io::Result<Chunk> {
    let begin = out.len();
    let encoded = encode(&column.values, from, to);
    let mut plain_bytes = 0;
    let mut dictionary_at = None;
    if let Some((entries, dictionary)) = &encoded.dictionary {
        dictionary_at = Some(out.len());
        plain_bytes += page(out, DICTIONARY_PAGE, dictionary, |header| {
            header.structure(7, |about| {
                about.i32(1, *entries as i32);
                about.i32(2, PLAIN);
            });
        })?;
    }
    let data_at = out.len();
    let mut body = Vec::new();
    if let Some(present) = &encoded.present {
        presence(&mut body, present);
    }
    body.extend(&encoded.values);
    plain_bytes += page(out, DATA_PAGE, &body, |header| {
        header.structure(5, |about| {
            about.i32(1, (to - from) as i32);
            about.i32(2, encoded.encoding);
            about.i32(3, RLE);
            about.i32(4, RLE);
        });
    })?;
    let present = encoded.present.as_deref().unwrap_or_default();
    let mut encodings = vec![encoded.encoding, RLE];
    if encoded.dictionary.is_some() {
        encodings.push(PLAIN);
    }
    Ok(Chunk {
        kind: encoded.kind,
        encodings,
        name: column.name.clone(),
        rows: to - from,
        plain_bytes,
        packed_bytes: out.len() - begin,
        dictionary_at,
        data_at,
        nulls: present.iter().filter(|present| !**present).count(),
        range: encoded.range,
    })
}

/// Appends a page; its bytes before compression, with its header.
fn page(
    out: &mut Vec<u8>,
    kind: i32,
    body: &[u8],
    about: impl FnOnce(&mut Struct<'_>),
) -> std::io::Result<usize> {
    let packed = zstd::encode_all(body, COMPRESSION)?;
    let begin = out.len();
    thrift::structure(out, |header| {
        header.i32(1, kind);
        header.i32(2, body.len() as i32);
        header.i32(3, packed.len() as i32);
        about(header);
    });
    let header = out.len() - begin;
    out.extend(packed);
    Ok(header + body.len())
}

fn encode(values: &Values, from: usize, to: usize) -> Encoded {
    match values {
        Values::Tags(entries, places) => tags(entries, &places[from..to]),
        Values::Times(times) => Encoded {
            kind: INT64,
            encoding: DELTA_BINARY_PACKED,
            dictionary: None,
            present: None,
            values: deltas(&times[from..to]),
            range: range(&times[from..to], i64::cmp, |it| it.to_le_bytes().to_vec()),
        },
        Values::Floats(values) => {
            let some = |present: &[f64]| split_floats(present);
            let bytes = |value: &f64| value.to_le_bytes().to_vec();
            of(
                DOUBLE,
                BYTE_STREAM_SPLIT,
                &values[from..to],
                some,
                f64::total_cmp,
                bytes,
            )
        }
        Values::Integers(values) => {
            let bytes = |value: &i64| value.to_le_bytes().to_vec();
            of(
                INT64,
                DELTA_BINARY_PACKED,
                &values[from..to],
                deltas,
                i64::cmp,
                bytes,
            )
        }
        Values::Unsigned(values) => unsigned(&values[from..to]),
        Values::Texts(values) => {
            let some = |present: &[String]| texts(present.iter().map(String::as_str));
            let bytes = |value: &String| value.as_bytes().to_vec();
            of(
                BYTE_ARRAY,
                PLAIN,
                &values[from..to],
                some,
                String::cmp,
                bytes,
            )
        }
        Values::Booleans(values) => {
            let bytes = |value: &bool| vec![u8::from(*value)];
            of(
                BOOLEAN,
                PLAIN,
                &values[from..to],
                booleans,
                bool::cmp,
                bytes,
            )
        }
    }
}

fn unsigned(values: &[Option<u64>]) -> Encoded {
    let some = |present: &[u64]| {
        let signed: Vec<i64> = present.iter().map(|value| *value as i64).collect();
        deltas(&signed)
    };
    let bytes = |value: &u64| value.to_le_bytes().to_vec();
    of(INT64, DELTA_BINARY_PACKED, values, some, u64::cmp, bytes)
}

fn of<T: Clone>(
    kind: i32,
    encoding: i32,
    values: &[Option<T>],
    encode: impl Fn(&[T]) -> Vec<u8>,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
    bytes: impl Fn(&T) -> Vec<u8>,
) -> Encoded {
    let present: Vec<T> = values.iter().flatten().cloned().collect();
    Encoded {
        kind,
        encoding,
        dictionary: None,
        present: Some(values.iter().map(Option::is_some).collect()),
        values: encode(&present),
        range: range(&present, order, bytes),
    }
}

fn tags(entries: &[String], places: &[Option<u32>]) -> Encoded {
    let present: Vec<u32> = places.iter().flatten().copied().collect();
    let used: Vec<&String> = present
        .iter()
        .filter_map(|it| entries.get(*it as usize))
        .collect();
    let ends = used.iter().min().zip(used.iter().max());
    Encoded {
        kind: BYTE_ARRAY,
        encoding: RLE_DICTIONARY,
        dictionary: Some((entries.len(), texts(entries.iter().map(String::as_str)))),
        present: Some(places.iter().map(Option::is_some).collect()),
        values: runs(&present, entries.len()),
        range: ends.map(|(least, most)| (least.as_bytes().to_vec(), most.as_bytes().to_vec())),
    }
}

fn range<T>(
    values: &[T],
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
    bytes: impl Fn(&T) -> Vec<u8>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let least = values.iter().min_by(|left, right| order(left, right))?;
    let most = values.iter().max_by(|left, right| order(left, right))?;
    Some((bytes(least), bytes(most)))
}

fn footer_of(
    file: &mut Struct<'_>,
    columns: &[Column],
    rows: usize,
    groups: &[(usize, Vec<Chunk>)],
    about: &BTreeMap<&str, String>,
) {
    // The root is an element of its own.
    let elements: Vec<Option<&Column>> = std::iter::once(None)
        .chain(columns.iter().map(Some))
        .collect();
    let about: Vec<(&&str, &String)> = about.iter().collect();
    file.i32(1, 2);
    file.structures(2, &elements, |element, out| match element {
        None => {
            out.binary(4, b"points");
            out.i32(5, columns.len() as i32);
        }
        Some(column) => element_of(column, out),
    });
    file.i64(3, rows as i64);
    file.structures(4, groups, |(rows, chunks), out| {
        out.structures(1, chunks, chunk_of);
        out.i64(2, chunks.iter().map(|chunk| chunk.plain_bytes as i64).sum());
        out.i64(3, *rows as i64);
    });
    file.structures(5, &about, |(key, value), out| {
        out.binary(1, key.as_bytes());
        out.binary(2, value.as_bytes());
    });
    file.binary(
        6,
        concat!("watchpost-archive version ", env!("CARGO_PKG_VERSION")).as_bytes(),
    );
    // Least and greatest are meant in the order of the column's type.
    file.structures(7, columns, |_, out| out.structure(1, |_| {}));
}

fn element_of(column: &Column, out: &mut Struct<'_>) {
    let (kind, converted) = match &column.values {
        Values::Tags(..) | Values::Texts(_) => (BYTE_ARRAY, Some(UTF8)),
        Values::Times(_) | Values::Integers(_) => (INT64, None),
        Values::Unsigned(_) => (INT64, Some(UINT_64)),
        Values::Floats(_) => (DOUBLE, None),
        Values::Booleans(_) => (BOOLEAN, None),
    };
    let is_required = matches!(column.values, Values::Times(_));
    out.i32(1, kind);
    out.i32(3, i32::from(!is_required));
    out.binary(4, column.name.as_bytes());
    if let Some(converted) = converted {
        out.i32(6, converted);
    }
    match &column.values {
        Values::Tags(..) | Values::Texts(_) => out.structure(10, |kind| kind.structure(1, |_| {})),
        Values::Times(_) => out.structure(10, |kind| {
            kind.structure(8, |timestamp| {
                timestamp.boolean(1, true);
                timestamp.structure(2, |unit| unit.structure(3, |_| {}));
            });
        }),
        Values::Unsigned(_) => out.structure(10, |kind| {
            kind.structure(10, |integer| {
                integer.byte(1, 64);
                integer.boolean(2, false);
            });
        }),
        _ => {}
    }
}

fn chunk_of(chunk: &Chunk, out: &mut Struct<'_>) {
    out.i64(2, 0);
    out.structure(3, |about| {
        about.i32(1, chunk.kind);
        about.numbers(2, &chunk.encodings);
        about.text_list(3, &chunk.name);
        about.i32(4, ZSTD);
        about.i64(5, chunk.rows as i64);
        about.i64(6, chunk.plain_bytes as i64);
        about.i64(7, chunk.packed_bytes as i64);
        about.i64(9, chunk.data_at as i64);
        if let Some(at) = chunk.dictionary_at {
            about.i64(11, at as i64);
        }
        about.structure(12, |statistics| {
            statistics.i64(3, chunk.nulls as i64);
            if let Some((least, most)) = &chunk.range {
                statistics.binary(5, most);
                statistics.binary(6, least);
            }
        });
    });
}
