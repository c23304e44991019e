//! The profilers of a run (`import "profiler"`): how long it took and held, as a whole and by operation.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::Context;
use crate::error::Error;
use crate::plan::Node;
use crate::source::SeriesColumns;
use crate::table::{Column, Field, GroupKey, KeyValue, Table};
use crate::value::Value;

/// The name of the result that the profilers' tables are in.
pub const RESULT: &str = "_profiler";

/// What is measured while a run goes on.
#[derive(Default)]
pub(super) struct Profile {
    query: Cell<bool>,
    operator: Cell<bool>,
    /// When compiling had ended.
    started: Cell<i64>,
    /// The operation that works right now, and since when.
    current: Cell<Option<usize>>,
    since: Cell<i64>,
    operations: RefCell<Vec<Measured>>,
    /// Values that the source handed out, and their bytes; none if it was not asked.
    scanned: Cell<Option<(usize, usize)>>,
}

/// An operation's own time: each piece from when it got control to when it gave it away.
struct Measured {
    node: Rc<Node>,
    count: i64,
    min: i64,
    max: i64,
    sum: i64,
}

impl Context<'_> {
    /// Reads which profilers the program enabled. One that is not known is passed over, as in InfluxDB.
    ///
    /// # Errors
    /// One is no text.
    pub fn enable_profilers(&self) -> Result<(), Error> {
        self.profile.started.set(self.effects().elapsed());
        let Some(package) = self.imported("profiler") else {
            return Ok(());
        };
        let Some(Value::Array(names)) = package.scope.own("enabledProfilers") else {
            return Ok(());
        };
        for name in names.iter() {
            match name {
                Value::String(name) if &**name == "query" => self.profile.query.set(true),
                Value::String(name) if &**name == "operator" => self.profile.operator.set(true),
                Value::String(_) => {}
                other => {
                    return Err(Error::invalid(format!(
                        "expected string but found {}",
                        other.type_name()
                    )));
                }
            }
        }
        Ok(())
    }

    /// Runs `work`, which pushes a node's tables into the function that it is given, and measures the node by itself.
    pub(super) fn measured(
        &self,
        node: &Rc<Node>,
        out: &mut dyn FnMut(Table) -> Result<(), Error>,
        work: impl FnOnce(&mut dyn FnMut(Table) -> Result<(), Error>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.profile.operator.get() {
            return work(out);
        }
        let own = Some(self.profile.place(node));
        let reader = self.turn_to(own);
        let result = work(&mut |table| {
            self.turn_to(reader);
            let result = out(table);
            self.turn_to(own);
            result
        });
        self.turn_to(reader);
        result
    }

    /// Begins to count what the source hands out.
    pub(super) fn scan_begins(&self) {
        let scanned = self.profile.scanned.get().unwrap_or_default();
        self.profile.scanned.set(Some(scanned));
    }

    /// Counts what the source handed out.
    pub(super) fn scanned(&self, series: &SeriesColumns) {
        if self.profile.query.get() {
            let (values, bytes) = self.profile.scanned.get().unwrap_or_default();
            let more = (values + series.times.len(), bytes + series.values.bytes());
            self.profile.scanned.set(Some(more));
        }
    }

    /// Ends the turn of the operation that works, and hands back which that was.
    fn turn_to(&self, next: Option<usize>) -> Option<usize> {
        let now = self.effects().elapsed();
        let spent = now - self.profile.since.replace(now);
        let before = self.profile.current.replace(next);
        if let Some(at) = before
            && let Some(measured) = self.profile.operations.borrow_mut().get_mut(at)
        {
            measured.count += 1;
            measured.min = measured.min.min(spent);
            measured.max = measured.max.max(spent);
            measured.sum += spent;
        }
        before
    }

    /// The tables of the enabled profilers; empty if there are none.
    pub fn profiles(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        if self.profile.query.get() {
            tables.push(self.query_profile());
        }
        if self.profile.operator.get() {
            tables.push(self.profile.operator_profile());
        }
        tables
    }

    fn query_profile(&self) -> Table {
        let (started, now) = (self.profile.started.get(), self.effects().elapsed());
        let count = |count: usize| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        let (most, total) = self.allocated();
        let mut row = vec![
            ("TotalDuration", Value::Integer(now)),
            ("CompileDuration", Value::Integer(started)),
            // A query that waits is not compiled yet, and is planned as it is carried out.
            ("QueueDuration", Value::Integer(0)),
            ("PlanDuration", Value::Integer(0)),
            ("RequeueDuration", Value::Integer(0)),
            ("ExecuteDuration", Value::Integer(now - started)),
            ("Concurrency", Value::Integer(1)),
            ("MaxAllocated", count(most)),
            ("TotalAllocated", count(total)),
            ("RuntimeErrors", Value::text("")),
            (
                "flux/query-plan",
                Value::text(self.shown_notes().join("\n")),
            ),
        ];
        if let Some((values, bytes)) = self.profile.scanned.get() {
            row.push(("influxdb/scanned-bytes", count(bytes)));
            row.push(("influxdb/scanned-values", count(values)));
        }
        let columns = row.into_iter();
        let columns = columns.map(|(label, value)| (label, vec![value]));
        table("profiler/query", columns.collect())
    }
}

