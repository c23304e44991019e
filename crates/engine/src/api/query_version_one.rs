//! Version 1's `/query`: InfluxQL over the bucket that a database and retention policy stand for.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::dbrps;
use crate::api::error::ApiError;
use crate::api::write::organization;
use crate::auth::{Action, Permission, ResourceType};
use crate::influxql::answer::{Cell, Epoch, Series};
use crate::influxql::ast::{Show, Source, Statement};
use crate::influxql::{QueryError, Target, parse, run};
use crate::meta::{Bucket, Id};
use crate::query::{Ended, Ticket, may_go_on};
use crate::write::go_duration;

/// `GET` and `POST /query?db=…&q=…`.
pub fn query(call: &Call) -> Reply {
    let text = call
        .query
        .get("q")
        .ok_or_else(|| ApiError::invalid("missing required parameter \"q\""))?;
    let unreadable =
        |error: QueryError| ApiError::invalid(format!("failed to parse query: {error}"));
    let statements = parse(text).map_err(unreadable)?;
    let org = organization(call, &call.app.meta.read())?.id;
    // The same queue, list and time as for Flux. This is a thread of its own, which may wait.
    let turn = call.app.queries.enter(text, org, call.caller()?.user);
    let ticket = tokio::runtime::Handle::current().block_on(turn)?;
    let epoch = Epoch::of(call.query.get("epoch"));
    let wants_csv = call
        .header(&header::ACCEPT)
        .is_some_and(|accept| accept.contains("csv"));
    let (mut results, mut csv) = (Vec::new(), String::new());
    for (number, statement) in statements.iter().enumerate() {
        let answer = carry_out(call, org, statement, &ticket);
        Ended {
            result: if answer.is_ok() { "success" } else { "invalid" },
            org,
            text,
            explain: "InfluxQL",
        }
        .record(&call.app, &ticket);
        if matches!(statement, Statement::Delete(_)) && answer.is_ok() {
            continue;
        }
        if let (true, Ok(series)) = (wants_csv, &answer) {
            series
                .iter()
                .for_each(|series| series.to_csv(epoch, &mut csv));
        }
        results.push(result(number, answer, epoch));
    }
    if wants_csv {
        return Ok(Answer::text(StatusCode::OK, "application/csv", csv));
    }
    let answer = if results.is_empty() {
        json!({})
    } else {
        json!({ "results": results })
    };
    let text = match call.query.get("pretty") {
        Some("true") => serde_json::to_string_pretty(&answer).map_err(ApiError::internal)?,
        _ => answer.to_string(),
    };
    Ok(Answer::text(
        StatusCode::OK,
        "application/json",
        text + "\n",
    ))
}

fn result(number: usize, answer: Result<Vec<Series>, QueryError>, epoch: Epoch) -> Value {
    match answer {
        Ok(series) if series.is_empty() => json!({ "statement_id": number }),
        Ok(series) => {
            let series: Vec<Value> = series.iter().map(|series| series.to_json(epoch)).collect();
            json!({ "statement_id": number, "series": series })
        }
        Err(error) => json!({ "statement_id": number, "error": error.to_string() }),
    }
}

fn carry_out(
    call: &Call,
    org: Id,
    statement: &Statement,
    ticket: &Ticket,
) -> Result<Vec<Series>, QueryError> {
    if let Statement::ShowDatabases = statement {
        return Ok(vec![databases(call, org)]);
    }
    if let Statement::NotImplemented(what) = statement {
        return Err(QueryError::new(format!("not implemented: {what}")));
    }
    let action = if matches!(statement, Statement::Delete(_)) {
        Action::Write
    } else {
        Action::Read
    };
    let bucket = bucket_of(call, org, statement, action)?;
    if let Statement::ShowRetentionPolicies(_) = statement {
        return Ok(vec![retention_policies(call, org, &bucket)]);
    }
    let target = Target {
        storage: &call.app.storage,
        bucket: bucket.id.number(),
        now: call.now(),
        max_rows: call.app.limits.max_query_rows,
        max_bytes: call.app.limits.max_query_bytes,
        may_go_on: &|| may_go_on(&call.app, ticket).map_err(|error| QueryError::new(error.message)),
    };
    run(&target, statement)
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
        | Statement::ShowTagValues(show, _)
        | Statement::ShowFieldKeys(show)
        | Statement::ShowSeries(show)
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
        } => Some((database, policy.as_deref())),
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
