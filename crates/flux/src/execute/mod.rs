//! Running a plan: tables are pushed from the sources through the operations into the sink, one table at a time.

mod aggregate;
mod aggregate_window;
mod combine;
mod context;
mod filter;
mod group;
mod memory;
mod profile;
mod scan;
mod series;
mod window;

use std::rc::Rc;

pub use context::{Context, Held};
pub use group::{constant_keys, split_by};
pub use memory::{ITEM_BYTES, deep, is_deeper, shallow};
pub use profile::RESULT as PROFILER_RESULT;

use aggregate::aggregate_table;
use group::group_tables;

use crate::error::Error;
use crate::plan::{Node, Operation, Out};
use crate::table::Table;

/// What a table takes beside its columns: its key and its labels.
const TABLE_BYTES: usize = 128;

/// An error with the place and the name of the operation that made it, unless it has one.
fn located(node: &Node, error: Error) -> Error {
    if error.located || node.span.start.line == 0 {
        return error;
    }
    let place = format!("runtime error @{}: {}", node.span, node.operation.name());
    error.within(place).at()
}

impl Context<'_> {
    /// Pushes a node's tables into `out`.
    ///
    /// # Errors
    /// What the operations, the source or `out` say; a limit; the caller went away.
    pub fn execute(&self, node: &Rc<Node>, out: &mut Out<'_>) -> Result<(), Error> {
        if self.consumers(node) > 1 {
            for table in self.shared_tables(node)?.iter() {
                out(table.clone())?;
            }
            return Ok(());
        }
        self.execute_alone(node, out)
    }

    /// All tables of a node, on the account of the step that holds them.
    ///
    /// # Errors
    /// As [`Context::execute`].
    pub fn tables(&self, node: &Rc<Node>, held: &mut Held<'_>) -> Result<Vec<Table>, Error> {
        let mut tables = Vec::new();
        self.execute(node, &mut |table| {
            held.add(table.bytes() + TABLE_BYTES)?;
            tables.push(table);
            if tables.len() > self.limits().tables {
                return Err(Error::exhausted(format!(
                    "one step holds more than {} tables; filter or group first",
                    self.limits().tables
                )));
            }
            Ok(())
        })?;
        Ok(tables)
    }

    fn execute_alone(&self, node: &Rc<Node>, out: &mut Out<'_>) -> Result<(), Error> {
        self.check()?;
        self.measured(node, out, |out| {
            let pushed = self.scan(node, out).map_err(|error| located(node, error))?;
            if pushed {
                return Ok(());
            }
            self.operate(node, out)
                .map_err(|error| located(node, error))
        })
    }

    /// Pushes the tables of a node's input through what the node does with each; what that says is said of the node, not of
    /// the input that happens to be running.
    fn feed(
        &self,
        node: &Rc<Node>,
        each: &mut dyn FnMut(Table) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let input = node
            .input()
            .ok_or_else(|| Error::internal("an operation without input"))?;
        self.execute(input, &mut |table| {
            let mut held = self.hold();
            self.check()
                .and_then(|()| held.add(table.bytes()))
                .and_then(|()| each(table))
                .map_err(|error| located(node, error))
        })
    }

    fn operate(&self, node: &Rc<Node>, out: &mut Out<'_>) -> Result<(), Error> {
        let input = node.input();
        let missing = || Error::internal("an operation without input");
        match &node.operation {
            Operation::From(bucket) => Err(Error::invalid(format!(
                "cannot submit unbounded read to {:?}; try bounding 'from' with a call to 'range'",
                bucket.text()
            ))
            .at()),
            Operation::Range(range) => {
                // In order of key, whatever the order in which a CSV or a union brings them.
                let mut tables = Vec::new();
                let mut held = self.hold();
                self.feed(node, &mut |table| {
                    let table = window::range_table(&table, range)?;
                    held.add(table.bytes())?;
                    tables.push(table);
                    Ok(())
                })?;
                tables.sort_by(|a, b| a.key.cmp(&b.key));
                tables.into_iter().try_for_each(out)
            }
            Operation::Filter(spec) => {
                let lambda = crate::interpret::Lambda::new(spec.function.clone())?;
                self.feed(node, &mut |table| match filter::filter_table(
                    self,
                    &lambda,
                    table,
                    spec.keep_empty,
                )? {
                    Some(table) => out(table),
                    None => Ok(()),
                })
            }
            Operation::Group(spec) => {
                let mut held = self.hold();
                let tables = self.tables(input.ok_or_else(missing)?, &mut held)?;
                for table in group_tables(tables, spec) {
                    out(table?)?;
                }
                Ok(())
            }
            Operation::Window(spec) => self.execute_window(node, spec, out),
            Operation::Aggregate { function, column } => self.feed(node, &mut |table| {
                out(aggregate_table(*function, &table, column)?)
            }),
            Operation::AggregateWindow(spec) => self.execute_aggregate_window(node, spec, out),
            Operation::Schema(spec) => {
                let mut held = self.hold();
                let tables = self.tables(input.ok_or_else(missing)?, &mut held)?;
                crate::stdlib::schema_tables(self, spec, tables, out)
            }
            Operation::Each { run, .. } => self.feed(node, &mut |table| run(self, table, out)),
            Operation::All { run, .. } => {
                let mut held = self.hold();
                let mut inputs = Vec::with_capacity(node.inputs.len());
                for input in &node.inputs {
                    inputs.push(self.tables(input, &mut held)?);
                }
                run(self, inputs, out)
            }
            Operation::Shift { duration, columns } => self.feed(node, &mut |table| {
                out(window::shift_table(&table, *duration, columns))
            }),
            Operation::Yield(_) => self.execute(input.ok_or_else(missing)?, out),
        }
    }

    /// The tables of a node that several others read, computed once.
    fn shared_tables(&self, node: &Rc<Node>) -> Result<Rc<Vec<Table>>, Error> {
        if let Some(tables) = self.cached(node) {
            return Ok(tables);
        }
        let mut tables = Vec::new();
        let mut held = self.hold();
        self.execute_alone(node, &mut |table| {
            held.add(table.bytes() + TABLE_BYTES)?;
            tables.push(table);
            Ok(())
        })?;
        held.keep();
        let tables = Rc::new(tables);
        self.cache(node, Rc::clone(&tables));
        Ok(tables)
    }
}
