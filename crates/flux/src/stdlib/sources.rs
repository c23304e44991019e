//! Where streams begin: buckets, arrays, generated rows; and what every query does first with them.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::build::{all, tables};
use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::{Scalar, Stream};
use crate::interpret::{Arguments, Lambda, Native, columns_of_records};
use crate::plan::{Filter, Operation, Range};
use crate::source::BucketReference;
use crate::table::{Column, Field, GroupKey, KeyValue, Table, Text, Vector};
use crate::value::{Record, Value};

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native(
        "",
        "from",
        "?bucket, ?bucketID, ?org, ?orgID, ?host, ?token",
        Stream,
        from,
    ),
    native(
        "influxdata/influxdb",
        "from",
        "?bucket, ?bucketID, ?org, ?orgID, ?host, ?token",
        Stream,
        from,
    ),
    native(
        "",
        "buckets",
        "?org, ?orgID, ?host, ?token",
        Stream,
        buckets,
    ),
    native(
        "influxdata/influxdb",
        "buckets",
        "?org, ?orgID, ?host, ?token",
        Stream,
        buckets,
    ),
    native("", "range", "<-tables, start, ?stop", Stream, range),
    native("", "filter", "<-tables, fn, ?onEmpty", Stream, filter),
    native("", "yield", "<-tables, ?name", Stream, yield_tables),
    native("", "now", "", Scalar, now),
    native("system", "time", "", Scalar, system_time),
    native("array", "from", "<-rows", Stream, array_from),
    native(
        "generate",
        "from",
        "start, stop, count, fn",
        Stream,
        generate,
    ),
    native(
        "",
        "cardinality",
        "?bucket, ?bucketID, ?org, ?orgID, ?host, ?token, start, ?stop, ?predicate",
        Stream,
        cardinality,
    ),
    native(
        "influxdata/influxdb",
        "cardinality",
        "?bucket, ?bucketID, ?org, ?orgID, ?host, ?token, start, ?stop, ?predicate",
        Stream,
        cardinality,
    ),
    native("influxdata/influxdb/secrets", "get", "key", Scalar, secret),
    native("runtime", "version", "", Scalar, version),
    native(
        "influxdata/influxdb/tasks",
        "_lastSuccess",
        "orTime, lastSuccessTime",
        Scalar,
        last_success,
    ),
];

fn from(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let bucket = bucket_of(arguments, "from")?;
    if arguments.get("host").is_none()
        && (arguments.get("org").is_some() || arguments.get("orgID").is_some())
    {
        return Err(Error::invalid(
            "reads from the storage engine cannot read from a separate organization; please specify a host or remove the organization",
        ));
    }
    of_this_host(arguments, "from: reading from")?;
    context.stream(Operation::From(bucket), Vec::new(), arguments)
}

/// Refuses an argument `host`: passed over, what was meant for another server would be read from or written to this one.
pub(super) fn of_this_host(arguments: &Arguments, what: &str) -> Result<(), Error> {
    match arguments.get("host") {
        None => Ok(()),
        Some(_) => Err(Error::invalid(format!(
            "{what} another host is not supported by this server"
        ))),
    }
}

/// The bucket that `bucket` or `bucketID` names.
pub(super) fn bucket_of(arguments: &Arguments, function: &str) -> Result<BucketReference, Error> {
    let name = arguments.optional_string("bucket")?;
    let id = arguments.optional_string("bucketID")?;
    match (name, id) {
        (Some(_), Some(_)) => Err(Error::invalid(format!(
            "must specify only one of bucket or bucketID in {function}"
        ))),
        (Some(name), None) if name.is_empty() => Err(Error::invalid("bucket name cannot be empty")),
        (Some(name), None) => Ok(BucketReference::Name(name.to_string())),
        (None, Some(id)) if id.len() != 16 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Err(Error::invalid("invalid bucket id"))
        }
        (None, Some(id)) => Ok(BucketReference::Id(id.to_string())),
        (None, None) => Err(Error::invalid("must specify one of bucket or bucketID")),
    }
}

