//! What can stop a command, each with what to do about it.

use crate::platform::FileError;
use crate::secret_file::SecretFileError;

/// An error of the provisioner.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{what}: {error}")]
    Server {
        what: String,
        error: watchpost_client::Error,
    },
    #[error(
        "the server has no organization {0:?}; setting up the server creates the first one, an operator others"
    )]
    NoOrganization(String),
    #[error(
        "another run holds this server since {since} ({holder}); wait for it, or remove the label {label:?} if it died"
    )]
    Locked {
        holder: String,
        since: String,
        label: String,
    },
    #[error(
        "the server at {url} has no API of InfluxDB 2: {says}; a server of InfluxDB 2.x or the embedded engine is needed"
    )]
    OtherServer { url: String, says: String },
    #[error("interrupted; what is done stays, and the next run does the rest")]
    Interrupted,
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    #[error("{0}")]
    Request(String),
}

impl Error {
    /// What less work may avoid: the server gave up, or the time was over. What it refuses, it refuses in
    /// any size.
    pub(crate) fn is_too_much(&self) -> bool {
        match self {
            Error::Server { error, .. } => error.status().is_none_or(|it| it >= 429),
            _ => false,
        }
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being done when the server's answer was an error.
pub(crate) trait Doing<T> {
    /// # Errors
    /// The client's, with `what` in front.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for watchpost_client::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Server {
            what: what(),
            error,
        })
    }
}
