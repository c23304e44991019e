//! What segment files may take of the file descriptors, so that they never leave a connection without one.

/// The share of the descriptors for segments that were read lately: a quarter. As many may be kept for readers of
/// removed ones; the other half is for connections, logs and audit.
const SHARE: u64 = 4;

/// With fewer a query over some shards would open each file again for every chunk.
const FEWEST: u64 = 16;

/// More than this are hardly read at once.
const MOST: u64 = 4_096;

/// How many segment files may be open.
pub fn for_segments() -> usize {
    (watchpost_service::descriptors::limit() / SHARE).clamp(FEWEST, MOST) as usize
}
