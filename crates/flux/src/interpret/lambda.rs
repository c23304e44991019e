//! The functions that table functions are given, applied to a whole table: for all rows at once where that works, row by
//! row where it does not.

use std::rc::Rc;
use std::sync::Arc;

use super::arguments::Arguments;
use super::function::Function;
use crate::error::Error;
use crate::execute::Context;
use crate::table::{Column, Field, Table, Vector};
use crate::value::{Record, Row, Value};

/// A function of one row.
#[derive(Clone)]
pub struct Lambda {
    function: Function,
    parameter: Arc<str>,
}

impl Lambda {
    /// The function must take one parameter that has no default.
    ///
    /// # Errors
    /// It takes more or none.
    pub fn new(function: Function) -> Result<Self, Error> {
        let parameters = function.parameters();
        let mut required = parameters.iter().filter(|parameter| !parameter.optional);
        let parameter = required.next().or(parameters.first());
        let parameter =
            parameter.ok_or_else(|| Error::invalid("function must have one parameter"))?;
        let parameter = Arc::clone(&parameter.name);
        if required.next().is_some() {
            return Err(Error::invalid("function must have exactly one parameter"));
        }
        Ok(Self {
            function,
            parameter,
        })
    }

    fn call(&self, context: &Context<'_>, row: Row) -> Result<Value, Error> {
        let arguments = Arguments::new(
            vec![(Arc::clone(&self.parameter), Value::Row(row))],
            Default::default(),
        );
        context.within_lambda(|| context.call(&self.function, arguments, None))
    }

    /// The value for one row.
    ///
    /// # Errors
    /// What the function says.
    pub fn row(
        &self,
        context: &Context<'_>,
        table: &Rc<Table>,
        row: usize,
    ) -> Result<Value, Error> {
        self.call(
            context,
            Row {
                table: Rc::clone(table),
                row: Some(row),
            },
        )
    }

    /// The value for a record.
    ///
    /// # Errors
    /// What the function says.
    pub fn value(&self, context: &Context<'_>, value: Value) -> Result<Value, Error> {
        let arguments = Arguments::new(
            vec![(Arc::clone(&self.parameter), value)],
            Default::default(),
        );
        context.within_lambda(|| context.call(&self.function, arguments, None))
    }

    /// Whether the function is true, row by row; null counts as not.
    ///
    /// # Errors
    /// What the function says, a result that is no truth value.
    pub fn mask(&self, context: &Context<'_>, table: &Rc<Table>) -> Result<Mask, Error> {
        let all = context.for_all_rows(table.rows, || {
            self.call(
                context,
                Row {
                    table: Rc::clone(table),
                    row: None,
                },
            )
        });
        match all {
            Ok(Value::Boolean(true)) => return Ok(Mask::All),
            Ok(Value::Boolean(false) | Value::Null) => return Ok(Mask::None),
            Ok(Value::Column(Column::Boolean(Vector::Constant { value, .. }))) => {
                return Ok(if value == Some(true) {
                    Mask::All
                } else {
                    Mask::None
                });
            }
            Ok(Value::Column(Column::Boolean(vector))) => return Ok(Mask::from_vector(&vector)),
            Ok(_) | Err(_) => {}
        }
        let mut rows = Vec::new();
        for row in 0..table.rows {
            match self.row(context, table, row)? {
                Value::Boolean(true) => rows.push(row),
                Value::Boolean(false) | Value::Null => {}
                other => {
                    return Err(Error::invalid(format!(
                        "expected bool but found {}",
                        other.type_name()
                    )));
                }
            }
        }
        Ok(Mask::of_rows(rows, table.rows))
    }

