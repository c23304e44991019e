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
//! # What it promises
//!
//! - A write that returned is durable: its record was appended to the log and synced. After a kill
//!   at any moment every acknowledged value is there, with its last value, and no other.
//! - Of values with the same series, field and time the last written wins.
//! - A field has one type in a measurement and a week (from Monday 00:00 UTC), the shard in which InfluxDB finds
//!   conflicts; of several types in the range of a read, the earliest rows tell which is shown.
//! - Every byte on disk is under a checksum. A broken one is found when it is read, or by
//!   [`Storage::verify`], and reported as exactly the rows that it held; the rest stays readable,
//!   and [`Storage::repair`] goes on without it.
//! - A full disk refuses writes ([`Error::DiskFull`]); reads go on, and writing resumes.
//!
//! # Why files of our own, with pco inside
//!
//! Columns are compressed by pco. Around them fjall 3 was tried first, for the log and for the
//! chunks, and measured:
//!
//! - Its journal is preallocated to 64 MB, seven times the two hours of 200 hosts that this store
//!   keeps in 9 MB, and opening replays it in 0.2 to 0.3 s; the log here takes 0.03 s.
//! - A flipped byte in the journal went unnoticed in one place of three, and five of eight
//!   acknowledged batches with it.
//! - A flipped byte elsewhere mostly closes the whole database: 4 of 10 places of a table with
//!   4,000 chunks, 9 of 10 of the current version file, 23 of 24 of the table that names the
//!   keyspaces. Nothing in its interface opens the rest.
//!
//! Immutable segments and a log that is read strictly need neither keys nor compaction of keys,
//! and lose one chunk where a database would be lost.
//!
//! Where to find what: [`batch`] lines to columns · `ingest` the way of a write · `log` the log and its replay ·
//! `segment` the files of sealed rows · `memory` a bucket, its index and unsealed rows · `read` scans and aggregates ·
//! `maintenance` seals, merges, deletes, retention, backups, verification · [`stats`], `document` operation ·
//! `layout`, [`disk`] the folder and the way to files. `FORMAT.md` has every file, byte by byte.

pub mod batch;
pub mod column;
pub mod damage;
mod document;
pub mod error;
mod ingest;
mod layout;
mod log;
mod maintenance;
mod memory;
pub mod options;
pub mod predicate;
pub mod range;
mod read;
pub mod request;
mod segment;
pub mod stats;
mod store;
mod sync;
pub mod window;

pub use batch::Batch;
pub use column::Column;
pub use damage::Damage;
pub use error::{Error, Result};
pub use ingest::Unsynced;
pub use log::follow::{LogPiece, LogPlace};
pub use maintenance::snapshot::{SegmentFile, Snapshot};
pub use options::Options;
pub use predicate::Predicate;
pub use range::TimeRange;
pub use read::aggregate::AggregateScan;
pub use read::scan::Scan;
pub use request::{
    Aggregate, AggregateBatch, BeyondRetention, DaysOf, DroppedShard, MaintenanceReport, Rejection,
    RejectionReason, ScanRequest, SeriesBatch, WriteOutcome,
};
pub use stats::{BucketStats, MeasurementStats, StorageStats, TagStats, VerifyReport};
pub use store::Storage;
pub use window::Windowing;

/// How columns become chunks.
pub use segment::codec;
/// The way to files.
pub use watchpost_durable as disk;
