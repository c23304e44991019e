//! The provisioner through its public surface: files and plans as cases, then a real server.

#![allow(clippy::unwrap_used, reason = "the functions of a test may fail it")]

mod dashboards;
mod desired_state;
mod hosts;
mod influxdb3;
mod old_server;
mod planning;
mod queries;
mod secret_files;
mod site;
mod story;
mod tiers;
