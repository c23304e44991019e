//! Writing line protocol: `/api/v2/write`, and version 1's `/write`.

use watchpost_core::line_protocol::Precision;

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::{buckets, dbrps};
use crate::auth::{Action, Permission, ResourceType};
use crate::meta::{Bucket, Id, Organization, State};
use crate::write::store_lines;

/// `POST /api/v2/write`.
pub fn write(call: &Call) -> Reply {
    let precision: Precision = match call.query.get("precision") {
        None => Precision::default(),
        Some(name) => name.parse().map_err(|_| {
            ApiError::invalid(watchpost_core::line_protocol::UnknownPrecision.to_string())
        })?,
    };
    let bucket = target(call)?;
    store_lines(&call.app, &bucket, &call.body, precision)?;
    Ok(Answer::no_content())
}

/// The bucket that a write names, if the caller may write to it.
fn target(call: &Call) -> Result<Bucket, ApiError> {
    if call.query.get("bucket").is_none() && call.query.get("bucketID").is_none() {
        return Err(ApiError::not_found("bucket not found"));
    }
    let state = call.app.meta.read();
    let org = call.required_organization(&state)?;
    let bucket = buckets::named(call, &state, org.id)?
        .ok_or_else(|| ApiError::not_found("bucket not found"))?;
    may_write(call, bucket)?;
    Ok(bucket.clone())
}

fn may_write(call: &Call, bucket: &Bucket) -> Result<(), ApiError> {
    let needed = Permission::one(Action::Write, ResourceType::Points, bucket.org, bucket.id);
    let caller = call.caller()?;
    match caller.may(&needed) {
        true => Ok(()),
        false if caller.is_inactive => Err(ApiError::new(
            Code::Forbidden,
            "insufficient permissions for write: token is inactive",
        )),
        false => Err(ApiError::new(
            Code::Forbidden,
            "insufficient permissions for write",
        )),
    }
}

/// Version 1's `POST /write?db=…&rp=…`.
pub fn write_version_one(call: &Call) -> Reply {
    let database = call
        .query
        .get("db")
        .ok_or_else(|| ApiError::invalid("missing db"))?;
    let precision = match call.query.get("precision") {
        None | Some("n" | "ns") => Precision::Nanoseconds,
        Some("u" | "us" | "µ") => Precision::Microseconds,
        Some("ms") => Precision::Milliseconds,
        Some("s") => Precision::Seconds,
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "invalid precision {other:?}; use n, u, ms or s"
            )));
        }
    };
    let bucket = {
        let state = call.app.meta.read();
        if call.caller()?.is_inactive {
            return Err(ApiError::unauthorized_version_one());
        }
        let org = organization(call, &state)?;
        let id = dbrps::bucket_of(&state, org.id, database, call.query.get("rp"));
        let bucket = id.and_then(|id: Id| state.buckets.get(&id));
        let bucket = bucket.ok_or_else(|| ApiError::not_found("no dbrp mapping found"))?;
        may_write(call, bucket)?;
        bucket.clone()
    };
    store_lines(&call.app, &bucket, &call.body, precision)?;
    Ok(Answer::no_content())
}

/// The organization of a version 1 request, which names none: the token's.
///
/// # Errors
/// There is none.
pub fn organization<'s>(call: &Call, state: &'s State) -> Result<&'s Organization, ApiError> {
    if let Some(found) = call.organization(state)? {
        return Ok(found);
    }
    let caller = call.caller()?;
    let of_token = caller
        .token
        .and_then(|token| state.authorizations.get(&token))
        .map(|token| token.org);
    let found = of_token.and_then(|org| state.organizations.get(&org));
    found
        .or_else(|| state.organizations.values().next())
        .ok_or_else(|| ApiError::not_found("organization not found"))
}
