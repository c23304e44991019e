//! The agent: collects the metrics of a host and writes them, losing nothing.
//!
//! | to see | look in |
//! |---|---|
//! | what is measured | [`collectors`], one file each |
//! | what programs send | [`programs`], one file a source |
//! | when, and what happens if one hangs | [`schedule`] |
//! | what is kept while a server is away | [`buffer`] |
//! | how it is written, and what each answer means | [`writer`] |
//! | what can be configured | [`config`] |
//! | what a user can do | [`cli`], [`commands`] |
//! | a fleet that is not there | [`simulate`] |
// A reader that has left (`| head`) is no panic: `watchpost_service::cli::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod batch;
pub mod buffer;
pub mod cardinality;
pub mod cli;
pub mod clock;
pub mod collectors;
pub mod commands;
pub mod config;
pub mod filter;
pub mod metrics;
pub mod pipeline;
pub mod programs;
pub mod schedule;
pub mod simulate;
pub mod telemetry_client;
pub mod writer;
