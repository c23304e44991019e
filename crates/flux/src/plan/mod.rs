//! Streams before they run: what a program builds by piping, a graph of operations without any data.

pub mod predicate;

use std::rc::Rc;
use std::sync::Arc;

use crate::error::Error;
use crate::execute::Context;
use crate::interpret::Function;
use crate::source::{Aggregate, BucketReference};
use crate::syntax::ast::Span;
use crate::table::Table;
use crate::value::window::Window;

/// How long a chain of operations may be; running it recurses once an operation.
const MAX_DEPTH: usize = 256;

/// Receives the tables of an operation.
pub type Out<'a> = dyn FnMut(Table) -> Result<(), Error> + 'a;

/// What an operation does with each table by itself.
pub type EachTable = dyn Fn(&Context<'_>, Table, &mut Out<'_>) -> Result<(), Error>;

/// What an operation does with all tables of each of its inputs.
pub type AllTables = dyn Fn(&Context<'_>, Vec<Vec<Table>>, &mut Out<'_>) -> Result<(), Error>;

/// An operation on the tables of its inputs.
pub struct Node {
    /// What it does.
    pub operation: Operation,
    /// Where its tables come from.
    pub inputs: Vec<Rc<Node>>,
    /// The call in the program's text that made it.
    pub span: Span,
    /// How many operations lie before it.
    depth: usize,
}

/// Which operation. Those that storage can take over are spelled out.
pub enum Operation {
    /// `from(bucket:)`
    From(BucketReference),
    /// `range(start:, stop:)`
    Range(Range),
    /// `filter(fn:)`
    Filter(Filter),
    /// `group(columns:, mode:)`
    Group(Group),
    /// `window(every:, …)`
    Window(WindowOperation),
    /// An aggregate or selector that storage knows.
    Aggregate {
        /// The function.
        function: Aggregate,
        /// Over which column.
        column: Arc<str>,
    },
    /// `aggregateWindow(every:, fn:, …)` with such a function.
    AggregateWindow(AggregateWindow),
    /// Distinct values or names of columns, which storage may answer from its index.
    Schema(SchemaOperation),
    /// Works table by table.
    Each {
        /// The function's name.
        name: &'static str,
        /// What it does.
        run: Rc<EachTable>,
    },
    /// Needs all tables of its inputs; a source if it has none.
    All {
        /// The function's name.
        name: &'static str,
        /// What it does.
        run: Rc<AllTables>,
    },
    /// `timeShift(duration:, columns:)`: also moves the bounds that windows are clipped to.
    Shift {
        /// By how much.
        duration: crate::value::Duration,
        /// Which columns of times.
        columns: Vec<Arc<str>>,
    },
    /// Hands the tables on under a result's name.
    Yield(Arc<str>),
}

/// The bounds of `range`.
#[derive(Debug, Clone)]
pub struct Range {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub stop: i64,
}

/// The arguments of `filter`.
#[derive(Clone)]
pub struct Filter {
    /// The predicate.
    pub function: Function,
    /// Whether tables that it empties are handed on.
    pub keep_empty: bool,
}

/// The arguments of `group`.
#[derive(Debug, Clone)]
pub struct Group {
    /// The columns named.
    pub columns: Vec<Arc<str>>,
    /// Whether the key is all other columns.
    pub except: bool,
}

/// The arguments of `window`.
#[derive(Debug, Clone)]
pub struct WindowOperation {
    /// The windows; `None` for one without end.
    pub window: Option<Window>,
    /// Whose times count.
    pub time_column: Arc<str>,
    /// Where the window's start goes.
    pub start_column: Arc<str>,
    /// Where the window's stop goes.
    pub stop_column: Arc<str>,
    /// Whether windows without rows become empty tables.
    pub create_empty: bool,
}

/// The arguments of `aggregateWindow`.
#[derive(Debug, Clone)]
pub struct AggregateWindow {
    /// The windows.
    pub window: Window,
    /// The function.
    pub function: Aggregate,
    /// Over which column.
    pub column: Arc<str>,
    /// Which bound becomes the time, `_start` or `_stop`.
    pub time_source: Arc<str>,
    /// Where the time goes.
    pub time_destination: Arc<str>,
    /// Whether windows without rows become a row.
    pub create_empty: bool,
}

/// What storage may answer without reading rows.
#[derive(Debug, Clone)]
pub enum SchemaOperation {
    /// `keys()` then `distinct` as `schema.tagKeys` asks.
    Keys {
        /// Where names go.
        column: Arc<str>,
    },
    /// `distinct(column:)`
    Distinct {
        /// The column.
        column: Arc<str>,
    },
    /// `keep(columns:)`
    Keep {
        /// The columns.
        columns: Vec<Arc<str>>,
    },
}

impl Operation {
    /// The function's name, for messages.
    pub fn name(&self) -> &str {
        match self {
            Self::From(_) => "from",
            Self::Range(_) => "range",
            Self::Filter(_) => "filter",
            Self::Group(_) => "group",
            Self::Window(_) => "window",
            Self::Aggregate { function, .. } => function.name(),
            Self::AggregateWindow(_) => "aggregateWindow",
            Self::Schema(SchemaOperation::Keys { .. }) => "keys",
            Self::Schema(SchemaOperation::Distinct { .. }) => "distinct",
            Self::Schema(SchemaOperation::Keep { .. }) => "keep",
            Self::Each { name, .. } | Self::All { name, .. } => name,
            Self::Shift { .. } => "timeShift",
            Self::Yield(_) => "yield",
        }
    }
}

impl Node {
    /// A node.
    ///
    /// # Errors
    /// The chain of operations is too long.
    pub fn new(operation: Operation, inputs: Vec<Rc<Node>>, span: Span) -> Result<Rc<Self>, Error> {
        let depth = inputs
            .iter()
            .map(|input| input.depth + 1)
            .max()
            .unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(Error::exhausted(format!(
                "a chain of more than {MAX_DEPTH} operations"
            )));
        }
        Ok(Rc::new(Self {
            operation,
            inputs,
            span,
            depth,
        }))
    }

    /// The only input.
    pub fn input(&self) -> Option<&Rc<Node>> {
        self.inputs.first()
    }
}

impl Node {
    /// How many operations there are up to this one that `seen` does not hold yet, counted as InfluxDB has them; all are seen then.
    pub fn count_operations(
        self: &Rc<Self>,
        seen: &mut std::collections::HashSet<*const Node>,
    ) -> usize {
        if !seen.insert(Rc::as_ptr(self)) {
            return 0;
        }
        let own = match &self.operation {
            // window, the function, the filling of empty windows, duplicate, window.
            Operation::AggregateWindow(spec) => 4 + usize::from(spec.create_empty),
            Operation::Yield(_) => 0,
            _ => 1,
        };
        own + self
            .inputs
            .iter()
            .map(|input| input.count_operations(seen))
            .sum::<usize>()
    }
}
