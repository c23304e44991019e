//! Rules: what is watched, and the life of each series (pure).
//!
//! `definition` is a rule; `judgement` turns what a query gave into an observation per
//! series; `life` is the state machine; `watch` knows when nobody could look; `evaluator` applies
//! them to all series of all rules.
#![warn(clippy::disallowed_methods)]

pub mod baseline;
pub mod cells;
pub mod definition;
pub mod departure;
pub mod evaluator;
pub mod flapping;
pub mod forecast;
pub mod judgement;
pub mod life;
mod observation;
pub mod sample;
pub mod statistics;
pub mod watch;
