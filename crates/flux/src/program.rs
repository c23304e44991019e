//! The way in: a text is compiled once into a [`Program`] and run against a source, as often as wanted.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::effects::Effects;
use crate::error::Error;
use crate::execute::{Context, PROFILER_RESULT};
use crate::plan::{Node, Operation};
use crate::semantic;
use crate::source::Source;
use crate::syntax::{self, Diagnostic, ast};
use crate::table::Table;

/// The name of a result without `yield`.
const DEFAULT_RESULT: &str = "_result";

/// The stack that the thread of a compilation or a run needs: trees of 256 nodes, chains of 256 operations and 100 nested calls
/// recurse. A release build uses a quarter of it.
pub const STACK_BYTES: usize = 8 << 20;

/// What a run may use. Over a limit it ends with an error of kind exhausted; the process goes on.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of columns that all steps of a run may hold together. A group, a sort or a join holds its whole input, any
    /// other step one table.
    pub memory_bytes: usize,
    /// Rows handed to the sink.
    pub rows: usize,
    /// Tables handed to the sink, and held by one step.
    pub tables: usize,
    /// Nested calls of functions; each takes several frames of the stack.
    pub recursion: usize,
}

impl Default for Limits {
    /// For one machine of a few gigabytes: 512 MiB, 50 million rows, a million tables, 100 nested calls.
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            rows: 50_000_000,
            tables: 1_000_000,
            recursion: 100,
        }
    }
}

/// The world of one run.
pub struct Run<'a> {
    /// Stored data.
    pub source: &'a dyn Source,
    /// Writes, requests, secrets.
    pub effects: &'a dyn Effects,
    /// What the run may use.
    pub limits: Limits,
    /// Called often: an error (canceled, or out of time) ends the run with it.
    pub check: &'a dyn Fn() -> Result<(), Error>,
}

/// What a run did besides handing tables to the sink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// A line a read: what was pushed down to the source. The host shows it when asked to explain.
    pub explain: Vec<String>,
    /// The names of the results, in the order in which they were written; also of those without a table.
    pub results: Vec<String>,
    /// Rows handed to the sink.
    pub rows: usize,
}

/// Receives the result's name and one of its tables; tables of one result come one after another.
pub type TableSink<'a> = dyn FnMut(&str, Table) -> Result<(), Error> + 'a;

/// A compiled program.
#[derive(Debug, Clone)]
pub struct Program {
    file: Arc<ast::File>,
    externals: Option<Arc<ast::File>>,
    now: i64,
}

impl Program {
    /// Parses and checks a text. `externals` are definitions that come before it (a request's `extern`), `now` is what
    /// `now()` answers, nanoseconds since 1970.
    ///
    /// # Errors
    /// All that is wrong with the text, in its order.
    pub fn compile(
        text: &str,
        externals: Option<ast::File>,
        now: i64,
    ) -> Result<Self, Vec<Diagnostic>> {
        let (file, diagnostics) = syntax::parse(text);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        semantic::check(&file, externals.as_ref())?;
        Ok(Self {
            file: Arc::new(file),
            externals: externals.map(Arc::new),
            now,
        })
    }

    /// The tree of the text.
    pub fn file(&self) -> &ast::File {
        &self.file
    }

    /// Runs the program to its end on the calling thread, handing tables to `sink` as they come.
    ///
    /// # Errors
    /// A runtime error of the program, of the source or of the effects, a limit, or what `check` or the sink said. Tables may
    /// have been handed out before.
    pub fn run(&self, run: &Run<'_>, sink: &mut TableSink<'_>) -> Result<Outcome, Error> {
        let context = Context::new(run, self.now)?;
        let scope = context.universe().nested();
        let outcome = self.run_in(&context, &scope, sink);
        scope.clear();
        outcome
    }

