//! Mappings of version 1's databases and retention policies to buckets.
//!
//! Every bucket without a mapping has a virtual one: database = its name, retention policy `autogen`.

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::{buckets, json as body};
use crate::auth::{Action, ResourceType};
use crate::meta::{Bucket, Changes, Dbrp, Id, Kind, State};

/// The retention policy of virtual mappings.
const AUTOGEN: &str = "autogen";

/// A mapping as it is used: one that was made, or a virtual one.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The mapping.
    pub dbrp: Dbrp,
    /// Whether it only follows from the bucket's name.
    pub is_virtual: bool,
}

/// The mappings of an organization, in the order of their making, virtual ones last.
pub fn all(state: &State, org: Id) -> Vec<Mapping> {
    let made: Vec<Mapping> = state
        .dbrps
        .values()
        .filter(|dbrp| dbrp.org == org)
        .map(|dbrp| Mapping {
            dbrp: dbrp.clone(),
            is_virtual: false,
        })
        .collect();
    let mut own: Vec<&Bucket> = state
        .buckets
        .values()
        .filter(|bucket| bucket.org == org)
        .collect();
    own.sort_by(|a, b| a.name.cmp(&b.name));
    let virtual_ones = own.into_iter().filter_map(|bucket| {
        let (database, policy) = bucket
            .name
            .split_once('/')
            .unwrap_or((&bucket.name, AUTOGEN));
        let taken = made
            .iter()
            .any(|one| one.dbrp.database == database && one.dbrp.retention_policy == policy);
        let has_default = made
            .iter()
            .any(|one| one.dbrp.database == database && one.dbrp.default);
        (!taken).then(|| Mapping {
            dbrp: Dbrp {
                id: bucket.id,
                org,
                bucket: bucket.id,
                database: database.to_owned(),
                retention_policy: policy.to_owned(),
                default: policy == AUTOGEN && !has_default,
            },
            is_virtual: true,
        })
    });
    let virtual_ones: Vec<Mapping> = virtual_ones.collect();
    made.into_iter().chain(virtual_ones).collect()
}

/// The bucket of a database and retention policy; the default one if no policy is named.
pub fn bucket_of(state: &State, org: Id, database: &str, policy: Option<&str>) -> Option<Id> {
    let mappings = all(state, org);
    let mut of_database = mappings.iter().filter(|one| one.dbrp.database == database);
    let found = match policy {
        Some(policy) => of_database.find(|one| one.dbrp.retention_policy == policy),
        None => of_database.find(|one| one.dbrp.default),
    };
    found.map(|one| one.dbrp.bucket)
}

fn shown(mapping: &Mapping) -> Value {
    let dbrp = &mapping.dbrp;
    json!({
        "id": dbrp.id,
        "database": dbrp.database,
        "retention_policy": dbrp.retention_policy,
        "default": dbrp.default,
        "virtual": mapping.is_virtual,
        "orgID": dbrp.org,
        "bucketID": dbrp.bucket,
    })
}

fn organization(call: &Call, state: &State) -> Result<Id, ApiError> {
    let found = call
        .organization(state)?
        .map(|organization| organization.id);
    found.ok_or_else(|| ApiError::invalid("either 'org' or 'orgID' must be provided"))
}

/// `GET /api/v2/dbrps`.
pub fn list(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let org = organization(call, &state)?;
    let query = &call.query;
    let bucket = query.id("bucketID")?;
    let truth = |name: &str| query.get(name).map(|value| value == "true");
    let (default, is_virtual) = (truth("default"), truth("virtual"));
    let found: Vec<Value> = all(&state, org)
        .iter()
        .filter(|one| query.get("db").is_none_or(|db| db == one.dbrp.database))
        .filter(|one| {
            query
                .get("rp")
                .is_none_or(|rp| rp == one.dbrp.retention_policy)
        })
        .filter(|one| bucket.is_none_or(|bucket| bucket == one.dbrp.bucket))
        .filter(|one| default.is_none_or(|default| default == one.dbrp.default))
        .filter(|one| is_virtual.is_none_or(|wanted| wanted == one.is_virtual))
        .filter(|one| call.may_read(ResourceType::Buckets, org, one.dbrp.bucket))
        .map(shown)
        .collect();
    Ok(Answer::ok(json!({ "content": found })))
}

