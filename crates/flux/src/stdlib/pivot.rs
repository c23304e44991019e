//! `pivot`: rows to columns.

use std::collections::HashMap;
use std::sync::Arc;

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Native};
use crate::table::{Column, ColumnType, Field, GroupKey, KeyValue, Table, TableGroups, Vector};
use crate::value::time::format_time_full;
use crate::value::{Value, with_exponent};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "pivot",
        "<-tables, rowKey, columnKey, valueColumn",
        Stream,
        pivot,
    ),
    native(
        "experimental",
        "unpivot",
        "<-tables, ?otherColumns",
        Stream,
        unpivot,
    ),
];

struct Spec {
    row_key: Vec<Arc<str>>,
    column_key: Vec<Arc<str>>,
    value_column: Arc<str>,
}

fn pivot(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let spec = Spec {
        row_key: arguments.strings("rowKey")?,
        column_key: arguments.strings("columnKey")?,
        value_column: arguments.string("valueColumn")?,
    };
    if spec
        .row_key
        .iter()
        .any(|label| spec.column_key.contains(label))
    {
        return Err(Error::invalid(
            "column name found in both rowKey and columnKey",
        ));
    }
    if spec.column_key.contains(&spec.value_column) {
        return Err(Error::invalid("value column found in columnKey"));
    }
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        "pivot",
        vec![input],
        move |context, inputs, out| {
            let mut groups: std::collections::BTreeMap<GroupKey, Pivoted> =
                std::collections::BTreeMap::new();
            for table in inputs.into_iter().flatten() {
                context.check()?;
                let key = table.key.retain(|label| {
                    !spec
                        .column_key
                        .iter()
                        .any(|column| column.as_ref() == label)
                        && label != spec.value_column.as_ref()
                });
                groups.entry(key).or_default().add(&table, &spec)?;
            }
            for (key, pivoted) in groups {
                if let Some(table) = pivoted.into_table(key, &spec)? {
                    out(table)?;
                }
            }
            Ok(())
        },
    )
}

/// A table that is being made: its rows by their keys, its cells by column.
#[derive(Default)]
struct Pivoted {
    rows: HashMap<Vec<KeyValue>, usize>,
    keys: Vec<Vec<KeyValue>>,
    labels: Vec<(Arc<str>, ColumnType)>,
    places: HashMap<Arc<str>, usize>,
    /// For each label the rows of the sources whose cells are set: (row, source, source row).
    cells: Vec<Vec<(usize, usize, usize)>>,
    sources: Vec<Column>,
}

impl Pivoted {
    fn add(&mut self, table: &Table, spec: &Spec) -> Result<(), Error> {
        if table.rows == 0 {
            return Ok(());
        }
        let find = |label: &Arc<str>| {
            table.column(label).cloned().ok_or_else(|| {
                Error::invalid(format!("specified column does not exist in table: {label}"))
            })
        };
        let row_columns: Vec<Column> = spec.row_key.iter().map(&find).collect::<Result<_, _>>()?;
        let column_columns: Vec<Column> = spec
            .column_key
            .iter()
            .map(&find)
            .collect::<Result<_, _>>()?;
        let values = find(&spec.value_column)?;
        let source = self.sources.len();
        // Neighbouring rows mostly go into one column, each one row below the last.
        let mut column: Option<(Vec<KeyValue>, usize)> = None;
        let mut next = 0;
        for row in 0..table.rows {
            let at = match &column {
                Some((key, at)) if is_key(key, &column_columns, row) => *at,
                _ => {
                    let at = self.place(&column_columns, row, values.kind(), table, spec)?;
                    column = Some((key_of(&column_columns, row), at));
                    next = 0;
                    at
                }
            };
            let below = self.keys.get(next);
            let target = match below.is_some_and(|key| is_key(key, &row_columns, row)) {
                true => next,
                false => self.row(key_of(&row_columns, row)),
            };
            next = target + 1;
            self.cells[at].push((target, source, row));
        }
        self.sources.push(values);
        Ok(())
    }

    /// The new row that a key stands for.
    fn row(&mut self, key: Vec<KeyValue>) -> usize {
        if let Some(row) = self.rows.get(&key) {
            return *row;
        }
        let row = self.keys.len();
        self.keys.push(key.clone());
        self.rows.insert(key, row);
        row
    }