    fn run_in(
        &self,
        context: &Context<'_>,
        scope: &crate::interpret::Scope,
        sink: &mut TableSink<'_>,
    ) -> Result<Outcome, Error> {
        if let Some(externals) = &self.externals {
            context.run_file(externals, scope)?;
        }
        let streams = context.run_file(&self.file, scope)?;
        context.enable_profilers()?;
        let results = named_results(&streams)?;
        let roots: Vec<Rc<Node>> = results.iter().map(|(_, node)| Rc::clone(node)).collect();
        context.count_consumers(&roots);
        let (rows, tables) = (Cell::new(0usize), Cell::new(0usize));
        let limits = run_limits(context);
        for (name, node) in &results {
            context.execute(node, &mut |table| {
                rows.set(rows.get() + table.rows);
                tables.set(tables.get() + 1);
                if rows.get() > limits.rows {
                    return Err(Error::exhausted(format!(
                        "the answer has more than {} rows",
                        limits.rows
                    ))
                    .at());
                }
                if tables.get() > limits.tables {
                    return Err(Error::exhausted(format!(
                        "the answer has more than {} tables",
                        limits.tables
                    ))
                    .at());
                }
                sink(name, table).map_err(Error::at)
            })?;
        }
        for table in context.profiles() {
            sink(PROFILER_RESULT, table).map_err(Error::at)?;
        }
        Ok(Outcome {
            explain: context.notes(),
            results: results.into_iter().map(|(name, _)| name).collect(),
            rows: rows.get(),
        })
    }
}

fn run_limits(context: &Context<'_>) -> Limits {
    *context.limits()
}

/// The results of a program's streams: those that `yield` names, wherever in a chain, and the ends of chains without name.
fn named_results(streams: &[Rc<Node>]) -> Result<Vec<(String, Rc<Node>)>, Error> {
    let mut results: Vec<(String, Rc<Node>)> = Vec::new();
    let mut add = |name: &str, node: &Rc<Node>| {
        if results.iter().any(|(_, known)| Rc::ptr_eq(known, node)) {
            return Ok(());
        }
        if results.iter().any(|(known, _)| known == name) {
            return Err(Error::invalid(format!(
                "tried to produce more than one result with the name {name:?}; give each a name with yield"
            )));
        }
        results.push((name.to_owned(), Rc::clone(node)));
        Ok(())
    };
    let mut seen = std::collections::HashSet::new();
    let mut passed = std::collections::HashSet::new();
    let mut operations = 0;
    for (at, stream) in streams.iter().enumerate() {
        operations += stream.count_operations(&mut seen);
        if streams[..at]
            .iter()
            .any(|earlier| Rc::ptr_eq(earlier, stream))
        {
            continue;
        }
        let mut yields = Vec::new();
        passed.clear();
        collect_yields(stream, &mut passed, &mut yields);
        for node in yields {
            if let Operation::Yield(name) = &node.operation {
                add(name, &node)?;
            }
        }
        match &stream.operation {
            Operation::Yield(_) => {}
            Operation::All {
                name: operation @ ("to" | "wide-to"),
                ..
            }
            | Operation::Each {
                name: operation @ ("to" | "wide-to"),
                ..
            } => {
                add(&format!("{operation}{}", operations - 1), stream)?;
            }
            Operation::All { name: "diff", .. } => add("errorOutput", stream)?,
            _ => add(DEFAULT_RESULT, stream)?,
        }
    }
    if results.is_empty() {
        return Err(Error::invalid(
            "this Flux script returns no streaming data. Consider adding a \"yield\" or invoking streaming functions directly, without performing an assignment",
        ));
    }
    Ok(results)
}

/// The nodes of `yield` behind a stream, those nearest the source first.
fn collect_yields(
    node: &Rc<Node>,
    passed: &mut std::collections::HashSet<*const Node>,
    found: &mut Vec<Rc<Node>>,
) {
    // A stream that is united with itself, and that with itself, has more ways through it than steps.
    if !passed.insert(Rc::as_ptr(node)) {
        return;
    }
    for input in &node.inputs {
        collect_yields(input, passed, found);
    }
    if matches!(node.operation, Operation::Yield(_)) {
        found.push(Rc::clone(node));
    }
}
