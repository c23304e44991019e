//! Version 1's `/query`: InfluxQL over the bucket that a database and retention policy stand for.

use std::cell::{Cell as Count, RefCell};
use std::io::{self, Write};

use axum::http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::source::BucketReference;

use crate::api::call::{Answer, Call, Reply};
use crate::api::dbrps;
use crate::api::error::ApiError;
use crate::api::query::EXPLAIN;
use crate::api::serve;
use crate::api::text::Text;
use crate::api::write::organization;
use crate::auth::{Action, Permission, ResourceType};
use crate::influxql::answer::{Cell, Epoch, Series};
use crate::influxql::ast::{Show, Source, Statement};
use crate::influxql::json::{Document, StatementResult};
use crate::influxql::{CompileError, QueryError, Target, compile, csv, outline, run};
use crate::meta::{Bucket, Id};
use crate::query::source::StorageSource;
use crate::query::{Ended, Ticket, may_go_on};
use crate::write::go_duration;

/// Rows of a chunk if `chunk_size` does not say, as in InfluxDB.
const CHUNK_ROWS: usize = 10_000;

/// `GET` and `POST /query?db=…&q=…`.
pub fn query(call: &Call) -> Reply {
    if call.caller()?.is_inactive {
        return Err(ApiError::unauthorized_version_one());
    }
    let text = call
        .query
        .get("q")
        .ok_or_else(|| ApiError::invalid("missing required parameter \"q\""))?;
    let unreadable =
        |error: QueryError| ApiError::invalid(format!("failed to parse query: {error}"));
    let statements = outline(text).map_err(unreadable)?;
    let org = organization(call, &call.app.meta.read())?.id;
    let admitted: Vec<_> = statements
        .iter()
        .map(|statement| admitted(call, org, statement))
        .collect();
    if !admitted.is_empty() && admitted.iter().all(Result::is_err) {
        // Nothing of it may be carried out: no reason to stand in the queue for it.
        let refused = admitted.into_iter().enumerate();
        let results = refused.map(|(number, refusal)| (number, refusal.map(|_| Vec::new())));
        return answered(call, results.collect());
    }
    // The same queue, list and time as for Flux. This is a thread of its own, which may wait.
    let caller = call.caller()?;
    let queries = &call.app.queries;
    let turn = queries.enter(text, org, caller.asker(org));
    let ticket = tokio::runtime::Handle::current().block_on(turn)?;
    let statements = compile(text, &call.app.memory).map_err(|error| match error {
        CompileError::Query(error) => unreadable(error),
        CompileError::Memory(full) => full.into(),
    })?;
    let mut results = Vec::new();
    let mut explain = Vec::new();
    let held = Count::new(0);
    for (number, (statement, bucket)) in statements.iter().zip(admitted).enumerate() {
        let (answer, notes) = match bucket {
            Ok(bucket) => {
                let before = held.get();
                let carried = carry_out(call, (org, bucket.as_ref()), statement, &ticket, &held);
                // What is left of a statement's memory is its answer.
                let answer = carried.0.iter().flatten();
                held.set(before.saturating_add(answer.map(Series::bytes).sum()));
                carried
            }
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        Ended {
            result: if answer.is_ok() { "success" } else { "invalid" },
            org,
            text,
            explain: &notes.join("; "),
        }
        .record(&call.app, &ticket);
        explain.extend(notes);
        if deletes(statement) && answer.is_ok() {
            continue;
        }
        results.push((number, answer));
    }
    let answer = answered(call, results)?;
    let explain = HeaderValue::from_str(&explain.join("; "));
    Ok(match explain {
        Ok(explain) if call.headers.contains_key(&EXPLAIN) => answer.with(EXPLAIN, explain),
        _ => answer,
    })
}

/// The results in the form that the request asks for.
fn answered(call: &Call, results: Results) -> Reply {
    let wants_csv = call
        .header(&header::ACCEPT)
        .is_some_and(|accept| accept.contains("csv"));
    let epoch = Epoch::of(call.query.get("epoch"));
    let mut text = Text::within(call.app.limits.max_query_bytes, &call.app.memory);
    let (media_type, written) = match wants_csv {
        true => {
            let series = results
                .iter()
                .filter_map(|(_, answer)| answer.as_deref().ok());
            ("application/csv", csv::write(series, epoch, &mut text))
        }
        false => (
            "application/json",
            write_json(call, &results, epoch, &mut text),
        ),
    };
    Ok(Answer::text(
        StatusCode::OK,
        media_type,
        text.finished(written)?,
    ))
}

/// The statements' numbers, and what came of them.
type Results = Vec<(usize, Result<Vec<Series>, QueryError>)>;

/// One document, or with `chunked` a line for each part of a series.
fn write_json(call: &Call, results: &Results, epoch: Epoch, text: &mut Text<'_>) -> io::Result<()> {
    let is_pretty = call.query.get("pretty") == Some("true");
    let mut line = |results: Vec<StatementResult<'_>>| -> io::Result<()> {
        let document = Document { results, epoch };
        match is_pretty {
            true => {
                let indent = PrettyFormatter::with_indent(b"    ");
                document.serialize(&mut Serializer::with_formatter(&mut *text, indent))?;
            }
            false => serde_json::to_writer(&mut *text, &document)?,
        }
        text.write_all(b"\n")
    };
    if call.query.get("chunked") != Some("true") {
        let whole = results.iter();
        let whole = whole.map(|(number, answer)| StatementResult::whole(*number, answer));
        return line(whole.collect());
    }
    let size = call.query.get("chunk_size");
    let size = size.and_then(|size| size.parse().ok());
    let size = size.filter(|size| *size > 0).unwrap_or(CHUNK_ROWS);
    for (number, answer) in results {
        for part in StatementResult::parts(*number, answer, size) {
            line(vec![part])?;
        }
    }
    Ok(())
}

