//! First setup: the first user, organization, bucket and token, once in a server's life.

use serde_json::json;

use crate::api::call::{Answer, Call, Reply};
use crate::api::error::{ApiError, Code};
use crate::api::{authorizations, buckets, json as body, orgs, users};
use crate::app::App;
use crate::auth::password::PasswordHash;
use crate::auth::token::{self, TokenHash};
use crate::auth::{Permission, ResourceType};
use crate::meta::{
    Authorization, Bucket, BucketKind, Id, Member, MetaStore, Organization, Role, User,
};

const DAY: i64 = 86_400;

/// What setup is asked to make.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The first user's name.
    pub username: String,
    /// Their password; empty: they cannot sign in, only the token works.
    pub password: String,
    /// The organization's name.
    pub org: String,
    /// The bucket's name.
    pub bucket: String,
    /// The bucket's retention in seconds; 0 for ever.
    pub retention_seconds: i64,
    /// The operator's token; made if absent.
    pub token: Option<String>,
}

/// What setup made.
#[derive(Debug, Clone)]
pub struct Made {
    user: User,
    organization: Organization,
    bucket: Bucket,
    authorization: Authorization,
    /// The operator's token, shown this once.
    pub token: String,
}

/// `GET /api/v2/setup`: whether setup is still to be done.
pub fn allowed(call: &Call) -> Reply {
    Ok(Answer::ok(
        json!({ "allowed": !call.app.meta.read().is_set_up() }),
    ))
}

/// `POST /api/v2/setup`.
pub fn create(call: &Call) -> Reply {
    let request = body::first_object(
        &call.body,
        "OnboardingRequest",
        "influxdb.OnboardingRequest",
    )?;
    let setup = Setup {
        username: request.text("username")?,
        password: request.text("password")?,
        org: request.text("org")?,
        bucket: request.text("bucket")?,
        retention_seconds: match request.integer("retentionPeriodSeconds")? {
            Some(seconds) => seconds,
            None => request
                .integer("retentionPeriodHrs")?
                .unwrap_or(0)
                .saturating_mul(3_600),
        },
        token: request.string("token")?.filter(|token| !token.is_empty()),
    };
    let made = perform(&call.app, &setup)?;
    Ok(Answer::created(json!({
        "user": users::shown(&made.user),
        "bucket": buckets::shown(&made.bucket, &[]),
        "org": orgs::shown(&made.organization),
        "auth": authorizations::shown_at_setup(&made.authorization, &made.token),
    })))
}

/// Sets the server up.
///
/// # Errors
/// It was done before, something required is missing, or the password or retention cannot be taken.
pub fn perform(app: &App, setup: &Setup) -> Result<Made, ApiError> {
    let done = || ApiError::conflict("onboarding has already been completed");
    if app.meta.read().is_set_up() {
        return Err(done());
    }
    let required = [
        ("username", &setup.username),
        ("org", &setup.org),
        ("bucket", &setup.bucket),
    ];
    let missing: Vec<_> = required
        .iter()
        .filter(|(_, value)| value.is_empty())
        .map(|(name, _)| *name)
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "onboarding failed: missing required fields [{}]",
            missing.join(" ")
        );
        return Err(ApiError::new(Code::Unprocessable, message));
    }
    let password = match setup.password.as_str() {
        "" => None,
        password => {
            Some(PasswordHash::of(password).map_err(|error| ApiError::invalid(error.to_string()))?)
        }
    };
    let retention = buckets::Retention::checked(setup.retention_seconds, None)?;
    let made = plan(&app.meta, app.clock.now(), setup, password, &retention);
    app.meta.update(|state, changes| {
        if state.is_set_up() {
            return Err(done());
        }
        let org = made.organization.id;
        changes.put(made.organization.clone());
        changes.put(made.user.clone());
        changes.put(Member {
            id: app.meta.next_id(app.clock.now()),
            resource_type: ResourceType::Orgs,
            resource: org,
            user: made.user.id,
            role: Role::Owner,
        });
        changes.put(made.bucket.clone());
        for bucket in system_buckets(org, app.clock.now()) {
            changes.put(bucket);
        }
        changes.put(made.authorization.clone());
        Ok(())
    })?;
    app.apply_retention()?;
    Ok(made)
}

fn plan(
    meta: &MetaStore,
    now: i64,
    setup: &Setup,
    password: Option<PasswordHash>,
    retention: &buckets::Retention,
) -> Made {
    let organization = Organization {
        id: Id::random(),
        name: setup.org.clone(),
        description: String::new(),
        created_at: now,
        updated_at: now,
    };
    let user = User {
        id: meta.next_id(now),
        name: setup.username.clone(),
        active: true,
        password,
    };
    let token = setup.token.clone().unwrap_or_else(token::generate);
    let authorization = Authorization {
        id: meta.next_id(now),
        token_hash: TokenHash::of(&token),
        active: true,
        description: format!("{}'s Token", user.name),
        org: organization.id,
        user: user.id,
        permissions: Permission::operator(),
        legacy: None,
        created_at: now,
        updated_at: now,
    };
    let bucket = Bucket {
        id: Id::random(),
        org: organization.id,
        kind: BucketKind::User,
        name: setup.bucket.clone(),
        description: None,
        rp: None,
        retention_seconds: retention.seconds,
        shard_seconds: retention.shard_seconds,
        created_at: now,
        updated_at: now,
    };
    Made {
        user,
        organization,
        bucket,
        authorization,
        token,
    }
}

/// The buckets that come with every organization.
pub fn system_buckets(org: Id, now: i64) -> [Bucket; 2] {
    let bucket = |name: &str, description: &str, retention_seconds: i64| Bucket {
        id: Id::random(),
        org,
        kind: BucketKind::System,
        name: name.to_owned(),
        description: Some(description.to_owned()),
        rp: None,
        retention_seconds,
        shard_seconds: DAY,
        created_at: now,
        updated_at: now,
    };
    [
        bucket("_tasks", "System bucket for task logs", 3 * DAY),
        bucket("_monitoring", "System bucket for monitoring logs", 7 * DAY),
    ]
}
