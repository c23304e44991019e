//! The tests of the agent, one binary: over its collectors, its parts, and the built program.

mod agent;
mod buffer;
mod catalogue;
mod collectors;
mod commands;
mod fake_influx;
mod faults;
mod psutil;
mod simulation;
