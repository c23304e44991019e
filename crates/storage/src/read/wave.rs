//! Waves: the next fields of a read, decoded on several threads where that is worth it. What is made of them comes in
//! the order of the fields, so that nobody sees how many threads there were.

use std::collections::VecDeque;
use std::num::NonZero;

use crate::error::{Error, Result};
use crate::read::reader::SeriesReader;
use crate::read::scan::{FieldCursor, FieldToRead};

/// Values after which a wave ends: four megabytes of them and of their times, a millisecond or two of work.
const WAVE_VALUES: usize = 1 << 18;

/// Fewer values than this are decoded before a second thread has begun.
const PARALLEL_VALUES: usize = 1 << 14;

/// Threads of one read. It is not to take a large machine from the other queries and the writes.
const MAX_THREADS: usize = 4;

/// Whether a read is to end before its time; asked often, from several threads.
pub(crate) type Stop<'s> = &'s (dyn Fn() -> bool + Sync);

/// Some fields of a series.
#[derive(Debug)]
pub(crate) struct SeriesFields {
    pub(crate) reader: SeriesReader,
    pub(crate) fields: VecDeque<FieldToRead>,
}

/// The fields that are read next.
#[derive(Debug, Default)]
pub(crate) struct Wave {
    parts: Vec<SeriesFields>,
    fields: usize,
    values: usize,
}

impl Wave {
    /// The next fields of a cursor: one, or several that have no more than [`WAVE_VALUES`] together. Empty at the end.
    ///
    /// # Errors
    /// A block could not be read; [`Error::Stopped`].
    pub(crate) fn next_of(cursor: &mut FieldCursor, stop: Stop<'_>) -> Result<Wave> {
        let mut wave = Wave::default();
        while let Some(mut series) = cursor.next_series(stop)? {
            let room = WAVE_VALUES.saturating_sub(wave.values) / series.reader.rows().max(1);
            let least = usize::from(wave.fields == 0);
            let rest = series
                .fields
                .split_off(room.max(least).min(series.fields.len()));
            let is_full = !rest.is_empty();
            if is_full {
                cursor.give_back(SeriesFields {
                    reader: series.reader.clone(),
                    fields: rest,
                });
            }
            wave.values += series.reader.rows() * series.fields.len();
            wave.fields += series.fields.len();
            wave.parts.push(series);
            if is_full {
                break;
            }
        }
        Ok(wave)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields == 0
    }

    /// The only field of the wave, if there is one and it has more than so many rows.
    pub(crate) fn into_long(mut self, rows: usize) -> Result<(SeriesReader, FieldToRead), Wave> {
        if self.fields == 1
            && let Some(part) = self.parts.iter().position(|part| !part.fields.is_empty())
            && self.parts[part].reader.rows() > rows
            && let Some(field) = self.parts[part].fields.pop_front()
        {
            return Ok((self.parts.swap_remove(part).reader, field));
        }
        Err(self)
    }

    /// What `read` makes of each field, in their order.
    ///
    /// # Errors
    /// The first that `read` gave; [`Error::Stopped`].
    pub(crate) fn read<T: Send>(
        self,
        stop: Stop<'_>,
        read: impl Fn(&mut SeriesReader, &FieldToRead) -> Result<Option<T>> + Sync,
    ) -> Result<Vec<T>> {
        let read_all = |parts: Vec<SeriesFields>| -> Result<Vec<T>> {
            let mut made = Vec::new();
            for SeriesFields { mut reader, fields } in parts {
                for field in &fields {
                    if stop() {
                        return Err(Error::Stopped);
                    }
                    made.extend(read(&mut reader, field)?);
                }
            }
            Ok(made)
        };
        let threads = match self.values < PARALLEL_VALUES {
            true => 1,
            false => std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        let mut shares = self.split(threads.min(MAX_THREADS));
        let own = shares.pop().unwrap_or_default();
        std::thread::scope(|scope| {
            let read_all = &read_all;
            let others: Vec<_> = shares
                .into_iter()
                .map(|share| scope.spawn(move || read_all(share)))
                .collect();
            let last = read_all(own);
            let mut made = Vec::new();
            for other in others {
                let panicked = |panic| std::panic::resume_unwind(panic);
                made.append(&mut other.join().unwrap_or_else(panicked)?);
            }
            made.append(&mut last?);
            Ok(made)
        })
    }

    /// The fields in so many shares of about one size, in order.
    fn split(self, shares: usize) -> Vec<Vec<SeriesFields>> {
        let size = self.fields.div_ceil(shares.max(1)).max(1);
        let mut split: Vec<Vec<SeriesFields>> = vec![Vec::new()];
        let mut taken = 0;
        for SeriesFields { reader, mut fields } in self.parts {
            while !fields.is_empty() {
                if taken == size {
                    split.push(Vec::new());
                    taken = 0;
                }
                let rest = fields.split_off((size - taken).min(fields.len()));
                taken += fields.len();
                if let Some(share) = split.last_mut() {
                    let reader = reader.clone();
                    share.push(SeriesFields { reader, fields });
                }
                fields = rest;
            }
        }
        split
    }
}
