//! Rules: what is watched, and the life of each series (pure).
//!
//! `definition` is a rule; `judgement` turns what a query gave into an observation per
//! series; `life` is the state machine; `evaluator` applies both to all series of all rules.
#![warn(clippy::disallowed_methods)]

pub mod baseline;
pub mod definition;
pub mod evaluator;
pub mod flapping;
pub mod judgement;
pub mod life;
pub mod sample;
pub mod statistics;
