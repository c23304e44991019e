//! The Flux language: parsed, checked, planned and evaluated over columns.
//!
//! The crate knows no storage and no network: data comes in through one [`source::Source`], everything that a query does to
//! the world goes out through one [`effects::Effects`], and what time it is, is an argument.
//!
//! ```text
//! text ──syntax──▶ tree ──semantic──▶ checked tree ──interpret──▶ streams (plan) ──execute──▶ tables
//! ```
#![warn(clippy::disallowed_methods)]

pub mod effects;
pub mod error;
pub mod execute;
pub mod interpret;
pub mod plan;
pub mod program;
pub mod semantic;
pub mod source;
pub mod stdlib;
pub mod syntax;
pub mod table;
pub mod value;

pub use program::{Limits, Outcome, Program, Run};