    /// The new column in which a row's value goes.
    fn place(
        &mut self,
        columns: &[Column],
        row: usize,
        kind: ColumnType,
        table: &Table,
        spec: &Spec,
    ) -> Result<usize, Error> {
        let parts: Vec<String> = columns
            .iter()
            .map(|column| label_text(&column.value(row)))
            .collect();
        let label: Arc<str> = Arc::from(parts.join("_"));
        if let Some(at) = self.places.get(&label) {
            if self.labels[*at].1 != kind {
                return Err(Error::invalid(format!(
                    "schema collision detected: column {label:?} is both of type {} and {kind}",
                    self.labels[*at].1
                )));
            }
            return Ok(*at);
        }
        let kept = table.key.contains(&label)
            && !spec.column_key.contains(&label)
            && label != spec.value_column;
        if kept || spec.row_key.contains(&label) {
            return Err(Error::invalid(format!(
                "value {label:?} appears in a column key column and is the name of a column of the output"
            )));
        }
        self.labels.push((Arc::clone(&label), kind));
        self.cells.push(Vec::new());
        self.places.insert(label, self.labels.len() - 1);
        Ok(self.labels.len() - 1)
    }

    fn into_table(self, key: GroupKey, spec: &Spec) -> Result<Option<Table>, Error> {
        let rows = self.keys.len();
        if rows == 0 {
            return Ok(None);
        }
        let mut table = Table::of_key(key, rows);
        for (at, label) in spec.row_key.iter().enumerate() {
            if table.key.contains(label) || *label == spec.value_column {
                continue;
            }
            let kind = self.keys[0][at].kind();
            let values: Vec<Value> = self.keys.iter().map(|key| key[at].value()).collect();
            let column = Column::from_values(&values, kind).ok_or_else(|| {
                Error::invalid(format!("column {label:?} has values of different types"))
            })?;
            table.fields.push(Field {
                label: Arc::clone(label),
                column,
            });
        }
        for ((label, kind), cells) in self.labels.into_iter().zip(self.cells) {
            let column = scatter(&self.sources, &cells, kind, rows);
            table.fields.push(Field { label, column });
        }
        Ok(Some(table))
    }
}

fn key_of(columns: &[Column], row: usize) -> Vec<KeyValue> {
    let values = columns.iter().map(|column| KeyValue::of(column, row));
    values.collect()
}

fn is_key(key: &[KeyValue], columns: &[Column], row: usize) -> bool {
    key.iter()
        .zip(columns)
        .all(|(known, column)| *known == KeyValue::of(column, row))
}

/// A column whose cells come from other columns.
fn scatter(
    sources: &[Column],
    cells: &[(usize, usize, usize)],
    kind: ColumnType,
    rows: usize,
) -> Column {
    macro_rules! of {
        ($variant:ident) => {{
            let mut built = vec![None; rows];
            for (target, source, row) in cells {
                if let Column::$variant(values) = &sources[*source] {
                    built[*target] = values.get(*row).cloned();
                }
            }
            Column::$variant(Vector::nullable(built))
        }};
    }
    match kind {
        ColumnType::Boolean => of!(Boolean),
        ColumnType::Integer => of!(Integer),
        ColumnType::Unsigned => of!(Unsigned),
        ColumnType::Float => of!(Float),
        ColumnType::String => of!(String),
        ColumnType::Time => of!(Time),
    }
}

fn label_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Time(time) => format_time_full(*time),
        Value::Float(value) if value.is_finite() => with_exponent(*value).to_uppercase(),
        other => crate::value::display_value(other),
    }
}

fn unpivot(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let others = arguments.strings_or("otherColumns", &["_time"])?;
    let input = arguments.stream("tables")?;
    super::build::all(
        context,
        arguments,
        "unpivot",
        vec![input],
        move |_, inputs, out| {
            let mut groups = TableGroups::default();
            for table in inputs.into_iter().flatten() {
                if table.position("_field").is_some() || table.position("_value").is_some() {
                    return Err(Error::invalid(
                        "unpivot can't have \"_field\" or \"_value\" as an input column",
                    ));
                }
                for field in &table.fields {
                    if table.key.contains(&field.label) || others.contains(&field.label) {
                        continue;
                    }
                    let rows: Vec<usize> = (0..table.rows)
                        .filter(|row| !field.column.is_null(*row))
                        .collect();
                    let name = KeyValue::String(Some(Arc::clone(&field.label)));
                    // Named among the others, the field's name is a column like them and parts no groups.
                    let is_column = others.iter().any(|label| &**label == "_field");
                    let named = name.column(rows.len());
                    let key = match is_column {
                        true => table.key.clone(),
                        false => table.key.with("_field", name),
                    };
                    let mut part = Table::of_key(key, rows.len());
                    for label in others.iter().filter(|label| &***label != "_field") {
                        part.set(label, table.expect_column(label)?.take(&rows));
                    }
                    part.set("_field", named);
                    part.set("_value", field.column.take(&rows));
                    groups.push(part);
                }
            }
            groups.into_tables().try_for_each(|table| out(table?))
        },
    )
}
