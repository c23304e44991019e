//! What checks, notification rules, notification endpoints and variables have in common: an organization owns them, and
//! they are found by id, listed in pages, and shown with their labels and links.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::ApiError;
use crate::api::json::Object;
use crate::api::labels;
use crate::api::page::Page;
use crate::api::users;
use crate::auth::{Action, ResourceType};
use crate::clock::rfc3339;
use crate::meta::{Id, Record, State};

/// One of them.
pub trait Item: Clone + Into<Record> + 'static {
    /// Its type, whose name is also that of the route and of the list.
    const TYPE: ResourceType;

    /// All of them.
    fn table(state: &State) -> &BTreeMap<Id, Self>;

    /// Its id.
    fn id(&self) -> Id;

    /// The organization that owns it.
    fn org(&self) -> Id;

    /// As the API shows it.
    fn shown(&self, state: &State) -> Value;

    /// What is said when there is none of an id.
    fn missing(id: Id) -> String;
}

/// The item of an id.
///
/// # Errors
/// There is none.
pub fn find<I: Item>(state: &State, id: Id) -> Result<&I, ApiError> {
    let found = I::table(state).get(&id);
    found.ok_or_else(|| ApiError::not_found(I::missing(id)))
}

/// Fails unless the caller may do it to the item.
///
/// # Errors
/// They may not.
pub fn need<I: Item>(call: &Call, action: Action, item: &I) -> Result<(), ApiError> {
    call.need_in(action, I::TYPE, item.org(), Some(item.id()))
}

/// A copy of the item of an id, which the caller may change.
///
/// # Errors
/// There is none, or they may not.
pub fn to_change<I: Item>(call: &Call, state: &State, id: Id) -> Result<I, ApiError> {
    let item: &I = find(state, id)?;
    need(call, Action::Write, item)?;
    Ok(item.clone())
}

/// `GET /api/v2/TYPE`.
pub fn list<I: Item>(call: &Call) -> Reply {
    let page = Page::of(call)?;
    let state = call.app.meta.read();
    let org = call
        .organization(&state)?
        .map(|organization| organization.id);
    let found: Vec<&I> = I::table(&state)
        .values()
        .filter(|item| org.is_none_or(|org| org == item.org()))
        .filter(|item| call.may_read(I::TYPE, item.org(), item.id()))
        .collect();
    let found = page.cut(found, |item| item.id());
    let filter = |name: &'static str| (name, call.query.get(name).map(str::to_owned));
    let path = format!("/api/v2/{}", I::TYPE.name());
    let links = page.links(&path, &[filter("org"), filter("orgID")], found.len());
    let items: Vec<Value> = found.into_iter().map(|item| item.shown(&state)).collect();
    Ok(Answer::ok(json!({ I::TYPE.name(): items, "links": links })))
}

/// `GET /api/v2/TYPE/{id}`.
pub fn get<I: Item>(call: &Call) -> Reply {
    let state = call.app.meta.read();
    let item: &I = find(&state, call.id("id")?)?;
    need(call, Action::Read, item)?;
    Ok(Answer::ok(item.shown(&state)))
}

/// What all of them show alike.
pub struct Common<'a> {
    /// The name.
    pub name: &'a str,
    /// Nanoseconds since 1970.
    pub created_at: i64,
    /// Nanoseconds since 1970.
    pub updated_at: i64,
    /// The parts of its path that have links of their own.
    pub parts: &'a [&'a str],
}

/// Adds to what an item shows: id, name, organization, times, labels, links.
pub fn show<I: Item>(item: &I, state: &State, common: &Common<'_>, mut shown: Value) -> Value {
    let path = format!("/api/v2/{}/{}", I::TYPE.name(), item.id());
    shown["id"] = json!(item.id());
    shown["name"] = json!(common.name);
    shown["orgID"] = json!(item.org());
    shown["createdAt"] = json!(rfc3339(common.created_at));
    shown["updatedAt"] = json!(rfc3339(common.updated_at));
    let labels = state.labels_of(I::TYPE, item.id());
    shown["labels"] = labels.into_iter().map(labels::shown).collect();
    shown["links"] = json!({ "self": path });
    for part in common.parts {
        shown["links"][part] = json!(format!("{path}/{part}"));
    }
    shown
}

/// What a PATCH may change of a check, rule or endpoint; what it does not name stays.
#[derive(Debug, Default)]
pub struct Patch {
    /// Not empty.
    pub name: Option<String>,
    /// May be empty.
    pub description: Option<String>,
    /// Whether it is to be active.
    pub active: Option<bool>,
}

impl Patch {
    /// From the body of a request.
    ///
    /// # Errors
    /// A member has another type, or an unknown status.
    pub fn of(request: &Object) -> Result<Self, ApiError> {
        Ok(Self {
            name: request.string("name")?.filter(|name| !name.is_empty()),
            description: request.string("description")?,
            active: users::active(request.string("status")?.as_deref())?,
        })
    }

    /// Makes the changes.
    pub fn apply(
        self,
        name: &mut String,
        settings: &mut serde_json::Map<String, Value>,
        active: &mut bool,
    ) {
        if let Some(new) = self.name {
            *name = new;
        }
        if let Some(description) = self.description {
            settings.insert("description".to_owned(), json!(description));
        }
        *active = self.active.unwrap_or(*active);
    }
}
