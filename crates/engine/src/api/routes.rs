//! The table of routes: which function answers which method of which path.

use axum::http::Method;

use crate::api::serve::Operation;
use crate::api::{
    archive, authorizations, buckets, checks, collection, dbrps, delete, flux, health, labels,
    members, notification_endpoints, notification_rules, operations, orgs, placeholders, query,
    query_version_one, runs, scripted, secrets, session, setup, tasks, users, variables, write,
};
use crate::meta::{Check, NotificationEndpoint, NotificationRule, Variable};

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Verb {
    /// The verb of a method, if routes have it.
    pub fn of(method: &Method) -> Option<Self> {
        Some(match *method {
            Method::GET => Self::Get,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => return None,
        })
    }
}

const GET: Verb = Verb::Get;
const POST: Verb = Verb::Post;
const PUT: Verb = Verb::Put;
const PATCH: Verb = Verb::Patch;
const DELETE: Verb = Verb::Delete;

/// The operations of a path, by method.
pub type Route = (&'static str, &'static [(Verb, Operation)]);

/// Whether the server is ready.
pub const LIVE: &[Route] = &[("/ready", &[(GET, health::ready)])];

/// Other routes that need no credentials.
pub const OPEN: &[Route] = &[
    ("/metrics", &[(GET, health::metrics)]),
    ("/docs", &[(GET, placeholders::docs)]),
    ("/api/v2/signout", &[(POST, session::sign_out)]),
    ("/api/v2/swagger.json", &[(GET, placeholders::no_assets)]),
];

/// First setup.
pub const SET_UP: &[Route] = &[(
    "/api/v2/setup",
    &[(GET, setup::allowed), (POST, setup::create)],
)];

/// Signing in.
pub const SIGN_IN: &[Route] = &[("/api/v2/signin", &[(POST, session::sign_in)])];

/// Management of passwords.
pub const PASSWORDS: &[Route] = &[
    (
        "/api/v2/me/password",
        &[
            (PUT, users::change_my_password),
            (POST, users::change_my_password),
        ],
    ),
    (
        "/api/v2/users/{id}/password",
        &[(POST, users::set_password), (PUT, users::set_password)],
    ),
    (
        "/private/legacy/authorizations/{id}/password",
        &[(POST, authorizations::set_legacy_password)],
    ),
];

