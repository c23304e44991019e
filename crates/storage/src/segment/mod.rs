//! Segment files and what is in them: blocks of columns, each under a checksum.

pub(crate) mod block;
pub mod codec;
pub(crate) mod cut;
pub(crate) mod encoding;
mod file;
mod numbers;
pub(crate) mod writer;

pub(crate) use file::{
    BlockPlace, EXTENSION, HEAD, Origin, Segment, SegmentIndex, SegmentSeries, TRAILER,
    TRAILER_MAGIC, bucket_folder, decode_index, encode_index, index_place,
};
