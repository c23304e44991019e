//! What keeps the bench from running at all. What a server does wrong is no error but a finding,
//! and stands in the report.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the bench.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No scenario of this name.
    #[error(
        "there is no scenario {name:?}{hint} (watchpost-bench list shows all; a file is named with its path)"
    )]
    UnknownScenario {
        /// The name.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// A scenario that cannot run.
    #[error("the scenario {name} cannot run:\n  {}", problems.join("\n  "))]
    Scenario {
        /// Its name.
        name: String,
        /// Every problem.
        problems: Vec<String>,
    },
    /// No server of this name in the configuration.
    #[error(
        "there is no server {0:?} in the configuration; add [servers.{0}], or write --server {0}=URL"
    )]
    UnknownServer(String),
    /// A server on another machine.
    #[error(
        "{url} is not this machine; a load test may harm what others use. Repeat with --allow-remote if it is yours"
    )]
    Remote {
        /// Its URL.
        url: String,
    },
    /// The scenario stops its server, and this one is not ours to stop.
    #[error("the scenario {0} stops the server; it runs only with --spawn engine")]
    NeedsEngine(String),
    /// The engine of our own does not run.
    #[error("engine: {0}")]
    Engine(String),
    /// A file that cannot be read or written.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Two reports that cannot be compared.
    #[error("the reports cannot be compared: {0}")]
    Compare(String),
    /// A server that does not do what a command asks of it.
    #[error("{0}")]
    Server(crate::load::Failure),
}
