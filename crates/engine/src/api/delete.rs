//! Deleting points by time range and predicate.

use serde_json::Value;
use watchpost_storage::{Predicate, TimeRange};

use crate::api::call::{Answer, Call, Reply};
use crate::api::delete_predicate::{self, Deletion};
use crate::api::error::{ApiError, Code};
use crate::api::{buckets, json as body};
use crate::auth::{Action, Permission, ResourceType};
use crate::clock::parse_rfc3339;

/// `POST /api/v2/delete`.
pub fn delete(call: &Call) -> Reply {
    let (range, deletion) = request(&call.body).map_err(|error| match error.code {
        Code::Invalid => error.within("error decoding json body"),
        _ => error,
    })?;
    let bucket = {
        let state = call.app.meta.read();
        let org = call.required_organization(&state)?;
        let bucket = buckets::named(call, &state, org.id)?;
        bucket
            .ok_or_else(|| ApiError::invalid("Please provide either bucketID or bucket"))?
            .clone()
    };
    if !call.caller()?.may(&Permission::one(
        Action::Write,
        ResourceType::Buckets,
        bucket.org,
        bucket.id,
    )) {
        return Err(ApiError::new(
            Code::Forbidden,
            "insufficient permissions to delete",
        ));
    }
    let (storage, bucket) = (&call.app.storage, bucket.id.number());
    let Some(deletion) = deletion.filter(|_| !range.is_empty()) else {
        return Ok(Answer::no_content());
    };
    let Some(name) = &deletion.ends_at else {
        storage.delete(bucket, range, &deletion.predicate)?;
        return Ok(Answer::no_content());
    };
    let there = storage.measurements(bucket, TimeRange::ALL, &Predicate::default())?;
    if there.contains(name) {
        for before in there.iter().filter(|it| *it < name) {
            let named = Predicate::measurement(before);
            let both = Predicate::And(vec![named, deletion.predicate.clone()]);
            storage.delete(bucket, range, &both)?;
        }
    }
    Ok(Answer::no_content())
}

/// The range, and which points of it; no predicate: none of them.
fn request(bytes: &[u8]) -> Result<(TimeRange, Option<Deletion>), ApiError> {
    let request = body::first_object(bytes, "deleteRequest", "http.deleteRequestDecode")?;
    let time = |member: &str, example: &str| {
        let text = request
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default();
        // A date alone is no time here, as in InfluxDB: whose midnight is not said.
        let time = parse_rfc3339(text).filter(|_| text.contains('T'));
        time.ok_or_else(|| {
            ApiError::invalid(format!(
                "invalid RFC3339Nano for field {member}, please format your time with RFC3339Nano format, example: {example}"
            ))
        })
    };
    let start = time("start", "2009-01-02T23:00:00Z")?;
    let stop = time("stop", "2009-01-01T23:00:00Z")?;
    let predicate = delete_predicate::parse(&request.text("predicate")?)?;
    // InfluxDB's stop is part of the range.
    Ok((
        TimeRange::new(start, stop.saturating_add(i64::from(start <= stop))),
        predicate,
    ))
}
