//! The store: columns on disk, durable before a write is answered.
//!
//! ```text
//! write ─► Batch ─► log (one fsync for many) ─► hot rows ──seal──► segment files ──merge──► fewer, larger ones
//! scan  ◄─ runs, later ones win ◄── hot rows + blocks of segments (only those of the series and times asked for)
//! ```
//!
//! Pure of HTTP and Flux; `now` is an argument. All methods of [`Storage`] take `&self` and may be
//! called from many threads; they block (writes wait for the disk).

pub mod batch;
pub mod column;
pub mod damage;
pub mod disk;
mod encoding;
pub mod error;
pub mod options;
pub mod predicate;
pub mod range;
pub mod request;
pub mod stats;
mod store;
pub mod window;

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
pub use stats::{BucketStats, MeasurementStats, StorageStats, TagStats, VerifyReport};
pub use store::{AggregateScan, Scan, Storage};
pub use window::Windowing;