    /// The records that the function makes, as columns in the order of their properties.
    ///
    /// # Errors
    /// What the function says, a result that is no record.
    pub fn records(&self, context: &Context<'_>, table: &Rc<Table>) -> Result<Vec<Field>, Error> {
        if table.rows == 0 {
            return Ok(Vec::new());
        }
        let all = context.for_all_rows(table.rows, || {
            self.call(
                context,
                Row {
                    table: Rc::clone(table),
                    row: None,
                },
            )
        });
        if let Ok(Value::Row(row)) = &all
            && Rc::ptr_eq(&row.table, table)
        {
            return Ok(table.fields.clone());
        }
        if let Ok(Value::Record(record)) = all
            && let Some(fields) = whole_columns(&record, table.rows)
        {
            return Ok(fields);
        }
        let mut records = Vec::with_capacity(table.rows);
        for row in 0..table.rows {
            records.push(match self.row(context, table, row)? {
                Value::Record(record) => record,
                Value::Row(row) => Rc::new(row.record()),
                other => {
                    return Err(Error::invalid(format!(
                        "map function must return an object, got {}",
                        other.type_name()
                    )));
                }
            });
        }
        columns_of_records(&records)
    }
}

/// Which rows a predicate keeps.
pub enum Mask {
    /// All.
    All,
    /// None.
    None,
    /// These, ascending.
    Rows(Vec<usize>),
}

impl Mask {
    fn of_rows(rows: Vec<usize>, total: usize) -> Self {
        match rows.len() {
            0 => Self::None,
            kept if kept == total => Self::All,
            _ => Self::Rows(rows),
        }
    }

    fn from_vector(vector: &Vector<bool>) -> Self {
        let total = vector.len();
        let rows: Vec<usize> = match vector.as_slice() {
            Some(values) => values
                .iter()
                .enumerate()
                .filter_map(|(row, keep)| keep.then_some(row))
                .collect(),
            None => vector
                .present()
                .filter_map(|(row, keep)| keep.then_some(row))
                .collect(),
        };
        Self::of_rows(rows, total)
    }
}

/// A record of whole columns as columns; `None` if it holds what no column can.
fn whole_columns(record: &Record, rows: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::with_capacity(record.len());
    for (label, value) in record.iter() {
        let column = match value {
            Value::Column(column) => column.clone(),
            Value::Null => continue,
            other => Column::repeat(other, rows)?,
        };
        fields.push(Field {
            label: Arc::clone(label),
            column,
        });
    }
    Some(fields)
}

/// Records as columns: a label's type is that of its first value; labels that are null in all records make no column.
///
/// # Errors
/// A label has values of two types, or of one that no column can hold.
pub fn columns_of_records(records: &[Rc<Record>]) -> Result<Vec<Field>, Error> {
    columns_like(records, || None)
}

/// As [`columns_of_records`]; a label that is null in all records is of the type that it has in an example, asked for
/// only then.
///
/// # Errors
/// As [`columns_of_records`].
pub fn columns_like(
    records: &[Rc<Record>],
    example: impl Fn() -> Option<Rc<Record>>,
) -> Result<Vec<Field>, Error> {
    let mut labels: Vec<Arc<str>> = Vec::new();
    for record in records {
        for (label, _) in record.iter() {
            if !labels.contains(label) {
                labels.push(Arc::clone(label));
            }
        }
    }
    let mut fields = Vec::with_capacity(labels.len());
    for label in labels {
        let values: Vec<Value> = records
            .iter()
            .map(|record| record.get(&label).cloned().unwrap_or(Value::Null))
            .collect();
        let known = values.iter().find(|value| !value.is_null()).cloned();
        let known = known.or_else(|| example()?.get(&label).cloned());
        let Some(known) = known.filter(|value| !value.is_null()) else {
            continue;
        };
        let Some(kind) = Column::repeat(&known, 0).map(|column| column.kind()) else {
            return Err(Error::invalid(format!(
                "invalid type of property {label:?}: {} is not a column type",
                known.type_name()
            )));
        };
        let column = Column::from_values(&values, kind).ok_or_else(|| {
            Error::invalid(format!(
                "schema collision detected: column {label:?} has values of different types"
            ))
        })?;
        fields.push(Field { label, column });
    }
    Ok(fields)
}
