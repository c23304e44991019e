//! Tests of what every daemon shares, through its public surface.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod cli;
mod config;
mod connections;
mod hosts;
mod http;
mod metrics;
mod reload;
mod sample;
mod secret;
#[cfg(unix)]
mod service_manager;
mod shutdown;
mod tls;
