//! Makes buckets, tasks and tokens true: plan, apply, drift.
//!
//! `platform` is what should be, `observe` reads what is, `plan` compares the two without knowing
//! the server, `apply` carries a plan out; `commands` are what a person or a script calls.
// A reader that has left (`| head`) is no panic: `watchpost_service::cli::print`.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod apply;
pub mod backfill;
pub mod cli;
pub mod commands;
mod error;
pub mod gaps;
pub mod health;
pub mod lock;
pub mod observe;
pub mod other_servers;
pub mod plan;
pub mod platform;
pub mod render;
pub mod rollup;
pub mod rotate;
pub mod secret_file;
pub mod settings;
pub mod token_name;
pub mod transfer;

pub use self::error::{Error, Result};