/// Carries out a statement; says also what was pushed down to storage for it.
fn carry_out(
    call: &Call,
    of: (Id, Option<&Bucket>),
    statement: &Statement,
    ticket: &Ticket,
    held: &Count<usize>,
) -> (Result<Vec<Series>, QueryError>, Vec<String>) {
    let explain = RefCell::default();
    let answer = answer(call, of, statement, ticket, (held, &explain));
    (answer, explain.into_inner())
}

/// The bucket that a statement is about, if the caller may ask it; none where it is about none.
///
/// # Errors
/// The caller may not, or nobody could.
fn admitted(call: &Call, org: Id, statement: &Statement) -> Result<Option<Bucket>, QueryError> {
    match statement {
        Statement::ShowDatabases => return Ok(None),
        Statement::NotImplemented(what) => {
            return Err(QueryError::new(format!("not implemented: {what}")));
        }
        _ => {}
    }
    if deletes(statement) && call.method != Method::POST {
        return Err(QueryError::new(
            "a statement that deletes is taken by POST alone",
        ));
    }
    let action = match deletes(statement) {
        true => Action::Write,
        false => Action::Read,
    };
    bucket_of(call, org, statement, action).map(Some)
}

/// Whether a statement takes points away.
fn deletes(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Delete(_) | Statement::DropMeasurement(_)
    )
}

/// Carries out a statement that deletes, which is in the audit log before and with its end after: without that line the
/// points stay.
fn recorded(
    call: &Call,
    bucket: &Bucket,
    delete: impl FnOnce() -> Result<Vec<Series>, QueryError>,
) -> Result<Vec<Series>, QueryError> {
    let on = format!("/api/v2/buckets/{}", bucket.id);
    let entry = serve::begin_entry(call, "InfluxQL DELETE", &on)
        .map_err(|error| QueryError::new(format!("nothing was deleted: {}", error.message)))?;
    let deleted = delete();
    let (status, message) = match &deleted {
        Ok(_) => (StatusCode::OK, None),
        Err(error) => (StatusCode::BAD_REQUEST, Some(error.to_string())),
    };
    let audit = &call.app.audit;
    audit.end(entry, status.as_u16(), None, message.as_deref());
    deleted
}

fn answer(
    call: &Call,
    (org, bucket): (Id, Option<&Bucket>),
    statement: &Statement,
    ticket: &Ticket,
    (held, explain): (&Count<usize>, &RefCell<Vec<String>>),
) -> Result<Vec<Series>, QueryError> {
    let Some(bucket) = bucket else {
        return Ok(vec![databases(call, org)]);
    };
    if let Statement::ShowRetentionPolicies(_) = statement {
        return Ok(vec![retention_policies(call, org, bucket)]);
    }
    let check = || match call.departure.is_gone() {
        true => Err(Error::new(ErrorKind::Canceled, "the client went away")),
        false => may_go_on(&call.app, ticket),
    };
    let caller = call
        .caller()
        .map_err(|error| QueryError::new(error.message))?;
    let target = Target {
        source: &StorageSource::new(&call.app, org, &caller.permissions, &check),
        reference: BucketReference::Id(bucket.id.to_string()),
        storage: &call.app.storage,
        bucket: bucket.id.number(),
        now: call.now(),
        max_rows: call.app.limits.max_query_rows,
        max_bytes: call.app.limits.max_query_bytes,
        may_go_on: &|| check().map_err(|error| QueryError::new(error.message)),
        shard: bucket.shard_seconds.saturating_mul(1_000_000_000),
        read: Count::new(0),
        held,
        explain,
    };
    match deletes(statement) {
        true => recorded(call, bucket, || run(&target, statement)),
        false => run(&target, statement),
    }
}

