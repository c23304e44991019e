//! The log: every change, appended and synced before it is acknowledged, and its way back after a crash.

pub(crate) mod follow;
pub(crate) mod mark;
pub(crate) mod record;
pub(crate) mod replay;
mod writer;

pub(crate) use writer::{
    FILE_HEAD, FILE_MAGIC, Log, MARKER, RECORD_HEAD, TITLE, UNMARKED_MAGIC, files, mark_of,
    path_of, read_head,
};
