//! Notification endpoints: where rules send to. What is secret of them is kept as a secret of the organization.

use serde_json::{Map, Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json::{self as body, Object};
use crate::api::page::Page;
use crate::api::{labels, orgs, secrets, users};
use crate::auth::{Action, ResourceType};
use crate::clock::rfc3339;
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

fn shown(state: &State, endpoint: &NotificationEndpoint) -> Value {
    let id = endpoint.id;
    let link = |part: &str| format!("/api/v2/notificationEndpoints/{id}{part}");
    let mut shown = Value::Object(endpoint.settings.clone());
    shown["id"] = json!(id);
    shown["name"] = json!(endpoint.name);
    shown["orgID"] = json!(endpoint.org);
    shown["status"] = json!(if endpoint.active {
        "active"
    } else {
        "inactive"
    });
    shown["createdAt"] = json!(rfc3339(endpoint.created_at));
    shown["updatedAt"] = json!(rfc3339(endpoint.updated_at));
    shown["labels"] = state
        .labels_of(ResourceType::NotificationEndpoints, id)
        .into_iter()
        .map(labels::shown)
        .collect();
    shown["links"] = json!({
        "self": link(""),
        "labels": link("/labels"),
        "members": link("/members"),
        "owners": link("/owners"),
    });
    shown
}

/// The endpoint of an id.
///
/// # Errors
/// There is none.
pub fn find(state: &State, id: Id) -> Result<&NotificationEndpoint, ApiError> {
    let found = state.notification_endpoints.get(&id);
    found.ok_or_else(|| {
        ApiError::not_found(format!("notification endpoint not found for key \"{id}\""))
    })
}

/// `GET /api/v2/notificationEndpoints`.
pub fn list(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let org = call
        .organization(&state)?
        .map(|organization| organization.id);
    let found: Vec<&NotificationEndpoint> = state
        .notification_endpoints
        .values()
        .filter(|endpoint| org.is_none_or(|org| org == endpoint.org))
        .filter(|endpoint| {
            call.may_read(
                ResourceType::NotificationEndpoints,
                endpoint.org,
                endpoint.id,
            )
        })
        .collect();
    let found = page.cut(found, |endpoint| endpoint.id);
    let filter = |name: &'static str| (name, call.query.get(name).map(str::to_owned));
    let links = page.links(
        "/api/v2/notificationEndpoints",
        &[filter("org"), filter("orgID")],
        found.len(),
    );
    let endpoints: Vec<Value> = found
        .into_iter()
        .map(|endpoint| shown(&state, endpoint))
        .collect();
    Ok(Answer::ok(
        json!({ "notificationEndpoints": endpoints, "links": links }),
    ))
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
        Ok(Answer::created(shown(state, &endpoint)))
    })
}

/// `GET /api/v2/notificationEndpoints/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let endpoint = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::NotificationEndpoints,
        endpoint.org,
        Some(endpoint.id),
    )?;
    Ok(Answer::ok(shown(&state, endpoint)))
}

/// `PUT /api/v2/notificationEndpoints/{id}`: all of it anew.
pub fn replace(call: &Call) -> Reply {
    let id = call.id("id")?;
    let given = Given::read(&call.body)?;
    call.app.meta.update(|state, changes| {
        let mut endpoint = find(state, id)?.clone();
        call.need_in(
            Action::Write,
            ResourceType::NotificationEndpoints,
            endpoint.org,
            Some(id),
        )?;
        endpoint.name = given.name.clone();
        endpoint.active = given.active;
        let (settings, kept) = given.settled(id);
        endpoint.settings = settings;
        endpoint.updated_at = call.now();
        check_free(state, &endpoint)?;
        keep_secrets(call, state, changes, endpoint.org, kept);
        changes.put(endpoint.clone());
        Ok(Answer::ok(shown(state, &endpoint)))
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
        let mut endpoint = find(state, id)?.clone();
        call.need_in(
            Action::Write,
            ResourceType::NotificationEndpoints,
            endpoint.org,
            Some(id),
        )?;
        if let Some(name) = request.string("name")?.filter(|name| !name.is_empty()) {
            endpoint.name = name;
        }
        if let Some(description) = request.string("description")? {
            endpoint
                .settings
                .insert("description".to_owned(), json!(description));
        }
        endpoint.active =
            users::active(request.string("status")?.as_deref())?.unwrap_or(endpoint.active);
        endpoint.updated_at = call.now();
        check_free(state, &endpoint)?;
        changes.put(endpoint.clone());
        Ok(Answer::ok(shown(state, &endpoint)))
    })
}

/// `DELETE /api/v2/notificationEndpoints/{id}`: the endpoint and its secrets.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let endpoint = find(state, id)?;
        call.need_in(
            Action::Write,
            ResourceType::NotificationEndpoints,
            endpoint.org,
            Some(id),
        )?;
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
