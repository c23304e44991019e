//! Notification rules: kept as they are sent, run as the tasks that are made of them.

use serde_json::{Map, Value, json};

use crate::alerting::rule_script;
use crate::api::call::{Answer, Call, Reply};
use crate::api::checks::{rewrite_task, show_task};
use crate::api::error::ApiError;
use crate::api::json as body;
use crate::api::page::Page;
use crate::api::{labels, notification_endpoints, orgs, tasks, users};
use crate::auth::{Action, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Id, Kind, NotificationRule, State, Task};
use crate::tasks::options::Options;

/// The members that a rule of each type has besides the common ones.
fn members(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "http" => &[],
        "slack" => &["channel", "messageTemplate"],
        "pagerduty" | "telegram" => &["messageTemplate"],
        _ => return None,
    })
}

fn shown(state: &State, rule: &NotificationRule) -> Value {
    let id = rule.id;
    let link = |part: &str| format!("/api/v2/notificationRules/{id}{part}");
    let mut shown = Value::Object(rule.settings.clone());
    shown["id"] = json!(id);
    shown["name"] = json!(rule.name);
    shown["endpointID"] = json!(rule.endpoint);
    shown["orgID"] = json!(rule.org);
    shown["ownerID"] = json!(rule.owner);
    shown["taskID"] = json!(rule.task);
    shown["createdAt"] = json!(rfc3339(rule.created_at));
    shown["updatedAt"] = json!(rfc3339(rule.updated_at));
    shown["labels"] = state
        .labels_of(ResourceType::NotificationRules, id)
        .into_iter()
        .map(labels::shown)
        .collect();
    shown["links"] = json!({
        "self": link(""),
        "labels": link("/labels"),
        "members": link("/members"),
        "owners": link("/owners"),
        "query": link("/query"),
    });
    show_task(&mut shown, state.tasks.get(&rule.task));
    shown
}

fn find(state: &State, id: Id) -> Result<&NotificationRule, ApiError> {
    state
        .notification_rules
        .get(&id)
        .ok_or_else(|| ApiError::not_found("notification rule not found"))
}

/// `GET /api/v2/notificationRules`.
pub fn list(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let org = call
        .organization(&state)?
        .map(|organization| organization.id);
    let found: Vec<&NotificationRule> = state
        .notification_rules
        .values()
        .filter(|rule| org.is_none_or(|org| org == rule.org))
        .filter(|rule| call.may_read(ResourceType::NotificationRules, rule.org, rule.id))
        .collect();
    let found = page.cut(found, |rule| rule.id);
    let filter = |name: &'static str| (name, call.query.get(name).map(str::to_owned));
    let links = page.links(
        "/api/v2/notificationRules",
        &[filter("org"), filter("orgID")],
        found.len(),
    );
    let rules: Vec<Value> = found.into_iter().map(|rule| shown(&state, rule)).collect();
    Ok(Answer::ok(
        json!({ "notificationRules": rules, "links": links }),
    ))
}

/// What a request says of a rule.
struct Given {
    org: Option<Id>,
    endpoint: Id,
    name: String,
    active: bool,
    settings: Map<String, Value>,
}

impl Given {
    fn read(bytes: &[u8]) -> Result<Self, ApiError> {
        let request = body::first_object(bytes, "rule", "rule.decode")?;
        let kind = request.text("type")?;
        let members = members(&kind)
            .ok_or_else(|| ApiError::invalid(format!("invalid notification type {kind}")))?;
        let name = request.text("name")?;
        if name.is_empty() {
            return Err(ApiError::invalid("Notification Rule Name can't be empty"));
        }
        let every = request.text("every")?;
        if every.is_empty() {
            return Err(ApiError::invalid("Notification Rule Every can't be empty"));
        }
        let endpoint = request.id("endpointID")?;
        let endpoint =
            endpoint.ok_or_else(|| ApiError::invalid("Notification Rule EndpointID is invalid"))?;
        let mut settings = Map::new();
        settings.insert("type".to_owned(), json!(kind));
        settings.insert("every".to_owned(), json!(every));
        settings.insert(
            "runbookLink".to_owned(),
            json!(request.text("runbookLink")?),
        );
        for optional in ["offset", "description"] {
            if let Some(text) = request.string(optional)?.filter(|text| !text.is_empty()) {
                settings.insert(optional.to_owned(), json!(text));
            }
        }
        for rules in ["tagRules", "statusRules"] {
            if let Some(given) = request
                .list(rules, "[]notification.Rule")?
                .filter(|given| !given.is_empty())
            {
                settings.insert(rules.to_owned(), json!(given));
            }
        }
        for member in members {
            settings.insert((*member).to_owned(), json!(request.text(member)?));
        }
        let active = users::active(request.string("status")?.as_deref())?.unwrap_or(true);
        Ok(Self {
            org: request.id("orgID")?,
            endpoint,
            name,
            active,
            settings,
        })
    }
}

