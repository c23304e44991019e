//! Evaluates rules, remembers what was sent, and notifies.
//!
//! The path of an alert, one module a step:
//!
//! 1. `rule_file`: the TOML that people write.
//! 2. `rules`: what is watched and the life of each series (pure).
//! 3. `dialect`: the text of the queries that rules need, batched (pure).
//! 4. `pipeline`: inhibition, mute windows, silences, acknowledgement, grouping,
//!    deduplication, delivery: each a pure stage that names its reason.
//! 5. `receivers`: one file a channel.
//!
//! Around it: `store` (what survives a crash), `trouble` (what of the alerter itself fails), `event` (what is told to the
//! `alerts_history` bucket) and `annotation` (what charts read of it), `api` and `cli` (how people ask), `timeline` (tests and
//! backtests on a virtual clock), `daemon` (the loop that drives all of it).
// A reader that has left (`| head`) is no panic: `watchpost_service::cli::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod alert;
pub mod alerting;
pub mod annotation;
pub mod answering;
pub mod api;
mod asking;
pub mod backtest;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod dialect;
pub mod evaluation;
pub mod event;
pub mod labels;
pub mod matcher;
pub mod pipeline;
pub mod presentation;
pub mod quantity;
mod reach;
pub mod receivers;
pub mod rule_file;
pub mod rule_files;
pub mod rules;
pub mod store;
pub mod summary;
pub mod template;
pub mod timeline;
pub mod trouble;
