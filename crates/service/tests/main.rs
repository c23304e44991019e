//! Tests of what every daemon shares, through its public surface.

mod cli;
mod config;
mod http;
mod metrics;
mod reload;
mod sample;
mod secret;
mod shutdown;
mod tls;
