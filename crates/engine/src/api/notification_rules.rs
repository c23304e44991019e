//! Notification rules: their members, and the script that a rule becomes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::alerting::rule_script;
use crate::api::call::{Call, Reply};
use crate::api::collection::{Common, Item, Patch, find, show};
use crate::api::error::ApiError;
use crate::api::json as body;
use crate::api::scripted::{self, Scripted, keep, show_task};
use crate::api::users;
use crate::auth::ResourceType;
use crate::meta::{Id, Kind, NotificationEndpoint, NotificationRule, State};
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

const PARTS: &[&str] = &["labels", "members", "owners", "query"];

impl Item for NotificationRule {
    const TYPE: ResourceType = ResourceType::NotificationRules;

    fn table(state: &State) -> &BTreeMap<Id, Self> {
        &state.notification_rules
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
        shown["endpointID"] = json!(self.endpoint);
        show_task(self, state, show(self, state, &common, shown))
    }

    fn missing(_: Id) -> String {
        "notification rule not found".to_owned()
    }
}

impl Scripted for NotificationRule {
    const KIND: Kind = Kind::NotificationRule;

    fn task(&self) -> Id {
        self.task
    }

    fn owner(&self) -> Id {
        self.owner
    }

    fn touch(&mut self, now: i64) {
        self.updated_at = now;
    }

    /// Two rules may have one name.
    fn check_free(&self, _: &State) -> Result<(), ApiError> {
        Ok(())
    }

    fn script(&self, state: &State) -> Result<(String, Options), ApiError> {
        let refuse = |reason: String| {
            ApiError::invalid(format!("Could not create task from rule: {reason}"))
        };
        let endpoint: &NotificationEndpoint = find(state, self.endpoint)?;
        if endpoint.org != self.org {
            let message = NotificationEndpoint::missing(self.endpoint);
            return Err(ApiError::not_found(message));
        }
        let flux = rule_script(self, endpoint).map_err(refuse)?;
        let options = Options::of(&flux).map_err(refuse)?;
        Ok((flux, options))
    }
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
    keep(call, rule, given.active)
}

/// `PUT /api/v2/notificationRules/{id}`: all of it anew.
pub fn replace(call: &Call) -> Reply {
    let id = call.id("id")?;
    let given = Given::read(&call.body)?;
    scripted::change(call, id, |rule: &mut NotificationRule, active| {
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
    scripted::change(call, id, |rule: &mut NotificationRule, active| {
        Patch::of(&request)?.apply(&mut rule.name, &mut rule.settings, active);
        Ok(())
    })
}
