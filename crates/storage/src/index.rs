//! The series index of a bucket, in memory: which series there are, which of them carry a tag
//! value, which fields a measurement has and of which type. It is rebuilt on opening from the
//! segments and the log, which name everything they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use watchpost_core::point::{FieldType, SeriesKey};

use crate::predicate::{Predicate, Residual};
use crate::segment::Schema;

/// The number of a series within its bucket, for this run of the program.
pub(crate) type SeriesId = u32;
/// The number of a field within its measurement, for this run of the program.
pub(crate) type FieldId = u32;

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Index {
    measurements: BTreeMap<Arc<str>, Measurement>,
    /// By id; `None` where a series went.
    series: Vec<Option<Arc<SeriesKey>>>,
    lookup: HashMap<Arc<SeriesKey>, SeriesId>,
}

/// One measurement.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// By id; types never change while the field has rows.
    pub(crate) fields: Vec<Field>,
    field_lookup: HashMap<Arc<str>, FieldId>,
    series: BTreeSet<SeriesId>,
    /// Tag key, tag value, and the series that have it, ascending.
    pub(crate) tags: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Vec<SeriesId>>>,
}

/// A field.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) kind: FieldType,
}

impl Index {
    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.lookup.len()
    }

    pub(crate) fn id_of(&self, key: &SeriesKey) -> Option<SeriesId> {
        self.lookup.get(key).copied()
    }

    pub(crate) fn key_of(&self, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        self.series.get(id as usize)?.as_ref()
    }

    pub(crate) fn measurement(&self, name: &str) -> Option<&Measurement> {
        self.measurements.get(name)
    }

    pub(crate) fn measurements(&self) -> impl Iterator<Item = (&Arc<str>, &Measurement)> {
        self.measurements.iter()
    }

    /// The id of a series, new if need be.
    pub(crate) fn add_series(&mut self, key: &Arc<SeriesKey>) -> SeriesId {
        if let Some(id) = self.lookup.get(key.as_ref()) {
            return *id;
        }
        let id = self.series.len() as SeriesId;
        self.series.push(Some(key.clone()));
        self.lookup.insert(key.clone(), id);
        let measurement = self
            .measurements
            .entry(key.measurement().into())
            .or_default();
        measurement.series.insert(id);
        for (tag, value) in key.tags() {
            let values = measurement.tags.entry(tag.as_str().into()).or_default();
            values.entry(value.as_str().into()).or_default().push(id);
        }
        id
    }

    /// The id of a field, new if need be; `Err` with the type it has if that is another.
    pub(crate) fn add_field(
        &mut self,
        measurement: &str,
        name: &str,
        kind: FieldType,
    ) -> Result<FieldId, FieldType> {
        if let Some((id, existing)) = self.field_of(measurement, name) {
            return if existing == kind {
                Ok(id)
            } else {
                Err(existing)
            };
        }
        let measurement = self.measurements.entry(measurement.into()).or_default();
        let id = measurement.fields.len() as FieldId;
        let name: Arc<str> = name.into();
        measurement.fields.push(Field {
            name: name.clone(),
            kind,
        });
        measurement.field_lookup.insert(name, id);
        Ok(id)
    }

    /// The id and type of a field, if it is known.
    pub(crate) fn field_of(&self, measurement: &str, name: &str) -> Option<(FieldId, FieldType)> {
        let measurement = self.measurements.get(measurement)?;
        let id = *measurement.field_lookup.get(name)?;
        Some((id, measurement.fields[id as usize].kind))
    }

    /// The series that a predicate does not rule out by measurement and tags, sorted by key.
    pub(crate) fn select(&self, predicate: &Predicate) -> Vec<(SeriesId, Arc<SeriesKey>)> {
        let mut selected = Vec::new();
        match predicate.required_measurement() {
            Some(name) => {
                if let Some(measurement) = self.measurements.get(name) {
                    self.select_of(measurement, predicate, &mut selected);
                }
            }
            None => {
                for measurement in self.measurements.values() {
                    self.select_of(measurement, predicate, &mut selected);
                }
            }
        }
        selected.sort_unstable_by(|(_, left), (_, right)| left.cmp(right));
        selected
    }

    fn select_of(
        &self,
        measurement: &Measurement,
        predicate: &Predicate,
        selected: &mut Vec<(SeriesId, Arc<SeriesKey>)>,
    ) {
        let mut keep = |id: &SeriesId| {
            if let Some(key) = self.key_of(*id)
                && !matches!(predicate.partially_evaluate(key, None), Residual::Never)
            {
                selected.push((*id, key.clone()));
            }
        };
        let required = predicate.required_tags();
        if required.is_empty() {
            return measurement.series.iter().for_each(keep);
        }
        let postings = |(tag, value): &(&str, &str)| measurement.tags.get(*tag)?.get(*value);
        let Some(postings) = required.iter().map(postings).collect::<Option<Vec<_>>>() else {
            return;
        };
        if let Some(shortest) = postings.into_iter().min_by_key(|series| series.len()) {
            shortest.iter().for_each(&mut keep);
        }
    }

    /// The tag with the most values over all measurements, and how many.
    pub(crate) fn widest_tag(&self) -> Option<(String, usize)> {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (tag, of_tag) in self
            .measurements
            .values()
            .flat_map(|measurement| &measurement.tags)
        {
            values
                .entry(tag)
                .or_default()
                .extend(of_tag.keys().map(AsRef::as_ref));
        }
        let (tag, values) = values.into_iter().max_by_key(|(_, values)| values.len())?;
        Some((tag.to_owned(), values.len()))
    }

    /// Forgets series and fields that have no rows any more.
    pub(crate) fn retain(
        &mut self,
        in_use: impl Fn(SeriesId, &SeriesKey) -> bool,
        schema: &Schema,
    ) {
        self.lookup.retain(|key, id| in_use(*id, key));
        let Index {
            series,
            lookup,
            measurements,
        } = self;
        for slot in series.iter_mut() {
            if slot
                .as_ref()
                .is_some_and(|key| !lookup.contains_key(key.as_ref()))
            {
                *slot = None;
            }
        }
        let is_known = |id: &SeriesId| series[*id as usize].is_some();
        measurements.retain(|name, measurement| {
            measurement.retain_series(is_known);
            let known = schema.get(name.as_ref());
            let used = |field: &Field| {
                known.is_some_and(|fields| fields.contains_key(field.name.as_ref()))
            };
            // Ids are positions and hot rows refer to them, so a field stays where it is; only the
            // name is given free for another type.
            measurement
                .field_lookup
                .retain(|_, id| used(&measurement.fields[*id as usize]));
            !measurement.series.is_empty()
        });
    }
}

impl Measurement {
    /// One pass over all postings, however many series go.
    fn retain_series(&mut self, is_known: impl Fn(&SeriesId) -> bool) {
        let before = self.series.len();
        self.series.retain(&is_known);
        if self.series.len() == before {
            return;
        }
        self.tags.retain(|_, values| {
            values.retain(|_, series| {
                series.retain(&is_known);
                !series.is_empty()
            });
            !values.is_empty()
        });
    }

    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Fields that have rows, in no order.
    pub(crate) fn live_fields(&self) -> impl Iterator<Item = &Field> {
        self.field_lookup
            .values()
            .map(|id| &self.fields[*id as usize])
    }
}
