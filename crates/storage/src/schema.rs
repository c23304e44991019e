//! What a bucket holds by name: measurements, series, tags, fields.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use watchpost_core::point::{FieldType, SeriesKey};

use crate::error::Result;
use crate::predicate::{Predicate, Residual};
use crate::range::TimeRange;
use crate::store::Storage;
use crate::sync::read;

impl Storage {
    /// The series that match and have a row in the range, sorted. Conditions on fields and values
    /// count as met; of sealed rows only the first and last time of a block are looked at, so a
    /// series may be named for a range within a gap of it.
    pub fn series(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<Arc<SeriesKey>>> {
        let Some(bucket) = self.bucket(bucket) else {
            return Ok(Vec::new());
        };
        let state = read(&bucket.state);
        let selected = state.index.select(predicate).into_iter();
        Ok(selected
            .filter(|(id, key)| state.has_rows(*id, key, range))
            .map(|(_, key)| key)
            .collect())
    }

    /// The measurements of the matching series, sorted.
    pub fn measurements(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<String>> {
        let series = self.series(bucket, range, predicate)?;
        let names: BTreeSet<&str> = series.iter().map(|key| key.measurement()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    /// The tag keys of the matching series, sorted.
    pub fn tag_keys(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<String>> {
        let series = self.series(bucket, range, predicate)?;
        let keys: BTreeSet<&str> = series
            .iter()
            .flat_map(|key| key.tags())
            .map(|(key, _)| key.as_str())
            .collect();
        Ok(keys.into_iter().map(str::to_owned).collect())
    }

    /// The values that a tag has in the matching series, sorted.
    pub fn tag_values(
        &self,
        bucket: u64,
        tag: &str,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<String>> {
        let series = self.series(bucket, range, predicate)?;
        let values: BTreeSet<&str> = series.iter().filter_map(|key| key.tag(tag)).collect();
        Ok(values.into_iter().map(str::to_owned).collect())
    }

    /// The fields of the matching series with their types, sorted; a name that two measurements
    /// use for different types comes twice.
    pub fn field_keys(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<Vec<(String, FieldType)>> {
        let Some(bucket) = self.bucket(bucket) else {
            return Ok(Vec::new());
        };
        let mut readers = Vec::new();
        let mut known: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        {
            let state = read(&bucket.state);
            for (id, key) in state.index.select(predicate) {
                if state.has_rows(id, &key, range) {
                    readers.push(state.reader(id, &key, range));
                }
            }
            for (name, measurement) in state.index.measurements() {
                known.insert(name.clone(), measurement.live_fields().count());
            }
        }
        let mut found: BTreeMap<String, BTreeSet<(String, FieldType)>> = BTreeMap::new();
        for mut reader in readers {
            let key = reader.key.clone();
            let fields = found.entry(key.measurement().to_owned()).or_default();
            if known.get(key.measurement()) == Some(&fields.len()) {
                // Every field of the measurement was seen already.
                continue;
            }
            for (name, kind) in reader
                .fields()
                .inspect_err(|error| self.report_error(error))?
            {
                if !matches!(
                    predicate.partially_evaluate(&key, Some(&name)),
                    Residual::Never
                ) {
                    fields.insert((name.to_string(), kind));
                }
            }
        }
        let all: BTreeSet<(String, FieldType)> = found.into_values().flatten().collect();
        Ok(all.into_iter().collect())
    }
}