/// The bucket that a statement is about: the database it names, else that of the request.
fn bucket_of(
    call: &Call,
    org: Id,
    statement: &Statement,
    action: Action,
) -> Result<Bucket, QueryError> {
    let (mut database, mut policy) = (call.query.get("db"), call.query.get("rp"));
    if let Some((named, with_policy)) = named_database(statement) {
        database = Some(named);
        policy = with_policy;
    }
    let database = database.ok_or_else(|| QueryError::new("database name required"))?;
    let missing = || QueryError::new(format!("database not found: {database}"));
    let state = call.app.meta.read();
    let id = dbrps::bucket_of(&state, org, database, policy).ok_or_else(missing)?;
    let bucket = state.buckets.get(&id).ok_or_else(missing)?;
    let needed = Permission::one(action, ResourceType::Buckets, bucket.org, bucket.id);
    let may = call
        .caller
        .as_ref()
        .is_some_and(|caller| caller.may(&needed));
    if may {
        Ok(bucket.clone())
    } else {
        Err(missing())
    }
}

fn named_database(statement: &Statement) -> Option<(&str, Option<&str>)> {
    match statement {
        Statement::Select(select) => select.sources.iter().find_map(database_of),
        Statement::ShowRetentionPolicies(Some(database)) => Some((database, None)),
        Statement::ShowMeasurements(show)
        | Statement::ShowTagKeys(show)
        | Statement::ShowTagValues(show)
        | Statement::ShowFieldKeys(show)
        | Statement::ShowSeries(show)
        | Statement::ShowCardinality(_, show)
        | Statement::Delete(show) => database_of_show(show),
        _ => None,
    }
}

fn database_of_show(show: &Show) -> Option<(&str, Option<&str>)> {
    let on = show.database.as_deref().map(|database| (database, None));
    on.or_else(|| show.sources.iter().find_map(database_of))
}

fn database_of(source: &Source) -> Option<(&str, Option<&str>)> {
    match source {
        Source::Name {
            database: Some(database),
            policy,
            ..
        }
        | Source::Pattern {
            database: Some(database),
            policy,
            ..
        } => Some((database, policy.as_deref())),
        Source::Subquery(select) => select.sources.iter().find_map(database_of),
        _ => None,
    }
}

fn databases(call: &Call, org: Id) -> Series {
    let state = call.app.meta.read();
    let mut names: Vec<String> = dbrps::all(&state, org)
        .into_iter()
        .filter(|mapping| call.may_read(ResourceType::Buckets, org, mapping.dbrp.bucket))
        .map(|mapping| mapping.dbrp.database)
        .collect();
    names.sort();
    names.dedup();
    Series {
        name: Some("databases".to_owned()),
        columns: vec!["name".to_owned()],
        rows: names
            .into_iter()
            .map(|name| vec![Cell::text(name)])
            .collect(),
        ..Series::default()
    }
}

fn retention_policies(call: &Call, org: Id, bucket: &Bucket) -> Series {
    let state = call.app.meta.read();
    let mappings = dbrps::all(&state, org);
    let database = mappings
        .iter()
        .find(|one| one.dbrp.bucket == bucket.id)
        .map(|one| one.dbrp.database.clone());
    let rows = mappings
        .iter()
        .filter(|one| Some(&one.dbrp.database) == database.as_ref())
        .filter_map(|one| {
            let bucket = state.buckets.get(&one.dbrp.bucket)?;
            Some(vec![
                Cell::text(one.dbrp.retention_policy.as_str()),
                Cell::text(go_duration(bucket.retention_seconds)),
                Cell::text(go_duration(bucket.shard_seconds)),
                Cell::Value(watchpost_core::point::FieldValue::Integer(1)),
                Cell::Value(watchpost_core::point::FieldValue::Boolean(one.dbrp.default)),
            ])
        });
    let columns = [
        "name",
        "duration",
        "shardGroupDuration",
        "replicaN",
        "default",
    ];
    Series {
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
        ..Series::default()
    }
}
