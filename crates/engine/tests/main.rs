//! The engine through its public surface: HTTP on loopback, the built binary, a data folder.

mod binary;
mod clients;
mod flux_over_http;
mod hostile;
mod recorded;
mod running;
mod scenario;
mod schedule;
