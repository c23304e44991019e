//! What can go wrong with a file: which operation on which path, and why.

use std::io;
use std::path::{Path, PathBuf};

/// Why an operation on a file failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },

    /// The name is another file's by now, or nobody's.
    #[error("{} was replaced while it was read; ask again", path.display())]
    Replaced { path: PathBuf },

    /// A file whose bytes on the disk are unknown since a sync or a cut failed.
    #[error("{} cannot be trusted since its disk failed; it has to be written anew", path.display())]
    Distrusted { path: PathBuf },
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failed operation of the system.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        Error::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }
}

/// For callers whose own errors are of the system's kind.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Io { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}
