//! Tests of the bench through its public surface.

mod accuracy;
mod command_line;
mod compare;
mod data;
mod fake_server;
mod honesty;
mod running_server;
mod scenarios;