/// `POST /api/v2/dbrps`.
pub fn create(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "createDBRPRequest", "dbrp.createDBRPRequest")?;
    let bucket = request.text("bucketID")?;
    let bucket: Id = bucket
        .parse()
        .map_err(|error| ApiError::invalid(format!("invalid bucket ID \"{bucket}\": {error}")))?;
    let database = name("database", request.text("database")?)?;
    let retention_policy = name("retention policy", request.text("retention_policy")?)?;
    let default = request.boolean("default")?;
    call.app.meta.update(|state, changes| {
        let org = match request.id("orgID")? {
            Some(org) => super::orgs::find(state, org)?.id,
            None => {
                let org = request.text("org")?;
                state
                    .organization_by_name(&org)
                    .ok_or_else(|| ApiError::no_organization(&org))?
                    .id
            }
        };
        call.need_in(Action::Write, ResourceType::Buckets, org, Some(bucket))?;
        let bucket = buckets::find(state, bucket)?;
        if bucket.org != org {
            return Err(ApiError::not_found("bucket not found"));
        }
        let bucket = bucket.id;
        let mut same = state
            .dbrps
            .values()
            .filter(|one| one.org == org && one.database == database)
            .peekable();
        let is_first = same.peek().is_none();
        if same.any(|one| one.retention_policy == retention_policy) {
            return Err(ApiError::conflict(
                "another DBRP mapping with same orgID, db, and rp exists",
            ));
        }
        let id = call.app.meta.next_id(call.now());
        // The first one of a database is its default, whatever was asked.
        let default = default.unwrap_or(false) || is_first;
        let dbrp = Dbrp {
            id,
            org,
            bucket,
            database,
            retention_policy,
            default,
        };
        keep(state, changes, dbrp.clone());
        Ok(Answer::created(shown(&Mapping {
            dbrp,
            is_virtual: false,
        })))
    })
}

fn name(what: &str, name: String) -> Result<String, ApiError> {
    let is_valid = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(is_valid) {
        let message = format!(
            "DBRP provided is invalid: {what} must contain at least one character and only be letters, numbers, '_', '-', and '.'"
        );
        return Err(ApiError::invalid(message));
    }
    Ok(name)
}

/// Keeps a mapping; if it is the default of its database, no other one is.
fn keep(state: &State, changes: &mut Changes, dbrp: Dbrp) {
    if dbrp.default {
        let others = state
            .dbrps
            .values()
            .filter(|one| one.org == dbrp.org && one.database == dbrp.database);
        for other in others.filter(|one| one.default && one.id != dbrp.id) {
            changes.put(Dbrp {
                default: false,
                ..other.clone()
            });
        }
    }
    changes.put(dbrp);
}

fn find(state: &State, org: Id, id: Id) -> Result<Mapping, ApiError> {
    let mut mappings = all(state, org).into_iter();
    mappings
        .find(|one| one.dbrp.id == id)
        .ok_or_else(|| ApiError::not_found("unable to find DBRP"))
}

/// `GET /api/v2/dbrps/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let mapping = find(&state, organization(call, &state)?, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::Buckets,
        mapping.dbrp.org,
        Some(mapping.dbrp.bucket),
    )?;
    Ok(Answer::ok(json!({ "content": shown(&mapping) })))
}

fn changeable(call: &Call, state: &State) -> Result<Dbrp, ApiError> {
    let mapping = find(state, organization(call, state)?, call.id("id")?)?;
    call.need_in(
        Action::Write,
        ResourceType::Buckets,
        mapping.dbrp.org,
        Some(mapping.dbrp.bucket),
    )?;
    match mapping.is_virtual {
        true => Err(ApiError::invalid(
            "a virtual mapping follows from its bucket's name and cannot be changed",
        )),
        false => Ok(mapping.dbrp),
    }
}

/// `PATCH /api/v2/dbrps/{id}`.
pub fn change(call: &Call) -> Reply {
    let request = body::first_object(&call.body, "DBRPUpdate", "influxdb.DBRPMappingUpdate")?;
    call.app.meta.update(|state, changes| {
        let mut dbrp = changeable(call, state)?;
        if let Some(policy) = request.string("retention_policy")? {
            dbrp.retention_policy = name("retention policy", policy)?;
        }
        dbrp.default = request.boolean("default")?.unwrap_or(dbrp.default);
        keep(state, changes, dbrp.clone());
        Ok(Answer::ok(
            json!({ "content": shown(&Mapping { dbrp, is_virtual: false }) }),
        ))
    })
}

/// `DELETE /api/v2/dbrps/{id}`.
pub fn delete(call: &Call) -> Reply {
    call.app.meta.update(|state, changes| {
        let dbrp = changeable(call, state)?;
        changes.delete(Kind::Dbrp, dbrp.id);
        Ok(Answer::no_content())
    })
}

/// Removes the mappings to a bucket that goes.
pub fn forget_bucket(state: &State, changes: &mut Changes, bucket: Id) {
    for dbrp in state.dbrps.values().filter(|dbrp| dbrp.bucket == bucket) {
        changes.delete(Kind::Dbrp, dbrp.id);
    }
}
