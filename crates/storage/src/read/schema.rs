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
        let range = bucket.visible(range);
        let state = read(&bucket.state);
        let selected = state.index.select(predicate).into_iter();
        Ok(selected
            .filter(|(id, key)| state.has_rows(*id, key, range))
            .map(|(_, key)| key)
            .collect())
    }

    /// How many series match and have a row in the range, by the index, and by the heads of blocks
    /// if the predicate asks for fields. Conditions on values count as met; ranges are as coarse
    /// as for [`Storage::series`].
    pub fn cardinality(
        &self,
        bucket: u64,
        range: TimeRange,
        predicate: &Predicate,
    ) -> Result<usize> {
        let Some(bucket) = self.bucket(bucket) else {
            return Ok(0);
        };
        let range = bucket.visible(range);
        let mut count = 0;
        let mut readers = Vec::new();
        {
            let state = read(&bucket.state);
            for (id, key) in state.index.select(predicate) {
                if !state.has_rows(id, &key, range) {
                    continue;
                }
                match predicate.partially_evaluate(&key, None) {
                    Residual::Always => count += 1,
                    Residual::Never => {}
                    Residual::Value(_) => readers.push(state.reader(id, &key, range)),
                }
            }
        }
        for mut reader in readers {
            let key = reader.key.clone();
            let can_match = |name: &str| {
                let rest = predicate.partially_evaluate(&key, Some(name));
                !matches!(rest, Residual::Never)
            };
            let fields = reader.fields_that(can_match);
            let fields = fields.inspect_err(|error| self.report_error(error))?;
            count += usize::from(!fields.is_empty());
        }
        Ok(count)
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
        let range = bucket.visible(range);
        let mut readers = Vec::new();
        let mut known: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
        {
            let state = read(&bucket.state);
            for (id, key) in state.index.select(predicate) {
                if state.has_rows(id, &key, range) {
                    readers.push(state.reader(id, &key, range));
                }
            }
            for (name, measurement) in state.index.measurements() {
                let fields = measurement.live_fields();
                known.insert(
                    name.clone(),
                    fields.map(|field| field.name.clone()).collect(),
                );
            }
        }
        let mut found: BTreeMap<String, BTreeMap<Arc<str>, FieldType>> = BTreeMap::new();
        for mut reader in readers {
            let key = reader.key.clone();
            let fields = found.entry(key.measurement().to_owned()).or_default();
            let can_match = |name: &str| {
                let rest = predicate.partially_evaluate(&key, Some(name));
                !matches!(rest, Residual::Never)
            };
            let is_new = |name: &Arc<str>| !fields.contains_key(name) && can_match(name);
            if !known
                .get(key.measurement())
                .is_none_or(|names| names.iter().any(is_new))
            {
                // Every field that can match was seen already.
                continue;
            }
            let read = reader.fields_that(can_match);
            fields.extend(read.inspect_err(|error| self.report_error(error))?);
        }
        let all = found.into_values().flatten();
        let all: BTreeSet<(String, FieldType)> =
            all.map(|(name, kind)| (name.to_string(), kind)).collect();
        Ok(all.into_iter().collect())
    }

    /// The types of all fields of a bucket, whatever series and time.
    pub fn field_types(&self, bucket: u64) -> BTreeSet<FieldType> {
        let Some(bucket) = self.bucket(bucket) else {
            return BTreeSet::new();
        };
        let state = read(&bucket.state);
        let measurements = state.index.measurements();
        measurements
            .flat_map(|(_, measurement)| measurement.live_fields())
            .map(|field| field.kind)
            .collect()
    }
}
