//! Notification endpoints: where rules send to. What is secret of them is kept as a secret of the organization.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::collection::{Common, Item, Patch, show, to_change};
use crate::api::error::ApiError;
use crate::api::json::{self as body, Object};
use crate::api::{labels, orgs, secrets, users};
use crate::auth::{Action, ResourceType};
use crate::meta::{Changes, Id, Kind, NotificationEndpoint, Secret, State};

/// The members of each type: those that are shown, and those that are secret with the end of their key.
type Form = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

fn form(kind: &str) -> Option<Form> {
    Some(match kind {
        "http" => (
            &["url", "authMethod", "method", "contentTemplate"],
            &[
                ("token", "token"),
                ("username", "username"),
                ("password", "password"),
            ],
        ),
        "slack" => (&["url"], &[("token", "token")]),
        "pagerduty" => (&["clientURL"], &[("routingKey", "routing-key")]),
        "telegram" => (&["channel"], &[("token", "token")]),
        _ => return None,
    })
}

const PARTS: &[&str] = &["labels", "members", "owners"];

impl Item for NotificationEndpoint {
    const TYPE: ResourceType = ResourceType::NotificationEndpoints;

    fn table(state: &State) -> &BTreeMap<Id, Self> {
        &state.notification_endpoints
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
        let mut shown = Value::Object(self.settings.clone());
        shown["status"] = json!(if self.active { "active" } else { "inactive" });
        show(self, state, &common, shown)
    }

    fn missing(id: Id) -> String {
        format!("notification endpoint not found for key \"{id}\"")
    }
}

/// What a request says of an endpoint.
struct Given {
    org: Option<Id>,
    name: String,
    active: bool,
    settings: Map<String, Value>,
    /// The end of the key and the value.
    secrets: Vec<(&'static str, &'static str, String)>,
}

impl Given {
    fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let request = body::first_object(bytes, "endpoint", "endpoint.decode")?;
        let kind = request.text("type")?;
        let (plain, secret) = form(&kind).ok_or_else(|| {
            ApiError::invalid(format!("invalid notification endpoint type {kind}"))
        })?;
        let name = request.text("name")?;
        if name.is_empty() {
            return Err(ApiError::invalid(
                "Notification Endpoint Name can't be empty",
            ));
        }
        let active = users::active(request.string("status")?.as_deref())?.unwrap_or(true);
        check_http(&kind, &request)?;
        let mut settings = Map::new();
        settings.insert("type".to_owned(), json!(kind));
        for member in plain {
            settings.insert((*member).to_owned(), json!(request.text(member)?));
        }
        if let Some(description) = request
            .string("description")?
            .filter(|text| !text.is_empty())
        {
            settings.insert("description".to_owned(), json!(description));
        }
        let mut secrets = Vec::new();
        for (member, end) in secret {
            settings.insert((*member).to_owned(), json!(""));
            let value = request.text(member)?;
            if !value.is_empty() {
                secrets.push((*member, *end, value));
            }
        }
        Ok(Self {
            org: request.id("orgID")?,
            name,
            active,
            settings,
            secrets,
        })
    }

    /// The settings with the keys of secrets in place of them, and the secrets to be kept.
    fn settled(self, id: Id) -> (Map<String, Value>, Vec<(String, String)>) {
        let mut settings = self.settings;
        let mut kept = Vec::new();
        for (member, end, value) in self.secrets {
            let key = format!("{id}-{end}");
            settings.insert(member.to_owned(), json!(format!("secret: {key}")));
            // Sent back as it was shown: the secret stays.
            if value != format!("secret: {key}") {
                kept.push((key, value));
            }
        }
        (settings, kept)
    }
}

fn check_http(kind: &str, request: &Object) -> Result<(), ApiError> {
    if kind != "http" {
        return Ok(());
    }
    if !matches!(request.text("method")?.as_str(), "GET" | "POST" | "PUT") {
        return Err(ApiError::invalid("invalid http http method"));
    }
    if !matches!(
        request.text("authMethod")?.as_str(),
        "none" | "basic" | "bearer"
    ) {
        return Err(ApiError::invalid("invalid http auth method"));
    }
    Ok(())
}

