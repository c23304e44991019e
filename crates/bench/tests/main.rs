//! Tests of the bench through its public surface.

mod accuracy;
mod command_line;
mod compare;
mod data;
mod fake_server;
mod fleet_server;
mod honesty;
mod scenarios;