/// Management.
pub const MANAGE: &[Route] = &[
    ("/api/v2", &[(GET, placeholders::routes)]),
    ("/api/v2/me", &[(GET, users::me)]),
    (
        "/api/v2/users",
        &[(GET, users::list), (POST, users::create)],
    ),
    (
        "/api/v2/users/{id}",
        &[
            (GET, users::get),
            (PATCH, users::change),
            (DELETE, users::delete),
        ],
    ),
    ("/api/v2/orgs", &[(GET, orgs::list), (POST, orgs::create)]),
    (
        "/api/v2/orgs/{id}",
        &[
            (GET, orgs::get),
            (PATCH, orgs::change),
            (DELETE, orgs::delete),
        ],
    ),
    (
        "/api/v2/orgs/{id}/secrets",
        &[(GET, secrets::list), (PATCH, secrets::set)],
    ),
    (
        "/api/v2/orgs/{id}/secrets/delete",
        &[(POST, secrets::delete_many)],
    ),
    (
        "/api/v2/orgs/{id}/secrets/{key}",
        &[(DELETE, secrets::delete)],
    ),
    (
        "/api/v2/buckets",
        &[(GET, buckets::list), (POST, buckets::create)],
    ),
    (
        "/api/v2/buckets/{id}",
        &[
            (GET, buckets::get),
            (PATCH, buckets::change),
            (DELETE, buckets::delete),
        ],
    ),
    (
        "/api/v2/authorizations",
        &[(GET, authorizations::list), (POST, authorizations::create)],
    ),
    (
        "/api/v2/authorizations/{id}",
        &[
            (GET, authorizations::get),
            (PATCH, authorizations::change),
            (DELETE, authorizations::delete),
        ],
    ),
    (
        "/private/legacy/authorizations",
        &[(GET, authorizations::list), (POST, authorizations::create)],
    ),
    (
        "/private/legacy/authorizations/{id}",
        &[
            (GET, authorizations::get),
            (PATCH, authorizations::change),
            (DELETE, authorizations::delete),
        ],
    ),
    (
        "/api/v2/labels",
        &[(GET, labels::list), (POST, labels::create)],
    ),
    (
        "/api/v2/labels/{id}",
        &[
            (GET, labels::get),
            (PATCH, labels::change),
            (DELETE, labels::delete),
        ],
    ),
    (
        "/api/v2/dbrps",
        &[(GET, dbrps::list), (POST, dbrps::create)],
    ),
    (
        "/api/v2/dbrps/{id}",
        &[
            (GET, dbrps::get),
            (PATCH, dbrps::change),
            (DELETE, dbrps::delete),
        ],
    ),
    (
        "/api/v2/variables",
        &[
            (GET, collection::list::<Variable>),
            (POST, variables::create),
        ],
    ),
    (
        "/api/v2/variables/{id}",
        &[
            (GET, collection::get::<Variable>),
            (PATCH, variables::change),
            (PUT, variables::change),
            (DELETE, variables::delete),
        ],
    ),
    (
        "/api/v2/checks",
        &[(GET, collection::list::<Check>), (POST, checks::create)],
    ),
    (
        "/api/v2/checks/{id}",
        &[
            (GET, collection::get::<Check>),
            (PUT, checks::replace),
            (PATCH, checks::change),
            (DELETE, scripted::delete::<Check>),
        ],
    ),
    (
        "/api/v2/checks/{id}/query",
        &[(GET, scripted::script_of::<Check>)],
    ),
    (
        "/api/v2/notificationEndpoints",
        &[
            (GET, collection::list::<NotificationEndpoint>),
            (POST, notification_endpoints::create),
        ],
    ),
    (
        "/api/v2/notificationEndpoints/{id}",
        &[
            (GET, collection::get::<NotificationEndpoint>),
            (PUT, notification_endpoints::replace),
            (PATCH, notification_endpoints::change),
            (DELETE, notification_endpoints::delete),
        ],
    ),
    (
        "/api/v2/notificationRules",
        &[
            (GET, collection::list::<NotificationRule>),
            (POST, notification_rules::create),
        ],
    ),
    (
        "/api/v2/notificationRules/{id}",
        &[
            (GET, collection::get::<NotificationRule>),
            (PUT, notification_rules::replace),
            (PATCH, notification_rules::change),
            (DELETE, scripted::delete::<NotificationRule>),
        ],
    ),
    (
        "/api/v2/notificationRules/{id}/query",
        &[(GET, scripted::script_of::<NotificationRule>)],
    ),
    (
        "/api/v2/tasks",
        &[(GET, tasks::list), (POST, tasks::create)],
    ),
    (
        "/api/v2/tasks/{id}",
        &[
            (GET, tasks::get),
            (PATCH, tasks::change),
            (DELETE, tasks::delete),
        ],
    ),
    (
        "/api/v2/tasks/{id}/runs",
        &[(GET, runs::list), (POST, runs::create)],
    ),
    (
        "/api/v2/tasks/{id}/runs/{run}",
        &[(GET, runs::get), (DELETE, runs::cancel)],
    ),
    (
        "/api/v2/tasks/{id}/runs/{run}/retry",
        &[(POST, runs::retry)],
    ),
    ("/api/v2/tasks/{id}/runs/{run}/logs", &[(GET, runs::logs)]),
    ("/api/v2/tasks/{id}/logs", &[(GET, runs::all_logs)]),
    ("/api/v2/query/suggestions", &[(GET, flux::suggestions)]),
    (
        "/api/v2/query/suggestions/{name}",
        &[(GET, flux::one_suggestion)],
    ),
    ("/api/v2/queries", &[(GET, query::running)]),
    ("/api/v2/queries/{id}", &[(DELETE, query::kill)]),
    ("/api/v2/dashboards", &[(GET, placeholders::dashboards)]),
    ("/api/v2/scrapers", &[(GET, placeholders::scrapers)]),
    ("/api/v2/sources", &[(GET, placeholders::sources)]),
    ("/api/v2/telegrafs", &[(GET, placeholders::telegrafs)]),
    (
        "/api/v2/telegraf/plugins",
        &[(GET, placeholders::telegraf_plugins)],
    ),
    ("/api/v2/flags", &[(GET, placeholders::flags)]),
    ("/api/v2/resources", &[(GET, placeholders::resources)]),
    ("/api/v2/config", &[(GET, placeholders::config)]),
    ("/api/v2/remotes", &[(GET, placeholders::remotes)]),
    ("/api/v2/replications", &[(GET, placeholders::replications)]),
    ("/api/v2/stacks", &[(GET, placeholders::stacks)]),
    ("/watchpost/archive/snapshot", &[(GET, archive::snapshot)]),
    ("/watchpost/archive/segment", &[(GET, archive::segment)]),
    ("/watchpost/archive/log", &[(GET, archive::log)]),
    ("/watchpost/stats", &[(GET, operations::stats)]),
    ("/watchpost/verify", &[(GET, operations::verify)]),
];

/// InfluxDB's routes of backup and restore.
pub const INFLUXDB_BACKUP: &[&str] = &["/api/v2/backup/{*rest}", "/api/v2/restore/{*rest}"];
/// What they answer.
pub const NO_INFLUXDB_BACKUP: &[(Verb, Operation)] = &[
    (GET, operations::not_as_influxdb_does),
    (POST, operations::not_as_influxdb_does),
];

/// Routes whose refusal of a method names those they have.
pub const NAMED_METHODS: &[Route] = &[
    ("/api/v2/delete", &[(POST, delete::delete)]),
    ("/api/v2/query/analyze", &[(POST, flux::analyze)]),
    ("/api/v2/query/ast", &[(POST, flux::ast)]),
];

/// Types of resources that labels, members and owners hang on.
pub const LABELLED: &[&str] = &[
    "buckets",
    "tasks",
    "variables",
    "checks",
    "notificationRules",
    "notificationEndpoints",
];
/// Types of resources that members and owners hang on.
pub const OWNED: &[&str] = &[
    "orgs",
    "buckets",
    "tasks",
    "checks",
    "notificationRules",
    "notificationEndpoints",
];

/// Labels of a resource, and one of them.
pub const LABELS: &[(Verb, Operation)] = &[(GET, labels::of_resource), (POST, labels::put_on)];
/// One label of a resource.
pub const ONE_LABEL: &[(Verb, Operation)] = &[(DELETE, labels::take_off)];
/// Members or owners of a resource.
pub const MEMBERS: &[(Verb, Operation)] = &[(GET, members::list), (POST, members::add)];
/// One of them.
pub const ONE_MEMBER: &[(Verb, Operation)] = &[(DELETE, members::remove)];
/// `/api/v2/write`
pub const WRITE: &[(Verb, Operation)] = &[(POST, write::write)];
/// Version 1's `/write`
pub const WRITE_VERSION_ONE: &[(Verb, Operation)] = &[(POST, write::write_version_one)];
/// Version 1's `/query`
pub const QUERY_VERSION_ONE: &[(Verb, Operation)] = &[
    (GET, query_version_one::query),
    (POST, query_version_one::query),
];
