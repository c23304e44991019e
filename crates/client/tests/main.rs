//! Tests of the client through its public surface: against a scripted server for every answer one
//! can give, and against a real one for what it must give.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod backoff;
mod connection;
mod flux_text;
mod management;
mod query;
mod questions;
mod scripted;
mod server;
mod write;
