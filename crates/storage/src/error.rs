//! What can go wrong, small and typed; each message says what, where and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::damage::Damage;

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the folder open.
    #[error("the data folder {} is in use by another process; stop that one or choose another folder", path.display())]
    Locked { path: PathBuf },

    /// The folder was written by another version. Nothing in it was touched.
    #[error("the data folder {} has the layout {found:?}, this program knows {known:?}; use the program that wrote it (nothing was changed)", path.display())]
    UnknownLayout {
        path: PathBuf,
        found: String,
        known: &'static str,
    },

    /// No room (or quota) for a write. What was acknowledged before is safe and readable; writes
    /// are taken again as soon as there is room.
    #[error("the disk is full: cannot {action} {}; free some space, writes are then taken again", path.display())]
    DiskFull { path: PathBuf, action: &'static str },

    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: io::Error,
    },

    /// A checksum or a bound did not hold on the bytes that a read needed.
    #[error("{0}")]
    Damaged(Box<Damage>),

    /// A batch beyond [`crate::batch::MAX_BATCH_BYTES`].
    #[error(
        "the batch takes {bytes} bytes, at most {limit} are allowed; send smaller bodies (5,000 lines are a good size)"
    )]
    BatchTooLarge { bytes: usize, limit: usize },

    /// A delete by something else than comparisons of the measurement and of tags.
    #[error(
        "cannot delete by this predicate ({reason}); compare `_measurement` and tags with = or != and join with AND"
    )]
    UnsupportedPredicate { reason: String },

    /// The target of a restore holds files already.
    #[error("the folder {} is not empty; restore into a new one", path.display())]
    NotEmpty { path: PathBuf },

    /// The bytes given to a restore are no backup, or not whole.
    #[error("the backup is damaged at byte {offset}: {reason}; nothing was restored")]
    BackupDamaged { offset: u64, reason: String },

    /// The stream a backup is written to, or read from, failed.
    #[error("the backup stream failed: {0}")]
    BackupStream(#[source] io::Error),

    /// A file that a merge or a delete replaced while it was read, or whose disk failed.
    #[error(transparent)]
    File(watchpost_durable::Error),

    /// Who asked for the rows wants no more of them.
    #[error("the read was stopped")]
    Stopped,

    /// A document's name may hold letters, digits, `-` and `_`.
    #[error("{0:?} is no name for a document; use letters, digits, '-' and '_'")]
    DocumentName(String),
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failed file operation; a full disk gets its own variant.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Error {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::DiskFull { path, action }
            }
            _ => Error::Io {
                path,
                action,
                source,
            },
        }
    }

    /// Whether freeing disk space makes the same operation succeed.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Error::DiskFull { .. })
    }
}

/// A full disk gets its own variant.
impl From<watchpost_durable::Error> for Error {
    fn from(error: watchpost_durable::Error) -> Error {
        match error {
            watchpost_durable::Error::Io {
                path,
                action,
                source,
            } => Error::io(action, &path, source),
            other => Error::File(other),
        }
    }
}
