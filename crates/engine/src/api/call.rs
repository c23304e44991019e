//! A request as the operations of the API see it, and the answer they give.
//!
//! An operation is a plain function from [`Call`] to [`Reply`]: it runs on a thread that may block, knows nothing of the
//! web framework, and returns its failures as values. Everything common to all (credentials, audit, errors) is done around it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::api::bodies::Charge;
use crate::api::error::{ApiError, Code};
use crate::app::App;
use crate::auth::{Action, Caller, Permission, ResourceType};
use crate::meta::{Id, Organization, State, User};

/// What an operation answers.
pub type Reply = Result<Answer, ApiError>;

/// A request.
pub struct Call {
    /// The server.
    pub app: Arc<App>,
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// The parameters in the path, by name.
    pub parameters: Vec<(String, String)>,
    /// The parameters of the query.
    pub query: Query,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
    /// Who makes it; none only on the routes that need no credentials.
    pub caller: Option<Caller>,
    /// The other end of the connection, as far as known.
    pub peer: Option<IpAddr>,
    /// The user whose name and password it brought, on the routes that check them.
    pub signed_in: Option<User>,
    /// Whether whoever made it still waits.
    pub departure: Departure,
    /// What the body takes of the account of all bodies.
    pub charge: Charge,
}

/// Whether the client went away before its answer was there.
#[derive(Debug, Clone, Default)]
pub struct Departure(Arc<AtomicBool>);

/// Held while a client waits: when it is dropped, it does no more.
#[derive(Debug)]
pub struct Waiting(Departure);

impl Departure {
    /// Whether nobody waits any more.
    pub fn is_gone(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What the one who waits is to hold.
    pub fn waiting(&self) -> Waiting {
        Waiting(self.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// The parameters of a URL's query, in their order.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=1&b=2`; broken escapes stand for themselves.
    pub fn parse(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of a parameter that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Adds the parameters of a form in a body.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// An id.
    ///
    /// # Errors
    /// It is there, but no id.
    pub fn id(&self, name: &str) -> Result<Option<Id>, ApiError> {
        Ok(self.get(name).map(str::parse).transpose()?)
    }
}

impl Call {
    /// The caller.
    ///
    /// # Errors
    /// The request had no valid credentials.
    pub fn caller(&self) -> Result<&Caller, ApiError> {
        self.caller.as_ref().ok_or_else(ApiError::unauthorized)
    }

    /// Fails unless the caller may.
    ///
    /// # Errors
    /// They may not, in InfluxDB's words.
    pub fn need(&self, needed: &Permission) -> Result<(), ApiError> {
        let caller = self.caller()?;
        match caller.may(needed) {
            true => Ok(()),
            false if caller.is_inactive => {
                Err(ApiError::new(Code::Unauthorized, "token is inactive"))
            }
            false => Err(ApiError::lacks(needed)),
        }
    }

    /// Fails unless the caller may do it to an organization's resource, or to all of a type.
    ///
    /// # Errors
    /// They may not.
    pub fn need_in(
        &self,
        action: Action,
        kind: ResourceType,
        org: Id,
        id: Option<Id>,
    ) -> Result<(), ApiError> {
        self.need(&match id {
            Some(id) => Permission::one(action, kind, org, id),
            None => Permission::of_org(action, kind, org),
        })
    }

    /// Whether the caller may read an organization's resource: lists leave out the others.
    pub fn may_read(&self, kind: ResourceType, org: Id, id: Id) -> bool {
        self.caller
            .as_ref()
            .is_some_and(|caller| caller.may(&Permission::one(Action::Read, kind, org, id)))
    }

    /// An id in the path.
    ///
    /// # Errors
    /// It is no id.
    pub fn id(&self, name: &str) -> Result<Id, ApiError> {
        Ok(self.parameter(name).parse::<Id>()?)
    }

    /// A text in the path.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// A header as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The time.
    pub fn now(&self) -> i64 {
        self.app.clock.now()
    }

    /// The organization that `org` (a name or an id) or `orgID` names; none if neither is there.
    ///
    /// # Errors
    /// It is not known, or not to the caller: for one who may do nothing in it, it is not there.
    pub fn organization<'s>(&self, state: &'s State) -> Result<Option<&'s Organization>, ApiError> {
        let sees = |found: &&Organization| {
            let caller = self.caller.as_ref();
            caller.is_none_or(|caller| caller.permissions.reach(found.id))
        };
        if let Some(id) = self.query.id("orgID")? {
            let found = state.organizations.get(&id).filter(sees);
            return found
                .map(Some)
                .ok_or_else(|| ApiError::not_found("organization not found"));
        }
        let Some(name) = self.query.get("org") else {
            return Ok(None);
        };
        if let Some(found) = state.organization_by_name(name).filter(sees) {
            return Ok(Some(found));
        }
        let by_id = name
            .parse()
            .ok()
            .and_then(|id| state.organizations.get(&id))
            .filter(sees);
        by_id
            .map(Some)
            .ok_or_else(|| ApiError::no_organization(name))
    }

    /// The organization that a request must name.
    ///
    /// # Errors
    /// It names none, or one that is not known.
    pub fn required_organization<'s>(
        &self,
        state: &'s State,
    ) -> Result<&'s Organization, ApiError> {
        self.organization(state)?
            .ok_or_else(|| ApiError::invalid("Please provide either orgID or org"))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    status: StatusCode,
    content: Content,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone)]
