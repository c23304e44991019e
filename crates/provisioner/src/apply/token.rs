//! Tokens: the secret is caught when the server tells it, the only time it does.

use watchpost_client::management::{
    Authorization, AuthorizationPatch, NewAuthorization, Permission, Resource, Status,
};

use super::{Run, existing, named};
use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::plan::{Action, Change};
use crate::platform::{ResourceType, Token};
use crate::{secret_file, token_name};

impl Run<'_> {
    pub(super) async fn token(&mut self, change: &Change) -> Result<()> {
        let (_, token) = named(&self.desired.platform.tokens, &change.name, |it| &it.name)?;
        if let Action::Update { id } = &change.action {
            let patch = AuthorizationPatch {
                status: Some(Status::Active),
                description: None,
            };
            let updated = self.target.client.update_authorization(id, &patch).await;
            updated.doing(|| format!("activating the token {:?}", token.name))?;
            return Ok(secret_file::close(&self.target.secret_path(&token.file))?);
        }
        let mark = &self.desired.platform.label;
        create(self.target, mark, token, |name| self.bucket_id(name)).await?;
        if let Some(id) = existing(change) {
            let deleted = self.target.client.delete_authorization(id).await;
            deleted.doing(|| format!("retiring the old token {:?}", token.name))?;
        }
        Ok(())
    }
}

/// Makes a token of the platform with the label `mark` and writes its secret to its file. If the
/// secret cannot be written, the token is removed again: nobody could ever use it. Its description
/// tells which secret it has before the file holds it, so that what a stopped run leaves can be told
/// apart.
///
/// # Errors
/// The server refuses, or the file cannot be written.
pub(crate) async fn create(
    target: &Target,
    mark: &str,
    token: &Token,
    bucket_id: impl Fn(&str) -> Result<String>,
) -> Result<Authorization> {
    let mut permissions = Vec::new();
    for wanted in &token.permissions_on(target.has_narrow_permissions) {
        let id = wanted.name.as_deref().map(&bucket_id).transpose()?;
        let org = Some(target.org.id.clone());
        // An organization belongs to none: it is named itself.
        let (id, org_id) = match wanted.resource == ResourceType::ORGS {
            true => (org, None),
            false => (id, org),
        };
        let resource = Resource {
            kind: wanted.resource.name().to_owned(),
            id,
            org_id,
            name: None,
        };
        permissions.push(Permission {
            action: wanted.action.name().to_owned(),
            resource,
        });
    }
    let description = format!("{mark}: {}", token.name);
    let new = NewAuthorization {
        org_id: target.org.id.clone(),
        description,
        permissions,
    };
    let made = target.client.create_authorization(&new).await;
    let made = made.doing(|| format!("creating the token {:?}", token.name))?;
    if made.token.is_empty() {
        return Err(Error::Request(format!(
            "the server gave no secret for the token {:?}",
            token.name
        )));
    }
    let described = AuthorizationPatch {
        status: None,
        description: Some(token_name::write(mark, &token.name, &made.token)),
    };
    let described = target.client.update_authorization(&made.id, &described);
    let described = described.await;
    described.doing(|| format!("describing the token {:?}", token.name))?;
    if let Err(error) = secret_file::write(&target.secret_path(&token.file), &made.token) {
        target.client.delete_authorization(&made.id).await.ok();
        return Err(error.into());
    }
    Ok(made)
}