fn buckets(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    of_this_host(arguments, "buckets: reading from")?;
    all(
        context,
        arguments,
        "buckets",
        Vec::new(),
        |context, _, out| {
            let buckets = context.source().buckets()?;
            let texts = |text: fn(&crate::source::BucketInformation) -> &str| {
                Column::String(Vector::dense(
                    buckets
                        .iter()
                        .map(|bucket| Text::from(text(bucket)))
                        .collect(),
                ))
            };
            let field = |label: &str, column| Field {
                label: Arc::from(label),
                column,
            };
            let organization = buckets
                .first()
                .map(|bucket| Arc::from(bucket.organization_id.as_str()));
            let organization = KeyValue::String(organization);
            let periods = buckets
                .iter()
                .map(|bucket| bucket.retention_period)
                .collect();
            let rows = buckets.len();
            let fields = vec![
                field("name", texts(|bucket| &bucket.name)),
                field("id", texts(|bucket| &bucket.id)),
                field("organizationID", organization.column(rows)),
                field(
                    "retentionPolicy",
                    Column::String(
                        buckets
                            .iter()
                            .map(|bucket| {
                                (!bucket.retention_policy.is_empty())
                                    .then(|| Text::from(bucket.retention_policy.as_str()))
                            })
                            .collect(),
                    ),
                ),
                field("retentionPeriod", Column::Integer(Vector::dense(periods))),
            ];
            let key = GroupKey::new(vec![(Arc::from("organizationID"), organization)]);
            out(Table::new(key, fields, rows))
        },
    )
}

/// A bound of a range: a time, a duration from now, or seconds since 1970.
pub(super) fn instant_of(context: &Context<'_>, value: &Value) -> Result<i64, Error> {
    match value {
        Value::Time(time) => Ok(*time),
        Value::Duration(duration) => Ok(context
            .now()?
            .saturating_add(duration.approximate_nanoseconds())),
        Value::Integer(seconds) => Ok(seconds.saturating_mul(1_000_000_000)),
        other => Err(Error::invalid(format!(
            "{} is not a time, a duration or seconds",
            other.type_name()
        ))),
    }
}

fn range(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let start = instant_of(context, arguments.expect("start")?)?;
    let stop = match arguments.get("stop") {
        None => context.now()?,
        Some(stop) => instant_of(context, stop)?,
    };
    if start >= stop {
        return Err(Error::invalid("cannot query an empty range"));
    }
    context.stream(
        Operation::Range(Range { start, stop }),
        vec![input],
        arguments,
    )
}

fn filter(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let function = arguments.function("fn")?;
    let keep_empty = match arguments.string_or("onEmpty", "drop")?.as_ref() {
        "keep" => true,
        "drop" => false,
        other => {
            return Err(Error::invalid(format!(
                "onEmpty must be \"keep\" or \"drop\", got {other:?}"
            )));
        }
    };
    context.stream(
        Operation::Filter(Filter {
            function,
            keep_empty,
        }),
        vec![input],
        arguments,
    )
}

fn yield_tables(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let input = arguments.stream("tables")?;
    let name = arguments.string_or("name", "_result")?;
    context.stream(Operation::Yield(name), vec![input], arguments)
}

fn now(context: &Context<'_>, _: &Arguments) -> Result<Value, Error> {
    Ok(Value::Time(context.started()))
}

fn system_time(context: &Context<'_>, _: &Arguments) -> Result<Value, Error> {
    Ok(Value::Time(context.started()))
}

fn array_from(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let rows = arguments.array("rows")?;
    if rows.is_empty() {
        return Err(Error::invalid("rows must be non-empty"));
    }
    let records: Result<Vec<Rc<Record>>, Error> = rows
        .iter()
        .map(|row| match row {
            Value::Record(record) => Ok(Rc::clone(record)),
            Value::Row(row) => Ok(Rc::new(row.record())),
            other => Err(Error::invalid(format!(
                "rows must be records, found {}",
                other.type_name()
            ))),
        })
        .collect();
    let records = records?;
    let fields = columns_of_records(&records)?;
    // Rows without columns are none.
    let rows = if fields.is_empty() { 0 } else { records.len() };
    let table = Table::new(GroupKey::default(), fields, rows);
    tables(context, arguments, "from", vec![table])
}