fn check_free(state: &State, endpoint: &NotificationEndpoint) -> Result<(), ApiError> {
    let mut others = state
        .notification_endpoints
        .values()
        .filter(|other| other.id != endpoint.id);
    match others.any(|other| other.org == endpoint.org && other.name == endpoint.name) {
        true => {
            let key = format!("{}{}", endpoint.org, endpoint.name);
            Err(ApiError::conflict(format!(
                "notification endpoint is not unique for key {key}"
            )))
        }
        false => Ok(()),
    }
}

fn keep_secrets(
    call: &Call,
    state: &State,
    changes: &mut Changes,
    org: Id,
    kept: Vec<(String, String)>,
) {
    for (key, value) in kept {
        secrets::put(
            state,
            changes,
            Secret {
                id: call.app.meta.next_id(call.now()),
                org,
                key,
                value,
            },
        );
    }
}

/// `POST /api/v2/notificationEndpoints`.
pub fn create(call: &Call) -> Reply {
    let given = Given::read(&call.body)?;
    let org = given
        .org
        .ok_or_else(|| ApiError::invalid("orgID is required"))?;
    let now = call.now();
    let id = call.app.meta.next_id(now);
    let (name, active) = (given.name.clone(), given.active);
    let (settings, kept) = given.settled(id);
    let endpoint = NotificationEndpoint {
        id,
        org,
        name,
        active,
        settings,
        created_at: now,
        updated_at: now,
    };
    call.app.meta.update(|state, changes| {
        orgs::find(state, org)?;
        call.need_in(
            Action::Write,
            ResourceType::NotificationEndpoints,
            org,
            None,
        )?;
        check_free(state, &endpoint)?;
        keep_secrets(call, state, changes, org, kept);
        changes.put(endpoint.clone());
        Ok(Answer::created(endpoint.shown(state)))
    })
}

/// `PUT /api/v2/notificationEndpoints/{id}`: all of it anew.
pub fn replace(call: &Call) -> Reply {
    let id = call.id("id")?;
    let given = Given::read(&call.body)?;
    call.app.meta.update(|state, changes| {
        let mut endpoint: NotificationEndpoint = to_change(call, state, id)?;
        endpoint.name = given.name.clone();
        endpoint.active = given.active;
        let (settings, kept) = given.settled(id);
        endpoint.settings = settings;
        endpoint.updated_at = call.now();
        check_free(state, &endpoint)?;
        keep_secrets(call, state, changes, endpoint.org, kept);
        changes.put(endpoint.clone());
        Ok(Answer::ok(endpoint.shown(state)))
    })
}

/// `PATCH /api/v2/notificationEndpoints/{id}`: name, description, status.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(
        &call.body,
        "NotificationEndpointUpdate",
        "influxdb.NotificationEndpointUpdate",
    )?;
    call.app.meta.update(|state, changes| {
        let mut endpoint: NotificationEndpoint = to_change(call, state, id)?;
        let (name, settings) = (&mut endpoint.name, &mut endpoint.settings);
        Patch::of(&request)?.apply(name, settings, &mut endpoint.active);
        endpoint.updated_at = call.now();
        check_free(state, &endpoint)?;
        changes.put(endpoint.clone());
        Ok(Answer::ok(endpoint.shown(state)))
    })
}

/// `DELETE /api/v2/notificationEndpoints/{id}`: the endpoint and its secrets.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let endpoint: NotificationEndpoint = to_change(call, state, id)?;
        changes.delete(Kind::NotificationEndpoint, id);
        let keys: Vec<String> = endpoint
            .settings
            .values()
            .filter_map(|value| value.as_str()?.strip_prefix("secret: ").map(str::to_owned))
            .collect();
        secrets::forget(state, changes, endpoint.org, &keys);
        labels::forget_resource(state, changes, id);
        Ok(Answer::no_content())
    })
}
