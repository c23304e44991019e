//! Buckets: where points go, and how long they stay.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::json::{self as body, Object};
use crate::api::page::Page;
use crate::api::{dbrps, labels};
use crate::auth::{Action, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Bucket, BucketKind, Id, Kind, Label, State};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// How long points are kept, and how much time a shard covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// 0 for ever.
    pub seconds: i64,
    /// At most the retention.
    pub shard_seconds: i64,
}

impl Retention {
    /// Checks a retention; a shard duration that was not given follows from it, as InfluxDB chooses.
    ///
    /// # Errors
    /// Negative, under an hour, or shorter than a shard.
    pub fn checked(seconds: i64, shard_seconds: Option<i64>) -> Result<Self, ApiError> {
        let refuse = |message: &str| ApiError::new(Code::Unprocessable, message);
        if seconds < 0 {
            return Err(refuse("expiration seconds cannot be negative"));
        }
        if seconds > 0 && seconds < HOUR {
            return Err(refuse("retention policy duration must be at least 1h0m0s"));
        }
        if seconds > i64::MAX / 1_000_000_000 {
            return Err(refuse(
                "expiration seconds are too large; 0 keeps points for ever",
            ));
        }
        let shard_seconds = match shard_seconds {
            Some(given) if given > 0 => given,
            _ if seconds == 0 || seconds >= 180 * DAY => 7 * DAY,
            _ if seconds >= 2 * DAY => DAY,
            _ => HOUR,
        };
        if seconds > 0 && shard_seconds > seconds {
            return Err(refuse(
                "retention policy duration must be greater than the shard duration",
            ));
        }
        Ok(Self {
            seconds,
            shard_seconds,
        })
    }

    /// From the rules of a request.
    fn from_rules(request: &Object) -> Result<Option<(i64, Option<i64>)>, ApiError> {
        let Some(rules) = request.list("retentionRules", "[]tenant.retentionRule")? else {
            return Ok(None);
        };
        match rules.first() {
            None => Ok(Some((0, None))),
            Some(Value::Object(rule)) => {
                let rule = Object::new(rule.clone(), "retentionRule");
                Ok(Some((
                    rule.integer("everySeconds")?.unwrap_or(0),
                    rule.integer("shardGroupDurationSeconds")?,
                )))
            }
            Some(_) => Err(ApiError::invalid(
                "a retention rule is an object with everySeconds",
            )),
        }
    }
}

/// A bucket as the API shows it.
pub fn shown(bucket: &Bucket, labels: &[&Label]) -> Value {
    let id = bucket.id;
    let mut shown = json!({
        "id": id,
        "orgID": bucket.org,
        "type": bucket.kind,
        "name": bucket.name,
        "retentionRules": [{
            "type": "expire",
            "everySeconds": bucket.retention_seconds,
            "shardGroupDurationSeconds": bucket.shard_seconds,
        }],
        "createdAt": rfc3339(bucket.created_at),
        "updatedAt": rfc3339(bucket.updated_at),
        "links": {
            "labels": format!("/api/v2/buckets/{id}/labels"),
            "members": format!("/api/v2/buckets/{id}/members"),
            "org": format!("/api/v2/orgs/{}", bucket.org),
            "owners": format!("/api/v2/buckets/{id}/owners"),
            "self": format!("/api/v2/buckets/{id}"),
            "write": format!("/api/v2/write?org={}&bucket={id}", bucket.org),
        },
        "labels": labels.iter().map(|label| labels::shown(label)).collect::<Vec<_>>(),
    });
    if let Some(description) = &bucket.description {
        shown["description"] = json!(description);
    }
    if let Some(rp) = &bucket.rp {
        shown["rp"] = json!(rp);
    }
    shown
}

fn shown_in(state: &State, bucket: &Bucket) -> Value {
    shown(bucket, &state.labels_of(ResourceType::Buckets, bucket.id))
}

/// `GET /api/v2/buckets`.
pub fn list(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let organization = call.organization(&state)?;
    let id = call.query.id("id")?;
    if let Some(id) = id
        && !state.buckets.contains_key(&id)
    {
        return Err(not_found());
    }
    let name = call.query.get("name");
    let found: Vec<&Bucket> = state
        .buckets
        .values()
        .filter(|bucket| organization.is_none_or(|organization| organization.id == bucket.org))
        .filter(|bucket| id.is_none_or(|id| id == bucket.id))
        .filter(|bucket| name.is_none_or(|name| name == bucket.name))
        .filter(|bucket| call.may_read(ResourceType::Buckets, bucket.org, bucket.id))
        .collect();
    let found = page.cut(found, |bucket| bucket.id);
    let filters = [
        ("bucket", name.map(str::to_owned)),
        ("id", id.map(|id| id.to_string())),
        ("org", call.query.get("org").map(str::to_owned)),
        ("orgID", call.query.get("orgID").map(str::to_owned)),
    ];
    Ok(Answer::ok(json!({
        "links": page.links("/api/v2/buckets", &filters, found.len()),
        "buckets": found.iter().map(|bucket| shown_in(&state, bucket)).collect::<Vec<_>>(),
    })))
}

