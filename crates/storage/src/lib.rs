//! The store: columns on disk, durable before a write is answered.
//!
//! ```text
//! write ─► Batch ─► log (one sync for many) ─► hot rows ──seal──► segments ──merge──► fewer, larger ones
//! scan  ◄── runs, later ones win ◄── hot rows + the blocks of segments that the series and times need
//! ```
//!
//! Pure of HTTP and Flux; the time `now` is an argument. All methods of [`Storage`] take `&self`,
//! may be called from many threads, and block (a write waits for the disk).
//!
//! Where to find what: [`batch`] lines to columns · `ingest` the way of a write · `log`, `record`,
//! `replay` the log · `hot` unsealed rows · `index` series, tags, fields · `codec`, `block`,
//! `segment` the files · `shard`, `seal`, `merge`, `delete`, `retention` what happens to them ·
//! `reader`, `run`, `scan`, `aggregate`, `latest`, `schema` reading · `verify`, `salvage`,
//! `backup`, [`stats`], `document` operation · `layout`, [`disk`] the folder and the way to files.

mod aggregate;
mod backup;
pub mod batch;
mod block;
mod bucket;
pub mod codec;
pub mod column;
pub mod damage;
mod delete;
pub mod disk;
mod document;
mod encoding;
pub mod error;
mod hot;
mod index;
mod ingest;
mod latest;
mod layout;
mod log;
mod merge;
pub mod options;
pub mod predicate;
pub mod range;
mod reader;
mod record;
mod replay;
pub mod request;
mod retention;
mod run;
mod salvage;
mod scan;
mod schema;
mod seal;
mod segment;
mod shard;
pub mod stats;
mod store;
mod sync;
mod verify;
pub mod window;

pub use aggregate::AggregateScan;
pub use batch::Batch;
pub use column::Column;
pub use damage::Damage;
pub use error::{Error, Result};
pub use options::Options;
pub use predicate::Predicate;
pub use range::TimeRange;
pub use request::{
    Aggregate, AggregateBatch, BeyondRetention, DroppedShard, MaintenanceReport, Rejection,
    RejectionReason, ScanRequest, SeriesBatch, WriteOutcome,
};
pub use scan::Scan;
pub use stats::{BucketStats, MeasurementStats, StorageStats, TagStats, VerifyReport};
pub use store::Storage;
pub use window::Windowing;
