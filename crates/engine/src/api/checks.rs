//! Checks: their members, and the script that a check becomes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::alerting::check_script;
use crate::api::call::{Call, Reply};
use crate::api::collection::{Common, Item, Patch, show};
use crate::api::error::ApiError;
use crate::api::json::{self as body, Object};
use crate::api::scripted::{self, Scripted, keep, show_task};
use crate::api::users;
use crate::auth::ResourceType;
use crate::meta::{Check, Id, Kind, State};
use crate::tasks::options::Options;

const PARTS: &[&str] = &["labels", "members", "owners", "query"];

impl Item for Check {
    const TYPE: ResourceType = ResourceType::Checks;

    fn table(state: &State) -> &BTreeMap<Id, Self> {
        &state.checks
    }

    fn id(&self) -> Id {
        self.id
    }

    fn org(&self) -> Id {
        self.org
    }

    fn shown(&self, state: &State) -> Value {
        let common = Common {
            name: &self.name,
            created_at: self.created_at,
            updated_at: self.updated_at,
            parts: PARTS,
        };
        let shown = Value::Object(self.settings.clone());
        show_task(self, state, show(self, state, &common, shown))
    }

    fn missing(id: Id) -> String {
        format!("check not found for key \"{id}\"")
    }
}

impl Scripted for Check {
    const KIND: Kind = Kind::Check;

    fn task(&self) -> Id {
        self.task
    }

    fn owner(&self) -> Id {
        self.owner
    }

    fn touch(&mut self, now: i64) {
        self.updated_at = now;
    }

    fn check_free(&self, state: &State) -> Result<(), ApiError> {
        let mut others = state
            .checks
            .values()
            .filter(|other| other.org == self.org && other.id != self.id);
        match others.any(|other| other.name == self.name) {
            true => Err(ApiError::conflict(format!(
                "check is not unique for key {}{}",
                self.org, self.name
            ))),
            false => Ok(()),
        }
    }

    fn script(&self, _: &State) -> Result<(String, Options), ApiError> {
        let refuse = |reason: String| {
            ApiError::invalid(format!("Could not create task from check: {reason}"))
        };
        let flux = check_script(self).map_err(refuse)?;
        let options = Options::of(&flux).map_err(refuse)?;
        Ok((flux, options))
    }
}

/// What a request says of a check.
struct Given {
    org: Option<Id>,
    name: String,
    active: bool,
    settings: Map<String, Value>,
}

impl Given {
    fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let request = body::first_object(bytes, "check", "check.decodeStatus")?;
        let kind = request.text("type")?;
        if !matches!(kind.as_str(), "threshold" | "deadman" | "custom") {
            return Err(ApiError::invalid(format!("invalid check type {kind}")));
        }
        let name = request.text("name")?;
        if name.is_empty() {
            return Err(ApiError::invalid("Check Name can't be empty"));
        }
        let every = request.text("every")?;
        if every.is_empty() {
            return Err(ApiError::invalid("Check Every can't be empty"));
        }
        let mut settings = Map::new();
        settings.insert("type".to_owned(), json!(kind));
        settings.insert("every".to_owned(), json!(every));
        settings.insert(
            "statusMessageTemplate".to_owned(),
            json!(request.text("statusMessageTemplate")?),
        );
        settings.insert(
            "tags".to_owned(),
            request.get("tags").cloned().unwrap_or_else(|| json!([])),
        );
        settings.insert("query".to_owned(), query(&request)?);
        for optional in ["offset", "description"] {
            if let Some(text) = request.string(optional)?.filter(|text| !text.is_empty()) {
                settings.insert(optional.to_owned(), json!(text));
            }
        }
        if kind == "deadman" {
            for member in ["timeSince", "staleTime", "level"] {
                settings.insert(member.to_owned(), json!(request.text(member)?));
            }
            settings.insert(
                "reportZero".to_owned(),
                json!(request.boolean("reportZero")?.unwrap_or(false)),
            );
        } else {
            settings.insert("thresholds".to_owned(), thresholds(&request)?);
        }
        let active = users::active(request.string("status")?.as_deref())?.unwrap_or(true);
        Ok(Self {
            org: request.id("orgID")?,
            name,
            active,
            settings,
        })
    }
}

fn query(request: &Object) -> Result<Value, ApiError> {
    let given = request
        .object("query", "influxdb.DashboardQuery")?
        .cloned()
        .unwrap_or_default();
    let given = Object::new(given, "query");
    let builder = given.get("builderConfig").cloned().unwrap_or_else(|| {
        json!({ "buckets": [], "tags": [], "functions": [], "aggregateWindow": { "period": "", "fillValues": false } })
    });
    Ok(json!({
        "text": given.text("text")?,
        "editMode": given.text("editMode")?,
        "name": given.text("name")?,
        "builderConfig": builder,
    }))
}

fn thresholds(request: &Object) -> Result<Value, ApiError> {
    let given = request
        .list("thresholds", "[]check.ThresholdConfig")?
        .map(Vec::as_slice)
        .unwrap_or_default();
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let mut kept = Vec::new();
    for one in given {
        let one = Object::new(one.as_object().cloned().unwrap_or_default(), "threshold");
        let number = |member: &str| one.get(member).cloned().unwrap_or_else(|| json!(0));
        let kind = one.text("type")?;
        let mut threshold = json!({
            "type": kind,
            "level": one.text("level")?,
            "allValues": one.boolean("allValues")?.unwrap_or(false),
        });
        match kind.as_str() {
            "greater" | "lesser" => threshold["value"] = number("value"),
            "range" => {
                threshold["min"] = number("min");
                threshold["max"] = number("max");
                threshold["within"] = json!(one.boolean("within")?.unwrap_or(false));
            }
            other => return Err(ApiError::invalid(format!("invalid threshold type {other}"))),
        }
        kept.push(threshold);
    }
    Ok(Value::Array(kept))
}

/// `POST /api/v2/checks`.
pub fn create(call: &Call) -> Reply {
    let given = Given::read(&call.body)?;
    let org = given
        .org
        .ok_or_else(|| ApiError::invalid("orgID is required"))?;
    let now = call.now();
    let check = Check {
        id: call.app.meta.next_id(now),
        task: call.app.meta.next_id(now),
        owner: call.caller()?.user,
        org,
        name: given.name,
        settings: given.settings,
        created_at: now,
        updated_at: now,
    };
    keep(call, check, given.active)
}

/// `PUT /api/v2/checks/{id}`: all of it anew.
pub fn replace(call: &Call) -> Reply {
    let id = call.id("id")?;
    let given = Given::read(&call.body)?;
    scripted::change(call, id, |check: &mut Check, active| {
        check.name = given.name;
        check.settings = given.settings;
        *active = given.active;
        Ok(())
    })
}

/// `PATCH /api/v2/checks/{id}`: name, description, status.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(&call.body, "CheckUpdate", "influxdb.CheckUpdate")?;
    scripted::change(call, id, |check: &mut Check, active| {
        Patch::of(&request)?.apply(&mut check.name, &mut check.settings, active);
        Ok(())
    })
}
