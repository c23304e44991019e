//! A new secret for a token, without a refused request in between.
//!
//! The new token is made and written to the file first; whoever uses the file reads it again at its
//! next request. Only after a while is the old token switched off, and then removed. InfluxDB does
//! not tell when a token was last used, so the while is a time, not an observation.

use std::time::Duration;

use watchpost_client::management::{AuthorizationPatch, Status};

use crate::apply;
use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::plan::Observed;
use crate::platform::Platform;

/// The steps of a rotation, told as they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The new secret is in the file.
    Written,
    /// The time for its users to read the file is over.
    Waited,
    /// The old token is switched off and removed.
    Retired,
}

/// Rotates the token of that name. `wait` is how its users get the time to read the file.
///
/// # Errors
/// The file has no such token, or the server refuses a step. A rotation that stops half-way leaves
/// two tokens; the next `apply` removes the one that the file does not hold.
pub async fn rotate<W: Future<Output = ()>>(
    target: &Target,
    platform: &Platform,
    observed: &Observed,
    name: &str,
    wait: impl FnOnce() -> W,
    mut told: impl FnMut(Step),
) -> Result<()> {
    let known = || {
        platform
            .tokens
            .iter()
            .map(|it| it.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let token = platform.tokens.iter().find(|it| it.name == name);
    let token = token.ok_or_else(|| {
        Error::Request(format!(
            "the file has no token {name:?}; it has: {}",
            known()
        ))
    })?;
    let bucket_id = |wanted: &str| {
        let found = observed.buckets.iter().find(|it| it.name == wanted);
        found
            .map(|it| it.id.clone())
            .ok_or_else(|| Error::Request(format!("the server has no bucket {wanted:?}")))
    };
    let made = apply::create_token(target, &platform.label, token, bucket_id).await?;
    told(Step::Written);
    wait().await;
    told(Step::Waited);
    for old in observed
        .tokens
        .iter()
        .filter(|it| it.name == name && it.id != made.id)
    {
        let off = AuthorizationPatch {
            status: Some(Status::Inactive),
            description: None,
        };
        let what = || format!("retiring the old token {name:?}");
        target
            .client
            .update_authorization(&old.id, &off)
            .await
            .doing(what)?;
        target
            .client
            .delete_authorization(&old.id)
            .await
            .doing(what)?;
    }
    told(Step::Retired);
    Ok(())
}

/// Long enough for a role that writes each second, however slow its server.
pub const GRACE: Duration = Duration::from_secs(30);
