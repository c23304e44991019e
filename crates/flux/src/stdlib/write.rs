//! Writing back: `to`, `experimental.to`, `influxdb.wideTo`. The rows pass through.

use std::rc::Rc;
use std::sync::Arc;

use super::build::each;
use super::native;
use super::sources::{bucket_of, of_this_host};
use crate::effects::{OutputPoint, OutputValue};
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Effect;
use crate::interpret::{Arguments, Lambda, Native};
use crate::source::BucketReference;
use crate::table::{Column, Table};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("", "to", TO, Effect, to),
    native("influxdata/influxdb", "to", TO, Effect, to),
    native("", "wideTo", WIDE_TO, Effect, wide_to),
    native("influxdata/influxdb", "wideTo", WIDE_TO, Effect, wide_to),
    native("experimental", "to", WIDE_TO, Effect, wide_to),
];

const TO: &str = "<-tables, ?bucket, ?bucketID, ?org, ?orgID, ?host, ?token, ?timeColumn, ?measurementColumn, ?tagColumns, ?fieldFn";
const WIDE_TO: &str = "<-tables, ?bucket, ?bucketID, ?org, ?orgID, ?host, ?token";

/// Points handed to the host at a time: bounds what is in memory twice.
const BATCH: usize = 5_000;

/// The arguments of `to`.
struct Narrow {
    bucket: BucketReference,
    time_column: Arc<str>,
    measurement_column: Arc<str>,
    tag_columns: Option<Vec<Arc<str>>>,
    fields: Option<Lambda>,
}

fn to(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    of_this_host(arguments, "to: writing to")?;
    let spec = Narrow {
        bucket: bucket_of(arguments, "to")?,
        time_column: arguments.string_or("timeColumn", "_time")?,
        measurement_column: arguments.string_or("measurementColumn", "_measurement")?,
        tag_columns: arguments.optional_strings("tagColumns")?,
        fields: arguments
            .optional_function("fieldFn")?
            .map(Lambda::new)
            .transpose()?,
    };
    each(context, arguments, "to", move |context, table, out| {
        let table = Rc::new(table);
        let mut batch = Vec::new();
        if table.rows > 0 {
            spec.points(context, &table, &mut batch)?;
        }
        flush(context, &spec.bucket, &mut batch)?;
        out(Rc::unwrap_or_clone(table))
    })
}

fn flush(
    context: &Context<'_>,
    bucket: &BucketReference,
    batch: &mut Vec<OutputPoint>,
) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    context.effects().write(bucket, std::mem::take(batch))
}

impl Narrow {
    fn points(
        &self,
        context: &Context<'_>,
        table: &Rc<Table>,
        batch: &mut Vec<OutputPoint>,
    ) -> Result<(), Error> {
        let times = match table.column(&self.time_column) {
            Some(Column::Time(times)) => times.clone(),
            _ => return Err(Error::invalid("no time column detected")),
        };
        let Some(Column::String(measurements)) = table.column(&self.measurement_column) else {
            return Err(Error::invalid(format!(
                "no column with label {} exists",
                self.measurement_column
            )));
        };
        if self.fields.is_none() && table.column("_field").is_none() {
            return Err(Error::invalid("no column with label _field exists"));
        }
        let tags = self.tags(table);
        for row in 0..table.rows {
            let (Some(time), Some(measurement)) = (times.get(row), measurements.get(row)) else {
                continue;
            };
            let fields = self.fields_of(context, table, row)?;
            if fields.is_empty() {
                continue;
            }
            batch.push(OutputPoint {
                measurement: Arc::clone(&measurement.0),
                tags: tags_of(&tags, row),
                fields,
                time: *time,
            });
            if batch.len() >= BATCH {
                flush(context, &self.bucket, batch)?;
            }
        }
        Ok(())
    }

    /// The columns of tags: those named, or all texts that are not the measurement, the field or the value.
    fn tags(&self, table: &Table) -> Vec<(Arc<str>, Column)> {
        let is_tag = |label: &Arc<str>, column: &Column| match &self.tag_columns {
            Some(named) => named.contains(label),
            None => {
                matches!(column, Column::String(_))
                    && !matches!(label.as_ref(), "_measurement" | "_field" | "_value")
                    && *label != self.measurement_column
            }
        };
        let fields = table
            .fields
            .iter()
            .filter(|field| is_tag(&field.label, &field.column));
        let mut tags: Vec<_> = fields
            .map(|field| (Arc::clone(&field.label), field.column.clone()))
            .collect();
        tags.sort_by(|a, b| a.0.cmp(&b.0));
        tags
    }

