//! File descriptors: the soft limit is raised to what the system allows, and what segment files may take of it is fixed,
//! so that they never leave a connection without one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The share of the descriptors for segments that were read lately: a quarter. As many may be kept for readers of
/// removed ones; the other half is for connections, logs and audit.
const SHARE: u64 = 4;

/// With fewer a query over some shards would open each file again for every chunk.
const FEWEST: u64 = 16;

/// More than this are hardly read at once.
const MOST: u64 = 4_096;

/// Raises the soft limit of descriptors to the hard one.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// How many segment files may be open.
pub fn for_segments() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (limit / SHARE).clamp(FEWEST, MOST) as usize
}
