//! An embedded server that speaks the InfluxDB 2 HTTP API and Flux.
//!
//! ```text
//! HTTP ─▶ api (routes, one file a resource) ─▶ auth (who, may they?) ─▶ meta (management state, journal)
//!                                          ├─▶ write ─▶ storage
//!                                          └─▶ query (Flux over storage) ◀─ tasks (schedule, runs)
//! ```
// A reader that has left (`| head`) is no panic: `watchpost_service::cli::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod alerting;
pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod clock_jump;
pub mod descriptors;
pub mod influxql;
pub mod limits;
pub mod memory;
pub mod meta;
pub mod metrics;
pub mod operations;
pub mod query;
pub mod reference;
pub mod server;
pub mod tasks;
pub mod write;

/// The version of InfluxDB whose API this is: clients choose what they send by it.
pub const API_VERSION: &str = "v2.7.12";
