//! The HTTP API and the live dashboard.
//!
//! | to do | look in |
//! |---|---|
//! | start the server, its routes and headers | [`serve`], `router`, `security` |
//! | configure it | [`config`] |
//! | answer `/metrics` and `/api/v1` | `api` |
//! | render a page | `pages`, `templates/`, `assets/` |
//! | choose a tier, ask for a series | [`tier`], [`series`] |
//! | watch the fleet and push what is new | `live` |
//! | know who asks and what they may | `sign_in` |
//!
//! A browser sees only this server: the tokens of the database and of the alerter stay here.
//!
//! The charts are drawn by `assets/chart.js`, a module of our own on a canvas. Ready-made libraries
//! come from a package registry that Rust projects use in two ways only: inside a crate that
//! downloads them while it is built (`mdbook_uplot`), which fails offline, or as megabytes beside a
//! framework that we do not run (`plotly` 4.6 MB, `echarts` 3 MB, `autumn-plugin-d3`). The module is
//! smaller than the glue to any of them would be.

pub mod alert_span;
pub mod alerter;
pub mod annotation;
mod api;
mod assets;
pub mod cli;
pub mod config;
pub mod csv;
mod database;
mod error;
pub mod fleet;
mod live;
pub mod metric;
mod pages;
pub mod parameters;
mod router;
mod security;
pub mod series;
pub mod serve;
pub mod sign_in;
mod state;
pub mod tier;
pub mod time_range;

pub use self::api::OPENAPI;
pub use self::error::{ApiError, Result};

/// Nanoseconds since 1970 by the clock of this machine.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}
