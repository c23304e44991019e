//! From the tables of a query, a field of a series each, to the rows of a measurement.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::csv::{Table, Value};

use super::{Column, Values, write};
use crate::error::{Error, Result};
use crate::transfer::{NO_TAGS, cells_of};

/// The column of the times.
const TIME: &str = "time";

/// A series: its tags, sorted.
type Series = Vec<(String, String)>;

/// The points of a measurement.
#[derive(Debug, Default)]
pub struct Measurement {
    series: BTreeMap<Series, BTreeMap<i64, BTreeMap<String, Value>>>,
    values: u64,
}

impl Measurement {
    /// Sorts a table's values into the measurement that it is of.
    ///
    /// # Errors
    /// The table is no series.
    pub fn add(all: &mut BTreeMap<String, Measurement>, table: &Table) -> Result<()> {
        let labels = table.columns.iter().map(|column| column.label.as_str());
        let tags: Vec<&str> = labels.filter(|label| !NO_TAGS.contains(label)).collect();
        for row in table.rows() {
            let (measurement, field, time) = cells_of(row)?;
            let Some(value) = row.get("_value").filter(|value| !value.is_null()) else {
                continue;
            };
            let of_row = tags.iter().filter_map(|tag| {
                let text = row.str(tag).filter(|text| !text.is_empty())?;
                Some(((*tag).to_owned(), text.to_owned()))
            });
            let mut series: Series = of_row.collect();
            series.sort();
            let found = all.entry(measurement.to_owned()).or_default();
            let times = found.series.entry(series).or_default();
            times
                .entry(time)
                .or_default()
                .insert(field.to_owned(), value.clone());
            found.values += 1;
        }
        Ok(())
    }

    /// How many values it has.
    pub fn values(&self) -> u64 {
        self.values
    }

    /// The Parquet file of it. A field has the type of its first value; values of another type are missing.
    ///
    /// # Errors
    /// Of the compression.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        let tags: BTreeSet<&String> = self.series.keys().flatten().map(|(tag, _)| tag).collect();
        let mut columns = Vec::new();
        for tag in &tags {
            columns.push(self.tag(tag));
        }
        let times = self.rows().map(|(time, _)| time).collect::<Vec<_>>();
        let rows = times.len();
        columns.push(Column {
            name: TIME.to_owned(),
            values: Values::Times(times),
        });
        let mut fields: BTreeMap<&String, &Value> = BTreeMap::new();
        for (_, row) in self.rows() {
            for (field, value) in row {
                fields.entry(field).or_insert(value);
            }
        }
        for (field, first) in fields {
            // A field of a tag's name, which line protocol allows and tables do not.
            let is_taken = tags.contains(field) || field == TIME;
            let name = if is_taken {
                format!("{field}_field")
            } else {
                field.clone()
            };
            columns.push(Column {
                name,
                values: self.field(field, first),
            });
        }
        let key: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
        let about = BTreeMap::from([
            ("iox::measurement::name", name.to_owned()),
            ("iox::series::key", key.join("/")),
        ]);
        write(&columns, rows, &about).map_err(|error| Error::Refused(error.to_string()))
    }

    fn rows(&self) -> impl Iterator<Item = (i64, &BTreeMap<String, Value>)> {
        let rows = self.series.values().flatten();
        rows.map(|(time, fields)| (*time, fields))
    }

    fn tag(&self, tag: &str) -> Column {
        let of = |series: &Series| {
            let found = series.iter().find(|(name, _)| name == tag);
            found.map(|(_, value)| value.clone())
        };
        let known: BTreeSet<String> = self.series.keys().filter_map(of).collect();
        let entries: Vec<String> = known.into_iter().collect();
        let mut places = Vec::new();
        for (series, times) in &self.series {
            let place = of(series).and_then(|value| entries.binary_search(&value).ok());
            let place = place.map(|place| place as u32);
            places.extend(std::iter::repeat_n(place, times.len()));
        }
        Column {
            name: tag.to_owned(),
            values: Values::Tags(entries, places),
        }
    }

    fn field(&self, field: &str, first: &Value) -> Values {
        let cells = self.rows().map(|(_, row)| row.get(field));
        match first {
            Value::Integer(_) => Values::Integers(cells.map(|cell| cell?.as_i64()).collect()),
            Value::Boolean(_) => Values::Booleans(cells.map(|cell| cell?.as_bool()).collect()),
            Value::Unsigned(_) => Values::Unsigned(
                cells
                    .map(|cell| match cell? {
                        Value::Unsigned(value) => Some(*value),
                        _ => None,
                    })
                    .collect(),
            ),
            Value::String(_) => {
                Values::Texts(cells.map(|cell| Some(cell?.as_str()?.to_owned())).collect())
            }
            _ => Values::Floats(
                cells
                    .map(|cell| match cell? {
                        Value::Float(value) => Some(*value),
                        _ => None,
                    })
                    .collect(),
            ),
        }
    }
}
