//! Names and distinct values: `keys`, `distinct`, `keep`, and how storage answers chains of them from its index.

use std::rc::Rc;
use std::sync::Arc;

use super::columns::{keep_columns, texts};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::plan::{Group, Node, Operation, Out, SchemaOperation};
use crate::source::SchemaRequest;
use crate::table::{Column, ColumnType, Field, GroupKey, Table, Text};
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[native(
    "",
    "distinct",
    "<-tables, ?column",
    Stream,
    distinct,
)];

fn distinct(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let column = arguments.string_or("column", "_value")?;
    let input = arguments.stream("tables")?;
    context.stream(
        Operation::Schema(SchemaOperation::Distinct { column }),
        vec![input],
        arguments,
    )
}

/// Runs one of the operations in memory.
///
/// # Errors
/// A column is missing.
pub fn schema_tables(
    context: &Context<'_>,
    spec: &SchemaOperation,
    tables: Vec<Table>,
    out: &mut Out<'_>,
) -> Result<(), Error> {
    match spec {
        SchemaOperation::Keep { columns } => keep_columns(context, columns, tables, out),
        SchemaOperation::Keys { column } => tables.into_iter().try_for_each(|table| {
            let names: Vec<Text> = table
                .labels()
                .filter(|label| table.key.contains(label))
                .map(|label| Text(Arc::clone(label)))
                .collect();
            out(texts(table.key.clone(), column, names))
        }),
        SchemaOperation::Distinct { column } => tables
            .into_iter()
            .try_for_each(|table| out(distinct_table(&table, column)?)),
    }
}

fn distinct_table(table: &Table, label: &Arc<str>) -> Result<Table, Error> {
    let Some(column) = table.column(label) else {
        return Ok(null_value(table));
    };
    let rows: Vec<usize> = if column.is_constant() {
        (0..table.rows.min(1)).collect()
    } else {
        let mut seen = std::collections::HashSet::new();
        (0..table.rows)
            .filter(|row| seen.insert(crate::table::KeyValue::of(column, *row)))
            .collect()
    };
    let values = column.take(&rows);
    let key = table.key.retain(|name| name != "_value");
    let mut result = Table::of_key(key, rows.len());
    result.fields.push(Field {
        label: Arc::from("_value"),
        column: values,
    });
    Ok(result)
}

/// What `distinct` and `mode` make of a column that is not there: one null text.
pub(super) fn null_value(table: &Table) -> Table {
    let mut result = Table::of_key(table.key.retain(|name| name != "_value"), 1);
    result.set("_value", Column::nulls(ColumnType::String, 1));
    result
}

impl Context<'_> {
    /// Answers `keys |> keep |> distinct` and `keep |> group |> distinct` right behind a selection from the index.
    pub(crate) fn scan_schema(
        &self,
        node: &Rc<Node>,
        spec: &SchemaOperation,
        out: &mut Out<'_>,
    ) -> Result<bool, Error> {
        let SchemaOperation::Distinct { column } = spec else {
            return Ok(false);
        };
        let Some(first) = node.input() else {
            return Ok(false);
        };
        let Some(second) = first.input() else {
            return Ok(false);
        };
        let Some(below) = second.input() else {
            return Ok(false);
        };
        if self.consumers(second) > 1 {
            return Ok(false);
        }
        let value: Arc<str> = Arc::from("_value");
        match (&first.operation, &second.operation) {
            (
                Operation::Schema(SchemaOperation::Keep { columns }),
                Operation::Schema(SchemaOperation::Keys { column: named }),
            ) if columns.len() == 1 && columns[0] == *named && column == named => {
                let Some(request) = self.schema_request(below)? else {
                    return Ok(false);
                };
                self.read_keys(&request, &value, out)?;
                Ok(true)
            }
            (
                Operation::Group(Group {
                    columns: grouped,
                    except: false,
                }),
                Operation::Schema(SchemaOperation::Keep { columns }),
            ) if grouped.is_empty() && columns.len() == 1 && columns[0] == *column => {
                if matches!(column.as_ref(), "_time" | "_value" | "_start" | "_stop") {
                    return Ok(false);
                }
                let Some(request) = self.schema_request(below)? else {
                    return Ok(false);
                };
                let values = self
                    .source()
                    .tag_values(&request, column)
                    .map_err(Error::at)?;
                self.note(format!(
                    "values of {column} of {:?} from the index",
                    request.bucket.text()
                ));
                out(texts(
                    GroupKey::default(),
                    &value,
                    values.into_iter().map(Text).collect(),
                ))?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The names of a selection's columns, as `keys` gives them.
    fn read_keys(
        &self,
        request: &SchemaRequest,
        value: &Arc<str>,
        out: &mut Out<'_>,
    ) -> Result<(), Error> {
        let mut names: Vec<Text> = ["_start", "_stop", "_field", "_measurement"]
            .into_iter()
            .map(Text::from)
            .collect();
        let keys = self.source().tag_keys(request).map_err(Error::at)?;
        self.note(format!(
            "tag keys of {:?} from the index",
            request.bucket.text()
        ));
        if keys.is_empty()
            && self
                .source()
                .tag_values(request, "_measurement")
                .map_err(Error::at)?
                .is_empty()
        {
            names.clear();
        }
        names.extend(keys.into_iter().map(Text));
        out(texts(GroupKey::default(), value, names))?;
        Ok(())
    }

    /// The series that a node reads, if the index alone can tell.
    pub(super) fn schema_request(&self, node: &Rc<Node>) -> Result<Option<SchemaRequest>, Error> {
        Ok(self.whole_selection(node)?.and_then(|selection| {
            let predicate = selection.predicate();
            // Values are not in the index.
            if predicate
                .as_ref()
                .is_some_and(crate::source::Predicate::reads_values)
            {
                return None;
            }
            Some(SchemaRequest {
                bucket: selection.bucket,
                range: selection.range,
                predicate,
            })
        }))
    }
}