/// `POST /api/v2/buckets`.
pub fn create(call: &Call) -> Reply {
    let unreadable =
        |error: body::JsonError| ApiError::from(error).within("failed to unmarshal json");
    let request = body::first_object(&call.body, "postBucketRequest", "tenant.postBucketRequest")
        .map_err(unreadable)?;
    let org = request.id("orgID").map_err(unreadable)?;
    let name = request.text("name").map_err(unreadable)?;
    let (seconds, shard) = Retention::from_rules(&request)
        .map_err(|error| error.within("failed to unmarshal json"))?
        .unwrap_or((0, None));
    let org = org.ok_or_else(|| ApiError::invalid("organization id must be provided"))?;
    let retention = Retention::checked(seconds, shard)?;
    let now = call.now();
    let bucket = Bucket {
        id: Id::random(),
        org,
        kind: BucketKind::User,
        name,
        description: request.string("description").map_err(unreadable)?,
        rp: request
            .string("rp")
            .map_err(unreadable)?
            .filter(|rp| !rp.is_empty() && rp != "0"),
        retention_seconds: retention.seconds,
        shard_seconds: retention.shard_seconds,
        created_at: now,
        updated_at: now,
    };
    call.app.meta.update(|state, changes| {
        if !state.organizations.contains_key(&org) {
            return Err(ApiError::not_found("organization not found"));
        }
        call.need_in(Action::Write, ResourceType::Buckets, org, None)?;
        check_name(&bucket.name)?;
        if state.bucket_by_name(org, &bucket.name).is_some() {
            return Err(ApiError::conflict(format!(
                "bucket with name {} already exists",
                bucket.name
            )));
        }
        changes.put(bucket.clone());
        Ok(())
    })?;
    call.app.apply_retention()?;
    Ok(Answer::created(shown(&bucket, &[])))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.starts_with('_') {
        return Err(ApiError::invalid(format!(
            "bucket name {name} is invalid. Buckets may not start with underscore"
        )));
    }
    if name.contains('"') {
        let message =
            format!("bucket name {name} is invalid. Bucket names may not include quotation marks");
        return Err(ApiError::invalid(message));
    }
    Ok(())
}

/// The bucket of an id.
///
/// # Errors
/// There is none.
pub fn find(state: &State, id: Id) -> Result<&Bucket, ApiError> {
    state.buckets.get(&id).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::not_found("bucket not found")
}

/// `GET /api/v2/buckets/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let bucket = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Buckets,
        bucket.org,
        Some(bucket.id),
    )?;
    Ok(Answer::ok(shown_in(&state, bucket)))
}

/// `PATCH /api/v2/buckets/{id}`.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let unreadable =
        |error: body::JsonError| ApiError::from(error).within("failed to unmarshal json");
    let request = body::first_object(&call.body, "bucketUpdate", "tenant.bucketUpdate")
        .map_err(unreadable)?;
    let name = request.string("name").map_err(unreadable)?;
    let description = request.string("description").map_err(unreadable)?;
    let rules = Retention::from_rules(&request)
        .map_err(|error| error.within("failed to unmarshal json"))?;
    let shown = call.app.meta.update(|state, changes| {
        let mut bucket = find(state, id)?.clone();
        call.need_in(Action::Write, ResourceType::Buckets, bucket.org, Some(id))?;
        if let Some(name) = name {
            rename(state, &mut bucket, name)?;
        }
        if description.is_some() {
            bucket.description = description;
        }
        if let Some((seconds, shard)) = rules {
            let shard = shard.filter(|shard| *shard > 0);
            if shard.is_none() && seconds >= HOUR && seconds < bucket.shard_seconds {
                let message = "shard-group duration must also be updated to be smaller than new retention duration";
                return Err(ApiError::new(Code::Unprocessable, message));
            }
            let retention = Retention::checked(seconds, shard.or((seconds >= HOUR).then_some(bucket.shard_seconds)))?;
            bucket.retention_seconds = retention.seconds;
            bucket.shard_seconds = retention.shard_seconds;
        }
        bucket.updated_at = call.now();
        changes.put(bucket.clone());
        Ok(shown_in(state, &bucket))
    })?;
    call.app.apply_retention()?;
    Ok(Answer::ok(shown))
}

fn rename(state: &State, bucket: &mut Bucket, name: String) -> Result<(), ApiError> {
    if name == bucket.name {
        return Ok(());
    }
    if bucket.kind == BucketKind::System {
        return Err(ApiError::invalid("system buckets cannot be renamed"));
    }
    check_name(&name)?;
    if state.bucket_by_name(bucket.org, &name).is_some() {
        return Err(ApiError::conflict("bucket name is not unique"));
    }
    bucket.name = name;
    Ok(())
}

/// `DELETE /api/v2/buckets/{id}`: the bucket and its points.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let bucket = find(state, id)?;
        call.need_in(Action::Write, ResourceType::Buckets, bucket.org, Some(id))?;
        if bucket.kind == BucketKind::System {
            return Err(ApiError::invalid("system buckets cannot be deleted"));
        }
        changes.delete(Kind::Bucket, id);
        dbrps::forget_bucket(state, changes, id);
        labels::forget_resource(state, changes, id);
        Ok(())
    })?;
    call.app.drop_bucket(id)?;
    Ok(Answer::no_content())
}

/// The bucket that `bucket` (a name or an id) or `bucketID` names in an organization; none if neither is there.
///
/// # Errors
/// It is not known.
pub fn named<'s>(call: &Call, state: &'s State, org: Id) -> Result<Option<&'s Bucket>, ApiError> {
    let in_org = |id: Id| state.buckets.get(&id).filter(|bucket| bucket.org == org);
    if let Some(id) = call.query.id("bucketID")? {
        return in_org(id).map(Some).ok_or_else(not_found);
    }
    let Some(name) = call.query.get("bucket") else {
        return Ok(None);
    };
    let found = state
        .bucket_by_name(org, name)
        .or_else(|| name.parse().ok().and_then(in_org));
    found
        .map(Some)
        .ok_or_else(|| ApiError::not_found(format!("bucket \"{name}\" not found")))
}
