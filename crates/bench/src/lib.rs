//! Loads a server and reports throughput, latency and loss honestly.
//!
//! | to do | look in |
//! |---|---|
//! | read or add a scenario | [`scenario`], `scenarios/*.toml` |
//! | compute the points of a run | [`data`] |
//! | know what queries are asked | [`query`], `queries/*.flux` |
//! | see when operations begin and what is counted | [`load`] |
//! | reach, start, stop a server | [`target`] |
//! | know what the bench itself can drive | [`null_server`] |
//! | check that all points arrived | [`verify`] |
//! | follow a scenario from start to end | [`run`] |
//! | read, print, plot, compare a report | [`report`] |
// A reader that has left (`| head`) is no panic: `watchpost_service::cli::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod commands;
pub mod data;
mod error;
pub mod load;
pub mod null_server;
mod progress;
pub mod query;
pub mod report;
pub mod run;
pub mod scenario;
pub mod settings;
pub mod target;
pub mod usage;
pub mod verify;

pub use self::error::{Error, Result};
