//! The HTTP API: InfluxDB 2.7's routes, one file a resource.
//!
//! [`routes`] holds the table of routes. Around each operation stand, in this order: the limit of the body, credentials,
//! the operation on a thread that may block, the audit log, the metrics, and the headers that every answer carries.

pub mod archive;
pub mod authorizations;
pub mod bodies;
pub mod buckets;
pub mod call;
pub mod checks;
pub mod collection;
pub mod compression;
pub mod cors;
pub mod dbrps;
pub mod delete;
pub mod delete_predicate;
pub mod error;
pub mod flux;
pub mod health;
pub mod json;
pub mod labels;
pub mod members;
pub mod notification_endpoints;
pub mod notification_rules;
pub mod operations;
pub mod orgs;
pub mod origin;
pub mod page;
pub mod placeholders;
pub mod places;
pub mod query;
pub mod query_request;
pub mod query_version_one;
pub mod resource;
pub mod router;
pub mod routes;
pub mod runs;
pub mod scripted;
pub mod secrets;
pub mod serve;
pub mod session;
pub mod setup;
pub mod tasks;
pub mod text;
pub mod users;
pub mod variables;
pub mod write;

pub use router::router;
