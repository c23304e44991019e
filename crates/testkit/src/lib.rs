//! What tests share: case files, a server, daemons, a browser, receivers that record, folders.
//!
//! Only `dev-dependencies` name this crate. What cannot be had here (a container engine, a binary
//! that is not built) ends in [`skip()`], never in a failure. Everything that has to wait does so
//! in [`wait`], against one deadline.

mod authority;
mod background;
mod binary;
mod browser;
pub mod cases;
mod daemon;
mod environment;
mod http_receiver;
mod influxdb3;
mod record;
mod server;
mod skip;
mod smtp_receiver;
pub mod wait;
pub mod workload;

pub use authority::Authority;
pub use binary::binary;
pub use browser::Browser;
pub use daemon::{Daemon, Signal};
pub use environment::command;
pub use http_receiver::{HttpReceiver, Refusal, Request};
pub use influxdb3::InfluxDb3;
pub use record::Record;
pub use server::{Server, server};
pub use skip::skip;
pub use smtp_receiver::{Mail, SmtpReceiver};
pub use tempfile::TempDir as TempFolder;

/// A folder of its own for one test; it goes when the value goes.
///
/// # Panics
/// If the folder cannot be made.
pub fn temp_folder() -> TempFolder {
    tempfile::tempdir().expect("a temporary folder can be made")
}