impl Profile {
    fn place(&self, node: &Rc<Node>) -> usize {
        let mut operations = self.operations.borrow_mut();
        let known = operations
            .iter()
            .position(|known| Rc::ptr_eq(&known.node, node));
        known.unwrap_or_else(|| {
            operations.push(Measured {
                node: Rc::clone(node),
                count: 0,
                min: i64::MAX,
                max: 0,
                sum: 0,
            });
            operations.len() - 1
        })
    }

    fn operator_profile(&self) -> Table {
        let operations = self.operations.borrow();
        let column = |of: &dyn Fn(usize, &Measured) -> Value| {
            operations
                .iter()
                .enumerate()
                .map(|(at, measured)| of(at, measured))
                .collect::<Vec<_>>()
        };
        let name = |measured: &Measured| measured.node.operation.name().to_owned();
        let mean = |measured: &Measured| measured.sum as f64 / measured.count.max(1) as f64;
        table(
            "profiler/operator",
            vec![
                ("Type", column(&|_, of| Value::text(name(of)))),
                (
                    "Label",
                    column(&|at, of| Value::text(format!("{}{at}", name(of)))),
                ),
                ("Count", column(&|_, of| Value::Integer(of.count))),
                (
                    "MinDuration",
                    column(&|_, of| Value::Integer(of.min.min(of.max))),
                ),
                ("MaxDuration", column(&|_, of| Value::Integer(of.max))),
                ("DurationSum", column(&|_, of| Value::Integer(of.sum))),
                ("MeanDuration", column(&|_, of| Value::Float(mean(of)))),
            ],
        )
    }
}

/// A table of a profiler: grouped by its measurement, as InfluxDB answers it.
fn table(measurement: &str, columns: Vec<(&str, Vec<Value>)>) -> Table {
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    let label: Arc<str> = Arc::from("_measurement");
    let mut fields = Vec::with_capacity(columns.len() + 1);
    let mut key = Vec::new();
    if let Some(column) = Column::repeat(&Value::text(measurement), rows) {
        if rows > 0 {
            key.push((Arc::clone(&label), KeyValue::of(&column, 0)));
        }
        fields.push(Field { label, column });
    }
    for (label, values) in columns {
        let kind = values
            .first()
            .and_then(|value| Column::repeat(value, 0))
            .map(|column| column.kind());
        if let Some(column) = kind.and_then(|kind| Column::from_values(&values, kind)) {
            fields.push(Field {
                label: Arc::from(label),
                column,
            });
        }
    }
    Table::new(GroupKey::new(key), fields, rows)
}
