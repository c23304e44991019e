//! Who asks: users with passwords and sessions in a browser, tokens for scripts, tries counted.

pub mod sessions;
pub mod tries;
pub mod users;
pub(crate) mod users_file;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::ApiError;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Look, silence, acknowledge, annotate.
    Operator,
}

impl Role {
    /// Its name, as the users file has it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        }
    }
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user's or the token's name; `anonymous` where nobody has to sign in.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether there is a session to sign out of.
    pub signed_in: bool,
}

impl Who {
    /// Everybody, where nobody has to sign in.
    pub fn anonymous() -> Who {
        Who {
            name: "anonymous".to_owned(),
            role: Role::Operator,
            signed_in: false,
        }
    }

    /// Whether they may change something.
    pub fn may_change(&self) -> bool {
        self.role >= Role::Operator
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, ApiError> {
        parts
            .extensions
            .get::<Who>()
            .cloned()
            .ok_or(ApiError::Unauthorized)
    }
}

/// Somebody who may change something: handlers that do take it as an argument.
#[derive(Debug, Clone)]
pub struct Operator(pub Who);

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Operator, ApiError> {
        let who = Who::from_request_parts(parts, state).await?;
        match who.may_change() {
            true => Ok(Operator(who)),
            false => Err(ApiError::Forbidden(format!(
                "{} is a viewer; this needs an operator",
                who.name
            ))),
        }
    }
}
