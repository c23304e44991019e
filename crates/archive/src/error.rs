//! What can go wrong: each message says what was wrong, where, and what to do.

use std::path::{Path, PathBuf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The place of the copies does not answer, or refuses.
    #[error("{to}: {message}")]
    Store { to: String, message: String },

    /// The server does not answer, or refuses.
    #[error(transparent)]
    Server(#[from] watchpost_client::Error),

    /// The text names no place.
    #[error(
        "{0:?} is no place for copies; write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or a folder \
         (/backup/watchpost)"
    )]
    Place(String),

    /// The prefix holds copies of another server.
    #[error(
        "{to} holds the copies of platform {found}, not of {own}: two servers never share a prefix; name another one"
    )]
    OtherPlatform {
        to: String,
        found: String,
        own: String,
    },

    /// The prefix holds other things.
    #[error("{to} is not empty and holds no copies of Watchpost ({found}); name another prefix")]
    InUse { to: String, found: String },

    /// Another process writes to the prefix.
    #[error(
        "{to} is written by {holder} since {since}; if that one is gone for good, start once with --take-over, which stops \
         it where it still runs"
    )]
    Held {
        to: String,
        holder: String,
        since: String,
    },

    /// Another process took the prefix over.
    #[error(
        "{holder} took {to} over at {since}: this process writes no more there; one of the two servers has to get a prefix \
         of its own"
    )]
    Fenced {
        to: String,
        holder: String,
        since: String,
    },

    /// Bytes that are not what was written.
    #[error("{object} is damaged: {reason}")]
    Damaged { object: String, reason: String },

    /// No key opens an object.
    #[error(
        "none of the keys in {identities} opens {object}: it was encrypted for other recipients; name the file with the \
         private key that was made for this platform (--identity)"
    )]
    WrongKey { identities: String, object: String },

    /// Nothing to restore.
    #[error("{0}")]
    Nothing(String),

    /// What an option or a file says cannot be done.
    #[error("{0}")]
    Refused(String),

    /// A file or a process of this machine.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },

    /// A file that is kept.
    #[error(transparent)]
    Durable(#[from] watchpost_durable::Error),
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failed operation on a file.
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// An object that is not what was written.
    pub fn damaged(object: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged {
            object: object.into(),
            reason: reason.into(),
        }
    }

    /// Whether trying again may help: the network, the store or the server was in the way.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store { .. } | Self::Server(_))
    }
}
