//! Reading: the rows of series from blocks and memory, in columns, by field and by window.

pub(crate) mod aggregate;
pub(crate) mod block_cache;
mod cluster;
pub(crate) mod latest;
pub(crate) mod reader;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod wave;
