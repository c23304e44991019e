//! The series index of a bucket, in memory: which series there are, which of them carry a tag
//! value, which fields a measurement has and of which type. It is rebuilt on opening from the
//! segments and the log, which name everything they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hashbrown::HashMap;
use watchpost_core::point::{FieldType, SeriesKey};

use crate::predicate::{Predicate, Residual};

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
    /// Some name of a field stands for several types.
    mixed_types: bool,
    /// Fields of all measurements, those that went included; each of them still takes memory.
    fields: usize,
}

/// One measurement.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// By id.
    pub(crate) fields: Vec<Field>,
    /// Most names have one type, and so one field.
    field_lookup: HashMap<Arc<str>, Vec<FieldId>>,
    series: BTreeSet<SeriesId>,
    /// Tag key, tag value, and the series that have it, ascending.
    pub(crate) tags: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Vec<SeriesId>>>,
}

/// A field of one type; another week may have one of the same name and another type.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    pub(crate) kind: FieldType,
    /// Where it has rows, or had some before a delete.
    weeks: BTreeSet<i32>,
}

/// The weeks in which fields have rows, by measurement, name and type.
pub(crate) type FieldWeeks = BTreeMap<String, FieldWeeksOf>;

/// The same of one measurement.
pub(crate) type FieldWeeksOf = BTreeMap<(String, FieldType), BTreeSet<i32>>;

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
        // Mostly known, and then the names need not be copied for each series: a start adds a million of them.
        let measurement = known_or_new(&mut self.measurements, key.measurement());
        measurement.series.insert(id);
        for (tag, value) in key.tags() {
            let values = known_or_new(&mut measurement.tags, tag);
            known_or_new(values, value).push(id);
        }
        id
    }

    /// The id of a field with rows in a week, new if need be. Whether the week has another type is for
    /// [`Index::other_type`] to say before.
    pub(crate) fn add_field(
        &mut self,
        measurement: &str,
        name: &str,
        kind: FieldType,
        week: i32,
    ) -> FieldId {
        let measurement = known_or_new(&mut self.measurements, measurement);
        let known = measurement
            .ids_of(name)
            .find(|id| measurement.fields[*id as usize].kind == kind);
        let id = match known {
            Some(id) => id,
            None => {
                let id = measurement.fields.len() as FieldId;
                let name: Arc<str> = name.into();
                let weeks = BTreeSet::new();
                measurement.fields.push(Field {
                    name: name.clone(),
                    kind,
                    weeks,
                });
                self.fields += 1;
                let ids = measurement.field_lookup.entry(name).or_default();
                ids.push(id);
                self.mixed_types |= ids.len() > 1;
                id
            }
        };
        measurement.fields[id as usize].weeks.insert(week);
        id
    }

    /// The type that a field has in a week, if that is not `kind`.
    pub(crate) fn other_type(
        &self,
        measurement: &str,
        name: &str,
        kind: FieldType,
        week: i32,
    ) -> Option<FieldType> {
        let measurement = self.measurements.get(measurement)?;
        let fields = measurement
            .ids_of(name)
            .map(|id| &measurement.fields[id as usize]);
        fields
            .filter(|field| field.kind != kind)
            .find(|field| field.weeks.contains(&week))
            .map(|field| field.kind)
    }

    /// How many fields there are, over all measurements.
    pub(crate) fn field_count(&self) -> usize {
        self.fields
    }

    /// How many of some fields of a measurement are not known yet.
    pub(crate) fn count_new<'f>(
        &self,
        measurement: &str,
        fields: impl Iterator<Item = (&'f str, FieldType)>,
    ) -> usize {
        let Some(measurement) = self.measurements.get(measurement) else {
            return fields.count();
        };
        let is_known = |name: &str, kind: FieldType| {
            let mut ids = measurement.ids_of(name);
            ids.any(|id| measurement.fields[id as usize].kind == kind)
        };
        fields.filter(|(name, kind)| !is_known(name, *kind)).count()
    }

    /// Whether some field has had rows of several types.
    pub(crate) fn has_mixed_types(&self) -> bool {
        self.mixed_types
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
        fields: &FieldWeeks,
    ) {
        self.lookup.retain(|key, id| in_use(*id, key));
        let Index {
            series,
            lookup,
            measurements,
            mixed_types,
            fields: field_count,
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
            measurement.retain_fields(fields.get(name.as_ref()));
            !measurement.series.is_empty()
        });
        *mixed_types = measurements.values().any(Measurement::has_mixed_types);
        *field_count = measurements.values().map(|found| found.fields.len()).sum();
    }
}

/// The entry of a name, which is copied only if it is new.
fn known_or_new<'m, T: Default>(map: &'m mut BTreeMap<Arc<str>, T>, name: &str) -> &'m mut T {
    if !map.contains_key(name) {
        map.insert(name.into(), T::default());
    }
    map.get_mut(name)
        .expect("it is there or was inserted above")
}

impl Measurement {
    /// The ids of the fields of a name, one for each type.
    fn ids_of(&self, name: &str) -> impl Iterator<Item = FieldId> {
        let ids = self.field_lookup.get(name);
        ids.map_or(&[][..], Vec::as_slice).iter().copied()
    }

    fn has_mixed_types(&self) -> bool {
        self.field_lookup.values().any(|ids| ids.len() > 1)
    }

    /// Keeps the names of fields that have rows. Ids are positions and hot rows refer to them, so a
    /// field stays where it is; only its name and weeks are given free for another type.
    fn retain_fields(&mut self, known: Option<&FieldWeeksOf>) {
        let Measurement {
            fields,
            field_lookup,
            ..
        } = self;
        for field in fields.iter_mut() {
            let weeks = known.and_then(|known| known.get(&(field.name.to_string(), field.kind)));
            field.weeks = weeks.cloned().unwrap_or_default();
        }
        field_lookup.retain(|_, ids| {
            ids.retain(|id| !fields[*id as usize].weeks.is_empty());
            !ids.is_empty()
        });
    }

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

    /// How many names of fields have rows.
    pub(crate) fn field_count(&self) -> usize {
        self.field_lookup.len()
    }

    /// Fields that have rows, in no order; one for each type of a name.
    pub(crate) fn live_fields(&self) -> impl Iterator<Item = &Field> {
        let ids = self.field_lookup.values().flatten();
        ids.map(|id| &self.fields[*id as usize])
    }
}
