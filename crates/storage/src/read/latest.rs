//! The last-value cache: what `last()` over everything answers for sealed rows, by series. It is
//! filled by the first who asks and emptied when the segments change.

use std::sync::{Arc, Mutex};

use hashbrown::HashMap;
use watchpost_core::point::{FieldType, FieldValue};

use crate::error::Result;
use crate::memory::bucket::{Bucket, State};
use crate::memory::index::SeriesId;
use crate::predicate::Predicate;
use crate::range::TimeRange;
use crate::read::aggregate::last_row;
use crate::read::reader::SeriesReader;
use crate::sync::{lock, read};

/// Most series in the cache. At forty fields a series takes about 2 KB; a dashboard that asks for
/// the last values of more series than this reads the headers of their newest blocks instead.
const MAX_SERIES: usize = 20_000;

/// The last row of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Latest {
    pub(crate) field: Arc<str>,
    pub(crate) kind: FieldType,
    pub(crate) time: i64,
    pub(crate) value: FieldValue,
}

/// The cache of a bucket.
#[derive(Debug, Default)]
pub(crate) struct LatestCache {
    /// Counts how often the cache was emptied.
    epoch: u64,
    series: Mutex<HashMap<SeriesId, Arc<Vec<Latest>>>>,
}

impl LatestCache {
    /// The segments changed.
    pub(crate) fn clear(&mut self) {
        self.epoch += 1;
        lock(&self.series).clear();
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The last sealed rows of a series, sorted by field.
    pub(crate) fn get(&self, series: SeriesId) -> Option<Arc<Vec<Latest>>> {
        lock(&self.series).get(&series).cloned()
    }

    /// Keeps what was read from the segments of an epoch, if they are still the same.
    pub(crate) fn put(&self, epoch: u64, series: SeriesId, latest: Arc<Vec<Latest>>) {
        let mut cache = lock(&self.series);
        if epoch == self.epoch && cache.len() < MAX_SERIES {
            cache.insert(series, latest);
        }
    }
}

impl State {
    /// Whether sealed rows are all that the cache has to tell about.
    pub(crate) fn is_cacheable(&self) -> bool {
        self.frozen.is_none() && self.tombstones.is_empty() && !self.index.has_mixed_types()
    }
}

/// Fills the cache for the series that a predicate selects.
pub(crate) fn warm(bucket: &Bucket, predicate: &Predicate) -> Result<()> {
    let (epoch, missing) = {
        let state = read(&bucket.state);
        if !state.is_cacheable() {
            return Ok(());
        }
        let selected = state.index.select(predicate).into_iter();
        let missing: Vec<(SeriesId, SeriesReader)> = selected
            .filter(|(id, _)| state.latest.get(*id).is_none())
            .take(MAX_SERIES)
            .map(|(id, key)| {
                (
                    id,
                    SeriesReader::of_blocks(&key, state.blocks_of(&key, TimeRange::ALL)),
                )
            })
            .collect();
        (state.latest.epoch(), missing)
    };
    for (id, mut reader) in missing {
        let mut latest = Vec::new();
        for (field, kind) in reader.fields()? {
            if let Some((time, value)) = last_row(&mut reader, &field, kind)? {
                latest.push(Latest {
                    field,
                    kind,
                    time,
                    value,
                });
            }
        }
        read(&bucket.state).latest.put(epoch, id, Arc::new(latest));
    }
    Ok(())
}
