//! Parsed lines gathered into the shape the store takes: a dictionary of series, a dictionary of
//! field layouts, and rows of eight-byte values. A batch knows nothing of a store, so connections
//! fill theirs side by side without a lock; the store then looks up each series and layout once a
//! batch instead of once a line.

use hashbrown::HashMap;
use watchpost_core::line_protocol::{Field, Line, Tag, ValueRef};
use watchpost_core::point::{FieldType, SeriesKey};

/// Largest batch that is taken, in bytes of values, rows and texts. The log record of a batch has
/// to fit memory three times over; bodies are far smaller.
pub const MAX_BATCH_BYTES: usize = 256 * 1024 * 1024;

/// Lines of one write. Fill it with [`Batch::push`], hand it to [`crate::Storage::write`].
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) series: Vec<SeriesKey>,
    pub(crate) layouts: Vec<Layout>,
    pub(crate) rows: Vec<Row>,
    pub(crate) values: Vec<u64>,
    pub(crate) strings: Vec<u8>,
    series_lookup: HashMap<Box<[u8]>, u32>,
    layout_lookup: HashMap<Box<[u8]>, u32>,
    /// Per series the layout of its latest row: the guess for the next.
    latest_layout: Vec<u32>,
    scratch: Vec<u8>,
}

/// The fields of a row in the order of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) measurement: String,
    pub(crate) fields: Vec<(String, FieldType)>,
}

/// A row: its values are `values[offset..offset + layout.fields.len()]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) time: i64,
    pub(crate) series: u32,
    pub(crate) layout: u32,
    pub(crate) offset: u32,
    /// The line of the body, counted from 1.
    pub(crate) line: u32,
}

impl Batch {
    pub fn new() -> Batch {
        Batch::default()
    }

    /// How many rows were pushed.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many field values were pushed.
    pub fn values(&self) -> usize {
        self.values.len()
    }

    /// Bytes the rows take in memory and, about, in the log.
    pub fn bytes(&self) -> usize {
        self.values.len() * 8 + self.rows.len() * size_of::<Row>() + self.strings.len()
    }

    /// Takes a line. One without fields (`time` was its only one, see [`Line::fields`]) cannot be
    /// stored: it is not taken, and the answer is `false`.
    pub fn push(&mut self, line: &Line<'_, '_>) -> bool {
        if line.fields.is_empty() {
            return false;
        }
        let series = self.series_index(&line.measurement, line.tags);
        let offset = self.values.len() as u32;
        let layout = self.layout_index(series, line.fields);
        for field in line.fields {
            let bits = match &field.value {
                ValueRef::Float(value) => value.to_bits(),
                ValueRef::Integer(value) => *value as u64,
                ValueRef::Unsigned(value) => *value,
                ValueRef::Boolean(value) => u64::from(*value),
                ValueRef::String(text) => pack_text(&mut self.strings, text),
            };
            self.values.push(bits);
        }
        self.rows.push(Row {
            time: line.timestamp,
            series,
            layout,
            offset,
            line: line.number as u32,
        });
        true
    }

    fn series_index(&mut self, measurement: &str, tags: &[Tag<'_>]) -> u32 {
        self.scratch.clear();
        push_part(&mut self.scratch, measurement);
        for tag in tags {
            push_part(&mut self.scratch, &tag.key);
            push_part(&mut self.scratch, &tag.value);
        }
        if let Some(index) = self.series_lookup.get(self.scratch.as_slice()) {
            return *index;
        }
        let index = self.series.len() as u32;
        self.series_lookup
            .insert(self.scratch.as_slice().into(), index);
        let tags = tags.iter().map(|tag| (&*tag.key, &*tag.value));
        self.series.push(SeriesKey::new(measurement, tags));
        self.latest_layout.push(
            index
                .checked_sub(1)
                .map_or(0, |before| self.latest_layout[before as usize]),
        );
        index
    }

    fn layout_index(&mut self, series: u32, fields: &[Field<'_>]) -> u32 {
        let guess = self.latest_layout[series as usize];
        let measurement = self.series[series as usize].measurement();
        if let Some(layout) = self.layouts.get(guess as usize)
            && layout.fits(measurement, fields)
        {
            return guess;
        }
        self.scratch.clear();
        push_part(&mut self.scratch, measurement);
        for field in fields {
            push_part(&mut self.scratch, &field.key);
            self.scratch.push(field.value.field_type() as u8);
        }
        let index = match self.layout_lookup.get(self.scratch.as_slice()) {
            Some(index) => *index,
            None => {
                let index = self.layouts.len() as u32;
                let fields = fields
                    .iter()
                    .map(|field| (field.key.to_string(), field.value.field_type()));
                self.layouts.push(Layout {
                    measurement: measurement.to_owned(),
                    fields: fields.collect(),
                });
                self.layout_lookup
                    .insert(self.scratch.as_slice().into(), index);
                index
            }
        };
        self.latest_layout[series as usize] = index;
        index
    }

    /// The batch without the rows at the (sorted) positions.
    pub(crate) fn without(mut self, rejected: &[usize]) -> Batch {
        let mut position = 0;
        self.rows.retain(|_| {
            position += 1;
            rejected.binary_search(&(position - 1)).is_err()
        });
        self.compact_values();
        self
    }

    /// Drops values that no row points to, so that offsets are again the running sum of widths.
    fn compact_values(&mut self) {
        let mut values = Vec::with_capacity(self.values.len());
        for row in &mut self.rows {
            let width = self.layouts[row.layout as usize].fields.len();
            let offset = row.offset as usize;
            row.offset = values.len() as u32;
            values.extend_from_slice(&self.values[offset..offset + width]);
        }
        self.values = values;
    }
}

impl Layout {
    fn fits(&self, measurement: &str, fields: &[Field<'_>]) -> bool {
        self.fields.len() == fields.len()
            && self.measurement == measurement
            && self.fields.iter().zip(fields).all(|((name, kind), field)| {
                *kind == field.value.field_type() && name.as_str() == field.key
            })
    }
}

/// Appends a part of a lookup key; the length keeps `a,bc` and `ab,c` apart.
fn push_part(key: &mut Vec<u8>, part: &str) {
    key.extend_from_slice(&(part.len() as u32).to_le_bytes());
    key.extend_from_slice(part.as_bytes());
}

/// Keeps a text in the arena; the value is its offset (upper half) and length (lower half).
fn pack_text(strings: &mut Vec<u8>, text: &str) -> u64 {
    let offset = strings.len() as u64;
    strings.extend_from_slice(text.as_bytes());
    offset << 32 | text.len() as u64
}

/// The text behind a packed value; empty if it points outside (never after a checked decode).
pub(crate) fn text_of(strings: &[u8], packed: u64) -> &str {
    let (offset, length) = ((packed >> 32) as usize, packed as u32 as usize);
    strings
        .get(offset..offset + length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .unwrap_or_default()
}