enum Content {
    Empty,
    Json(Value),
    Text(&'static str, String),
    Bytes(Vec<u8>),
}

impl Answer {
    /// 200 with JSON.
    pub fn ok(json: Value) -> Self {
        Self {
            status: StatusCode::OK,
            content: Content::Json(json),
            headers: Vec::new(),
        }
    }

    /// 201 with JSON.
    pub fn created(json: Value) -> Self {
        Self {
            status: StatusCode::CREATED,
            ..Self::ok(json)
        }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::bare(StatusCode::NO_CONTENT)
    }

    /// A status and nothing else.
    pub fn bare(status: StatusCode) -> Self {
        Self {
            status,
            content: Content::Empty,
            headers: Vec::new(),
        }
    }

    /// A text of a content type.
    pub fn text(status: StatusCode, content_type: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            content: Content::Text(content_type, text.into()),
            headers: Vec::new(),
        }
    }

    /// 200 with bytes that have no type of their own.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            content: Content::Bytes(bytes),
            ..Self::bare(StatusCode::OK)
        }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The id of what was made, for the audit log.
    pub fn made(&self) -> Option<&str> {
        let Content::Json(json) = &self.content else {
            return None;
        };
        if self.status != StatusCode::CREATED {
            return None;
        }
        json.get("id")
            .or_else(|| json.pointer("/label/id"))
            .or_else(|| json.pointer("/auth/id"))?
            .as_str()
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.content {
            Content::Empty => self.status.into_response(),
            Content::Json(json) => {
                let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
                (self.status, content_type, json.to_string()).into_response()
            }
            Content::Bytes(bytes) => {
                let content_type = [(header::CONTENT_TYPE, "application/octet-stream")];
                (self.status, content_type, bytes).into_response()
            }
            Content::Text(content_type, text) => {
                (self.status, [(header::CONTENT_TYPE, content_type)], text).into_response()
            }
        };
        response.headers_mut().extend(self.headers);
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status) = self.code.parts();
        let mut answer = Answer::ok(json!({ "code": code, "message": self.message }));
        answer.status = status;
        answer = answer.with(
            HeaderName::from_static("x-platform-error-code"),
            HeaderValue::from_static(code),
        );
        if let Some(seconds) = self.retry_after {
            answer = answer.with(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer.into_response()
    }
}
