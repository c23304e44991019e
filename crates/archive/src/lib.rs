//! History beyond one server: what it holds is copied elsewhere all the time, encrypted for a key that the host does not
//! have, and comes back as it was at any moment.
//!
//! ```text
//! engine ── HTTP: snapshot, segments, the log's end ──▶ ship ── age, SHA-256 ──▶ vault (S3, GCS, Azure, a folder)
//! watchpost-engine restore ◀── a backup as a stream ── restore ◀── snapshot + segments + log up to a moment ──┘
//! ```
//!
//! It speaks the server's HTTP API like every role: the engine knows no object store, and a crash of one is none of the
//! other. Nothing here is built by `cargo xtask up`.
//!
//! | to do | look in |
//! |---|---|
//! | know how copies lie in the store | [`layout`] |
//! | read and write objects, each checked | [`vault`] |
//! | encrypt and decrypt | [`envelope`] |
//! | follow a server | [`ship`] |
//! | choose what is removed | [`retention`] |
//! | put a server together again | [`restore`], [`drill`] |
//! | take points out, or in | [`export`], [`import`], [`influxdb`] |
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod config;
pub mod drill;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod export;
pub mod import;
pub mod influxdb;
pub mod layout;
pub mod parquet;
pub mod restore;
pub mod retention;
pub mod ship;
pub mod transfer;
pub mod vault;

pub use error::{Error, Result};

/// The system's clock, nanoseconds since 1970.
fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
