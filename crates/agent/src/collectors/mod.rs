//! What is measured. One collector is one file: it reads kernel files below a root, keeps its previous
//! sample where it needs one, and gives points. A collector knows no clock: the time of the sample comes in.
//!
//! On Linux everything comes from `/proc` and `/sys`; elsewhere [`portable`] asks the `sysinfo` crate.

use std::io;
use std::path::PathBuf;

pub mod counter;
pub mod gpu;
pub mod host_files;
pub mod row;

mod busiest;
mod cgroups;
pub mod checks;
pub mod clock;
pub mod command;
pub mod connections;
#[cfg(unix)]
pub mod containers;
pub mod cpu;
pub mod cpu_frequency;
pub mod disk_health;
pub mod disk_io;
pub mod file_systems;
mod interfaces;
pub mod journal;
pub mod kernel;
pub mod load;
pub mod memory;
pub mod network;
pub mod nvidia;
pub mod packages;
#[cfg(any(test, not(target_os = "linux")))]
pub mod portable;
pub mod power;
pub mod pressure;
pub mod process_stat;
pub mod processes;
pub mod protocols;
mod ranking;
mod registry;
pub mod self_metrics;
pub mod services;
pub mod smart;
pub mod temperature;
pub mod thin_pools;
pub mod ups;
pub mod uptime;
pub mod users;

pub use host_files::HostFiles;
pub use registry::{Assignment, assignments, slow_interval};
pub use row::Points;

/// Gives the points of one part of a host.
pub trait Collector: Send {
    /// The name in the configuration, the log and the self-metrics.
    fn name(&self) -> &'static str;

    /// Reads below the root of `files` and pushes points stamped `at` (nanoseconds since 1970).
    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError>;
}

/// Why a collection gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A file the collector cannot do without.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What the system's interfaces do not tell.
    #[error("the system does not report it: {why}")]
    Unavailable {
        /// What they said.
        why: String,
    },
    /// A file whose content is not what the kernel documents.
    #[error("{} is not as the kernel documents it: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: String,
    },
}
