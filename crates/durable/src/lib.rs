//! Files that survive: written, replaced and removed so that a kill or a power cut at any moment leaves the old or the
//! new, and tests can make every step fail.
//!
//! ```text
//! Disk ── create, rename, remove, sync, sync_folder ──▶ files        asks Faults before each step
//!   ├── replace: a draft, synced, renamed, its folder synced
//!   ├── AppendFile: whole records or none; distrusted after a failed sync
//!   └── ReadFile: thousands of files by some hundred descriptors
//! FaultyDisk: the same, with a power that can be cut
//! ```
//!
//! A name is durable only when its folder was synced after it came, changed or went. Nothing that is acknowledged may
//! rest on a name or on bytes that no sync has fixed.

mod append;
mod disk;
mod error;
pub mod faulty;
mod open_files;

pub use append::AppendFile;
pub use disk::{
    DRAFT, Disk, DiskFile, Faults, Operation, Verdict, draft_of, length, list, list_if_folder,
    open, open_if_present, read_at, read_if_present,
};
pub use error::{Error, Result};
pub use open_files::{OpenFiles, ReadFile};
