//! Series of a source as tables: the bounds of the range, field, measurement and tags become columns.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::AggregateWindow;
use crate::source::{Aggregate, FieldValues, SeriesColumns, TimeRange};
use crate::table::{Column, Field, GroupKey, KeyValue, Table, Text, Vector};
use crate::value::window::Bounds;

/// Makes tables of series; labels that repeat are shared.
pub(super) struct SeriesTables {
    range: TimeRange,
    labels: HashMap<Arc<str>, Arc<str>>,
    start: Arc<str>,
    stop: Arc<str>,
    time: Arc<str>,
    value: Arc<str>,
    field: Arc<str>,
    measurement: Arc<str>,
}

impl SeriesTables {
    pub(super) fn new(range: TimeRange) -> Self {
        Self {
            range,
            labels: HashMap::new(),
            start: Arc::from("_start"),
            stop: Arc::from("_stop"),
            time: Arc::from("_time"),
            value: Arc::from("_value"),
            field: Arc::from("_field"),
            measurement: Arc::from("_measurement"),
        }
    }

    fn label(&mut self, key: &Arc<str>) -> Arc<str> {
        if let Some(label) = self.labels.get(key) {
            return Arc::clone(label);
        }
        self.labels.insert(Arc::clone(key), Arc::clone(key));
        Arc::clone(key)
    }

    fn key(&mut self, series: &SeriesColumns) -> GroupKey {
        let mut columns = Vec::with_capacity(series.tags.len() + 4);
        columns.push((
            Arc::clone(&self.start),
            KeyValue::Time(Some(self.range.start)),
        ));
        columns.push((
            Arc::clone(&self.stop),
            KeyValue::Time(Some(self.range.stop)),
        ));
        columns.push((
            Arc::clone(&self.field),
            KeyValue::String(Some(Arc::clone(&series.field))),
        ));
        columns.push((
            Arc::clone(&self.measurement),
            KeyValue::String(Some(Arc::clone(&series.measurement))),
        ));
        for (key, value) in series.tags.iter() {
            columns.push((self.label(key), KeyValue::String(Some(Arc::clone(value)))));
        }
        GroupKey::new(columns)
    }

    /// A table of `rows` rows: bounds, the given columns, field, measurement, tags.
    fn table(&mut self, series: &SeriesColumns, time: Option<Column>, value: Column) -> Table {
        let rows = value.len();
        let mut fields = Vec::with_capacity(series.tags.len() + 6);
        fields.push(Field {
            label: Arc::clone(&self.start),
            column: Column::instant(self.range.start, rows),
        });
        fields.push(Field {
            label: Arc::clone(&self.stop),
            column: Column::instant(self.range.stop, rows),
        });
        if let Some(time) = time {
            fields.push(Field {
                label: Arc::clone(&self.time),
                column: time,
            });
        }
        fields.push(Field {
            label: Arc::clone(&self.value),
            column: value,
        });
        fields.push(Field {
            label: Arc::clone(&self.field),
            column: Column::text(&series.field, rows),
        });
        fields.push(Field {
            label: Arc::clone(&self.measurement),
            column: Column::text(&series.measurement, rows),
        });
        for (key, value) in series.tags.iter() {
            fields.push(Field {
                label: self.label(key),
                column: Column::text(value, rows),
            });
        }
        Table::new(self.key(series), fields, rows)
    }

    pub(super) fn rows(&mut self, mut series: SeriesColumns) -> Table {
        let times = Column::Time(Vector::dense(std::mem::take(&mut series.times)));
        let values = column_of(std::mem::replace(
            &mut series.values,
            FieldValues::Float(Vec::new()),
        ));
        self.table(&series, Some(times), values)
    }

    pub(super) fn aggregated(&mut self, mut series: SeriesColumns, function: Aggregate) -> Table {
        let times = Column::Time(Vector::dense(std::mem::take(&mut series.times)));
        let values = column_of(std::mem::replace(
            &mut series.values,
            FieldValues::Float(Vec::new()),
        ));
        self.table(&series, function.is_selector().then_some(times), values)
    }

    /// A row a window: the source gives those that hold rows, `all` are those that the answer must have.
    pub(super) fn windowed(
        &mut self,
        mut series: SeriesColumns,
        spec: &AggregateWindow,
        all: &[Bounds],
    ) -> Table {
        let starts = std::mem::take(&mut series.times);
        let values = column_of(std::mem::replace(
            &mut series.values,
            FieldValues::Float(Vec::new()),
        ));
        let stop_wanted = spec.time_source.as_ref() == "_stop";
        let range = self.range;
        let mark = |bounds: &Bounds| {
            if stop_wanted {
                bounds.stop.min(range.stop)
            } else {
                bounds.start.max(range.start)
            }
        };
        if !spec.create_empty || starts.len() == all.len() {
            let marks: Vec<i64> = match spec.window.fixed_every() {
                Some(every) if stop_wanted => starts
                    .iter()
                    .map(|start| start.saturating_add(every).min(range.stop))
                    .collect(),
                Some(_) => starts
                    .iter()
                    .map(|start| (*start).max(range.start))
                    .collect(),
                None => starts
                    .iter()
                    .map(|start| mark(&spec.window.latest(*start)))
                    .collect(),
            };
            return self.table(&series, Some(Column::Time(Vector::dense(marks))), values);
        }
        let marks: Vec<i64> = all.iter().map(mark).collect();
        let mut next = 0;
        let rows: Vec<Option<usize>> = all
            .iter()
            .map(|bounds| {
                let here = starts.get(next) == Some(&bounds.start);
                next += usize::from(here);
                here.then(|| next - 1)
            })
            .collect();
        let values = match (&values, spec.function) {
            (Column::Integer(counts), Aggregate::Count) => {
                let counts = rows
                    .iter()
                    .map(|row| row.and_then(|row| counts.get(row).copied()).unwrap_or(0));
                Column::Integer(Vector::dense(counts.collect()))
            }
            _ => values.take_optional(&rows),
        };
        self.table(&series, Some(Column::Time(Vector::dense(marks))), values)
    }
}

/// A field's values as a column.
fn column_of(values: FieldValues) -> Column {
    match values {
        FieldValues::Float(values) => Column::Float(Vector::dense(values)),
        FieldValues::Integer(values) => Column::Integer(Vector::dense(values)),
        FieldValues::Unsigned(values) => Column::Unsigned(Vector::dense(values)),
        FieldValues::Boolean(values) => Column::Boolean(Vector::dense(values)),
        FieldValues::String(values) => {
            Column::String(Vector::dense(values.into_iter().map(Text).collect()))
        }
    }
}
