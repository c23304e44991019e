//! The tests of the agent, one binary: over its collectors, its parts, and the built program.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; the helpers are tests too"
)]

mod accepted;
mod agent;
mod answers;
mod buffer;
mod catalogue;
mod checks;
mod collectors;
mod commands;
mod configuration;
mod disks;
mod enroll;
mod fake_influx;
mod hosts;
#[cfg(unix)]
mod listeners;
mod mutations;
mod noise;
mod outages;
mod power_supplies;
mod programs;
mod protobuf;
mod psutil;
mod rounds;
mod runtimes;
mod self_test;
#[cfg(target_os = "linux")]
mod series_limit;
mod simulation;
