//! Parquet files (<https://parquet.apache.org/docs/file-format/>), written: a measurement of a bucket and an hour each.
//!
//! Slim on purpose: the crate `parquet` with what it needs costs this role some 60 s more to build than these 500 lines, for
//! a writer of which one shape of file is used. What is written is read by pyarrow and DuckDB in a test. The shape:
//!
//! - rows sorted by series, then by time; a column a tag, the time (nanoseconds, UTC), a column a field;
//! - tags and the time by the encodings that suit them (dictionary and runs, deltas), floats split by bytes, all in zstd;
//! - row groups of 100,000 rows, each with null counts, min and max of its columns.

mod encoding;
mod file;
mod rows;
mod thrift;

pub use self::file::{Column, Values, write};
pub use self::rows::Measurement;