fn generate(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let start = instant_of(context, arguments.expect("start")?)?;
    let stop = instant_of(context, arguments.expect("stop")?)?;
    let count = arguments.integer("count")?;
    let lambda = Lambda::new(arguments.function("fn")?)?;
    let limit = i64::try_from(context.limits().rows).unwrap_or(i64::MAX);
    if count < 0 || count > limit {
        return Err(Error::invalid(format!(
            "count must be between 0 and {limit}"
        )));
    }
    let step = if count > 0 {
        stop.saturating_sub(start) / count
    } else {
        0
    };
    let mut values = Vec::new();
    for index in 0..count {
        match lambda.value(context, Value::Integer(index))? {
            Value::Integer(value) => values.push(value),
            other => {
                return Err(Error::invalid(format!(
                    "fn must give an int, found {}",
                    other.type_name()
                )));
            }
        }
    }
    let times = (0..count).map(|index| start + step * index).collect();
    let field = |label: &str, column| Field {
        label: Arc::from(label),
        column,
    };
    let rows = values.len();
    let fields = vec![
        field("_time", Column::Time(Vector::dense(times))),
        field("_value", Column::Integer(Vector::dense(values))),
    ];
    tables(
        context,
        arguments,
        "from",
        vec![Table::new(GroupKey::default(), fields, rows)],
    )
}

fn cardinality(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    of_this_host(arguments, "cardinality: reading from")?;
    let bucket = bucket_of(arguments, "cardinality")?;
    let start = instant_of(context, arguments.expect("start")?)?;
    let stop = match arguments.get("stop") {
        None => context.now()?,
        Some(stop) => instant_of(context, stop)?,
    };
    let predicate = arguments.optional_function("predicate")?;
    let from = crate::plan::Node::new(Operation::From(bucket), Vec::new(), arguments.span)?;
    let mut node = crate::plan::Node::new(
        Operation::Range(Range { start, stop }),
        vec![from],
        arguments.span,
    )?;
    if let Some(function) = predicate {
        let filter = Operation::Filter(Filter {
            function,
            keep_empty: false,
        });
        node = crate::plan::Node::new(filter, vec![node], arguments.span)?;
    }
    all(
        context,
        arguments,
        "cardinality",
        Vec::new(),
        move |context, _, out| {
            let count = match context.schema_request(&node)? {
                Some(request) => context.source().cardinality(&request).map_err(Error::at)?,
                None => None,
            };
            let count = match count {
                Some(count) => count,
                None => series_of(&context.tables_now(&node)?),
            };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let mut table = Table::of_key(GroupKey::default(), 1);
            table.set("_value", Column::Integer(Vector::constant(Some(count), 1)));
            out(table)
        },
    )
}

/// How many series tables are of, whatever their fields.
fn series_of(tables: &[Table]) -> usize {
    let series = tables.iter().map(|table| {
        let names_series = |label: &str| !matches!(label, "_field" | "_start" | "_stop");
        table.key.retain(names_series)
    });
    series.collect::<HashSet<_>>().len()
}

fn secret(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    context
        .effects()
        .secret(&arguments.string("key")?)
        .map(Value::text)
}

fn version(context: &Context<'_>, _: &Arguments) -> Result<Value, Error> {
    Ok(Value::text(context.effects().version()))
}

/// What `tasks.lastSuccess` answers: the option's time, the host's, or the fallback.
fn last_success(context: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    if let Some(Value::Time(time)) = arguments.get("lastSuccessTime")
        && *time != 0
    {
        return Ok(Value::Time(*time));
    }
    match context.effects().task_last_success() {
        Some(time) => Ok(Value::Time(time)),
        None => instant_of(context, arguments.expect("orTime")?).map(Value::Time),
    }
}
