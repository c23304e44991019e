//! What a bucket has in memory: its index, unsealed rows, segments, and the place of each in time.

pub(crate) mod bucket;
pub(crate) mod hot;
pub(crate) mod index;
pub(crate) mod resolve;
pub(crate) mod shard;