/// The script of a rule and its schedule.
fn script(state: &State, rule: &NotificationRule) -> Result<(String, Options), ApiError> {
    let refuse =
        |reason: String| ApiError::invalid(format!("Could not create task from rule: {reason}"));
    let endpoint = notification_endpoints::find(state, rule.endpoint)?;
    let flux = rule_script(rule, endpoint).map_err(refuse)?;
    let options = Options::of(&flux).map_err(refuse)?;
    Ok((flux, options))
}

/// `POST /api/v2/notificationRules`.
pub fn create(call: &Call) -> Reply {
    let given = Given::read(&call.body)?;
    let org = given
        .org
        .ok_or_else(|| ApiError::invalid("orgID is required"))?;
    let now = call.now();
    let rule = NotificationRule {
        id: call.app.meta.next_id(now),
        task: call.app.meta.next_id(now),
        owner: call.caller()?.user,
        endpoint: given.endpoint,
        org,
        name: given.name,
        settings: given.settings,
        created_at: now,
        updated_at: now,
    };
    call.app.meta.update(|state, changes| {
        orgs::find(state, org)?;
        call.need_in(Action::Write, ResourceType::NotificationRules, org, None)?;
        let (flux, options) = script(state, &rule)?;
        let task = tasks::new(rule.task, org, rule.owner, flux, options, now);
        changes.put(Task {
            active: given.active,
            made_of: Some(rule.id),
            ..task
        });
        changes.put(rule.clone());
        Ok::<_, ApiError>(())
    })?;
    call.app.tasks.tell_changed();
    Ok(Answer::created(shown(&call.app.meta.read(), &rule)))
}

/// `GET /api/v2/notificationRules/{id}`.
pub fn get(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let rule = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::NotificationRules,
        rule.org,
        Some(rule.id),
    )?;
    Ok(Answer::ok(shown(&state, rule)))
}

/// `GET /api/v2/notificationRules/{id}/query`.
pub fn script_of(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let rule = find(&state, call.id("id")?)?;
    call.need_in(
        Action::Read,
        ResourceType::NotificationRules,
        rule.org,
        Some(rule.id),
    )?;
    Ok(Answer::ok(json!({ "flux": script(&state, rule)?.0 })))
}

/// `PUT /api/v2/notificationRules/{id}`: all of it anew.
pub fn replace(call: &Call) -> Reply {
    let id = call.id("id")?;
    let given = Given::read(&call.body)?;
    change_with(call, id, |rule, active| {
        rule.name = given.name;
        rule.endpoint = given.endpoint;
        rule.settings = given.settings;
        *active = given.active;
        Ok(())
    })
}

/// `PATCH /api/v2/notificationRules/{id}`: name, description, status.
pub fn change(call: &Call) -> Reply {
    let id = call.id("id")?;
    let request = body::first_object(
        &call.body,
        "NotificationRuleUpdate",
        "influxdb.NotificationRuleUpdate",
    )?;
    change_with(call, id, |rule, active| {
        if let Some(name) = request.string("name")?.filter(|name| !name.is_empty()) {
            rule.name = name;
        }
        if let Some(description) = request.string("description")? {
            rule.settings
                .insert("description".to_owned(), json!(description));
        }
        *active = users::active(request.string("status")?.as_deref())?.unwrap_or(*active);
        Ok(())
    })
}

fn change_with(
    call: &Call,
    id: Id,
    edit: impl FnOnce(&mut NotificationRule, &mut bool) -> Result<(), ApiError>,
) -> Reply {
    call.app.meta.update(|state, changes| {
        let mut rule = find(state, id)?.clone();
        call.need_in(
            Action::Write,
            ResourceType::NotificationRules,
            rule.org,
            Some(id),
        )?;
        let mut active = state.tasks.get(&rule.task).is_some_and(|task| task.active);
        edit(&mut rule, &mut active)?;
        rule.updated_at = call.now();
        let script = script(state, &rule)?;
        rewrite_task(state, changes, rule.task, active, script, call.now());
        changes.put(rule);
        Ok::<_, ApiError>(())
    })?;
    call.app.tasks.tell_changed();
    let state = call.app.meta.read();
    Ok(Answer::ok(shown(&state, find(&state, id)?)))
}

/// `DELETE /api/v2/notificationRules/{id}`: the rule and its task.
pub fn delete(call: &Call) -> Reply {
    let id = call.id("id")?;
    call.app.meta.update(|state, changes| {
        let rule = find(state, id)?;
        call.need_in(
            Action::Write,
            ResourceType::NotificationRules,
            rule.org,
            Some(id),
        )?;
        changes.delete(Kind::NotificationRule, id);
        changes.delete(Kind::Task, rule.task);
        labels::forget_resource(state, changes, id);
        Ok(Answer::no_content())
    })
}
