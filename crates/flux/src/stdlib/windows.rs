//! Windows of time: `window`, `aggregateWindow`, and what locations mean.

use std::rc::Rc;
use std::sync::Arc;

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Stream;
use crate::interpret::{Arguments, Function, Native};
use crate::plan::{AggregateWindow, Node, Operation, WindowOperation};
use crate::source::Aggregate;
use crate::value::window::{Location, Window};
use crate::value::{Duration, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "window",
        "<-tables, ?every, ?period, ?offset, ?location, ?timeColumn, ?startColumn, ?stopColumn, ?createEmpty",
        Stream,
        window,
    ),
    native(
        "",
        "aggregateWindow",
        "<-tables, every, fn, ?period, ?offset, ?location, ?column, ?timeSrc, ?timeDst, ?createEmpty",
        Stream,
        aggregate_window,
    ),
];

/// What `inf` is: longer than any window.
pub(super) const INFINITY: Duration = Duration {
    months: 0,
    nanoseconds: i64::MAX,
    negative: false,
};

/// The location of a record `{zone, offset}`.
///
/// # Errors
/// It is no such record, or the zone is unknown.
pub fn location_of(value: &Value) -> Result<Location, Error> {
    let Value::Record(record) = value else {
        return Err(Error::invalid(format!(
            "location must be a record, found {}",
            value.type_name()
        )));
    };
    let zone = match record.get("zone") {
        Some(Value::String(zone)) => Arc::clone(zone),
        _ => Arc::from("UTC"),
    };
    let offset = match record.get("offset") {
        Some(Value::Duration(offset)) => offset.signed_nanoseconds(),
        _ => 0,
    };
    Location::load(&zone, offset)
}

/// The location that a call names, or that of the option.
pub(super) fn location_argument(
    context: &Context<'_>,
    arguments: &Arguments,
) -> Result<Location, Error> {
    arguments
        .get("location")
        .map_or_else(|| Ok(context.location()), location_of)
}

fn window_of(context: &Context<'_>, arguments: &Arguments) -> Result<Option<Window>, Error> {
    let every = arguments.optional_duration("every")?;
    let period = arguments.optional_duration("period")?;
    let (every, period) = match (every, period) {
        (Some(every), Some(period)) if !period.is_zero() => (every, period),
        (Some(every), _) => (every, every),
        (None, Some(period)) => (period, period),
        (None, None) => {
            return Err(Error::invalid(
                "window function requires at least one of \"every\" or \"period\" to be set and non-zero",
            ));
        }
    };
    if every == INFINITY {
        return Ok(None);
    }
    let offset = arguments.optional_duration("offset")?.unwrap_or_default();
    let mut window = Window::new(every, period, offset)?;
    window.location = location_argument(context, arguments)?;
    Ok(Some(window))
}

fn window(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let spec = WindowOperation {
        window: window_of(context, arguments)?,
        time_column: arguments.string_or("timeColumn", "_time")?,
        start_column: arguments.string_or("startColumn", "_start")?,
        stop_column: arguments.string_or("stopColumn", "_stop")?,
        create_empty: arguments.boolean_or("createEmpty", false)?,
    };
    context.stream(Operation::Window(spec), vec![input], arguments)
}

/// The storage aggregate that a function of the library is.
fn known_aggregate(function: &Function) -> Option<Aggregate> {
    let Function::Native(native) = function else {
        return None;
    };
    if !native.package.is_empty() {
        return None;
    }
    Aggregate::named(native.name)
}

fn aggregate_window(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let function = arguments.function("fn")?;
    let every = arguments.duration("every")?;
    let column = arguments.string_or("column", "_value")?;
    let time_source = arguments.string_or("timeSrc", "_stop")?;
    let time_destination = arguments.string_or("timeDst", "_time")?;
    let create_empty = arguments.boolean_or("createEmpty", true)?;
    if every.is_zero() {
        return Err(Error::invalid(
            "duration used as an interval cannot be zero",
        ));
    }
    let window = window_of(context, arguments)?;
    let bounds = matches!(time_source.as_ref(), "_start" | "_stop");
    if let (Some(known), Some(window), true) = (known_aggregate(&function), &window, bounds) {
        let spec = AggregateWindow {
            window: window.clone(),
            function: known,
            column,
            time_source,
            time_destination,
            create_empty,
        };
        return context.stream(Operation::AggregateWindow(spec), vec![input], arguments);
    }
    let spec = AnyFunction {
        window,
        function,
        column,
        time_source,
        time_destination,
        create_empty,
    };
    spec.stream(context, input, arguments)
}

/// The arguments of `aggregateWindow` with a function that storage does not know.
struct AnyFunction {
    window: Option<Window>,
    function: Function,
    column: Arc<str>,
    time_source: Arc<str>,
    time_destination: Arc<str>,
    create_empty: bool,
}

impl AnyFunction {
    /// Tables windowed, each through the function, and put together again.
    fn stream(
        self,
        context: &Context<'_>,
        input: Rc<Node>,
        arguments: &Arguments,
    ) -> Result<Value, Error> {
        let Self {
            window,
            function,
            column,
            time_source,
            time_destination,
            create_empty,
        } = self;
        let windowed = Node::new(
            Operation::Window(WindowOperation {
                window,
                time_column: Arc::from("_time"),
                start_column: Arc::from("_start"),
                stop_column: Arc::from("_stop"),
                create_empty,
            }),
            vec![input],
            arguments.span,
        )?;
        let aggregated = call_aggregate(context, &function, windowed, &column)?;
        let filled = if create_empty {
            Node::new(
                Operation::Each {
                    name: "fill",
                    run: Rc::new(|_, table, out| out(super::streams::filled(table))),
                },
                vec![aggregated],
                arguments.span,
            )?
        } else {
            aggregated
        };
        let (source, destination) = (Arc::clone(&time_source), Arc::clone(&time_destination));
        let marked = Node::new(
            Operation::Each {
                name: "duplicate",
                run: Rc::new(move |_, mut table, out| {
                    let times = table.expect_column(&source)?.clone();
                    table.set(&destination, times);
                    out(table)
                }),
            },
            vec![filled],
            arguments.span,
        )?;
        let whole = WindowOperation {
            window: None,
            time_column: time_destination,
            start_column: Arc::from("_start"),
            stop_column: Arc::from("_stop"),
            create_empty: false,
        };
        context.stream(Operation::Window(whole), vec![marked], arguments)
    }
}

/// `tables |> fn(column:)`
fn call_aggregate(
    context: &Context<'_>,
    function: &Function,
    tables: Rc<Node>,
    column: &Arc<str>,
) -> Result<Rc<Node>, Error> {
    let parameters = function.parameters();
    let mut arguments = Arguments::default();
    if parameters
        .iter()
        .any(|parameter| parameter.name.as_ref() == "column")
    {
        arguments.push(Arc::from("column"), Value::String(Arc::clone(column)));
    }
    let piped = parameters.iter().any(|parameter| parameter.pipe);
    let result = if piped {
        context.call(function, arguments, Some(Value::Stream(tables)))?
    } else {
        arguments.push(Arc::from("tables"), Value::Stream(tables));
        context.call(function, arguments, None)?
    };
    match result {
        Value::Stream(node) => Ok(node),
        other => Err(Error::invalid(format!(
            "fn must give a stream, found {}",
            other.type_name()
        ))),
    }
}