    fn fields_of(
        &self,
        context: &Context<'_>,
        table: &Rc<Table>,
        row: usize,
    ) -> Result<Vec<(Arc<str>, OutputValue)>, Error> {
        let mut fields = Vec::new();
        let Some(lambda) = &self.fields else {
            let name = table.expect_column("_field")?.value(row);
            let value = table.expect_column("_value")?.value(row);
            if let (Value::String(name), Some(value)) = (name, output(&value)) {
                fields.push((name, value));
            }
            return Ok(fields);
        };
        match lambda.row(context, table, row)? {
            Value::Record(record) => {
                for (name, value) in record.iter() {
                    if let Some(value) = output(value) {
                        fields.push((Arc::clone(name), value));
                    }
                }
                Ok(fields)
            }
            other => Err(Error::invalid(format!(
                "fieldFn must return an object, got {}",
                other.type_name()
            ))),
        }
    }
}

fn tags_of(tags: &[(Arc<str>, Column)], row: usize) -> Vec<(Arc<str>, Arc<str>)> {
    let texts = tags
        .iter()
        .filter_map(|(label, column)| match column.value(row) {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some((Arc::clone(label), text)),
            other => {
                let text = crate::value::interpolate(&other).ok()?;
                Some((Arc::clone(label), Arc::from(text)))
            }
        });
    texts.collect()
}

/// A value as a field; null is none, a time is its nanoseconds.
fn output(value: &Value) -> Option<OutputValue> {
    Some(match value {
        Value::Float(value) => OutputValue::Float(*value),
        Value::Integer(value) | Value::Time(value) => OutputValue::Integer(*value),
        Value::Unsigned(value) => OutputValue::Unsigned(*value),
        Value::String(value) => OutputValue::String(Arc::clone(value)),
        Value::Boolean(value) => OutputValue::Boolean(*value),
        _ => return None,
    })
}

/// Rows with a column a field; the key's texts are the tags.
fn wide_to(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    of_this_host(arguments, "wideTo: writing to")?;
    let bucket = bucket_of(arguments, "wideTo")?;
    each(context, arguments, "wide-to", move |context, table, out| {
        if table.rows > 0 {
            let mut batch = Vec::new();
            wide_points(context, &bucket, &table, &mut batch)?;
            flush(context, &bucket, &mut batch)?;
        }
        out(table)
    })
}

fn wide_points(
    context: &Context<'_>,
    bucket: &BucketReference,
    table: &Table,
    batch: &mut Vec<OutputPoint>,
) -> Result<(), Error> {
    if table.key.contains("_field") {
        return Err(Error::invalid(
            "found column \"_field\" in the group key; wideTo() expects pivoted data",
        ));
    }
    let Some(Column::Time(times)) = table.column("_time") else {
        return Err(Error::invalid("no time column detected"));
    };
    let Some(Column::String(measurements)) = table.column("_measurement") else {
        return Err(Error::invalid(
            "required column \"_measurement\" not in group key",
        ));
    };
    if !table.key.contains("_measurement") {
        return Err(Error::invalid(
            "required column \"_measurement\" not in group key",
        ));
    }
    let own = |label: &str| matches!(label, "_time" | "_measurement" | "_start" | "_stop");
    let mut tags = Vec::new();
    let mut fields = Vec::new();
    for field in &table.fields {
        if own(&field.label) {
            continue;
        }
        match (table.key.contains(&field.label), &field.column) {
            (true, Column::String(_)) => {
                tags.push((Arc::clone(&field.label), field.column.clone()))
            }
            (true, other) => {
                return Err(Error::invalid(format!(
                    "group key column {:?} has type {}; tags are strings",
                    field.label,
                    other.kind()
                )));
            }
            (false, _) => fields.push(field),
        }
    }
    tags.sort_by(|a, b| a.0.cmp(&b.0));
    for row in 0..table.rows {
        let (Some(time), Some(measurement)) = (times.get(row), measurements.get(row)) else {
            continue;
        };
        let values = fields.iter().filter_map(|field| {
            Some((Arc::clone(&field.label), output(&field.column.value(row))?))
        });
        let values: Vec<_> = values.collect();
        if values.is_empty() {
            continue;
        }
        batch.push(OutputPoint {
            measurement: Arc::clone(&measurement.0),
            tags: tags_of(&tags, row),
            fields: values,
            time: *time,
        });
        if batch.len() >= BATCH {
            flush(context, bucket, batch)?;
        }
    }
    Ok(())
}
