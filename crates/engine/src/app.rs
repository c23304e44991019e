//! The server's parts, together: what every operation gets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use watchpost_service::egress::Egress;
use watchpost_storage::disk::Disk;
use watchpost_storage::{Options, Storage};

use crate::api::bodies::Bodies;
use crate::api::error::{ApiError, Code, UNAVAILABLE_SECONDS};
use crate::api::places::Places;
use crate::audit::Audit;
use crate::auth::checks::PasswordChecks;
use crate::auth::session::Sessions;
use crate::clock::Clock;
use crate::clock_jump::ClockWatch;
use crate::descriptors;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::meta::{Id, JournalError, MetaStore, RESTORING};
use crate::metrics::Metrics;
use crate::query::Queries;
use crate::tasks::Tasks;

/// Where the points are, in the data folder.
pub const STORAGE_FOLDER: &str = "data";

/// What the server is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data folder; made if it is not there.
    pub data_dir: PathBuf,
    /// The limits.
    pub limits: Limits,
    /// Whether runs that were missed while the server was down are made up for.
    pub catch_up: bool,
    /// The way to the files of points; tests put faults in.
    pub disk: Disk,
    /// The hosts that queries may send requests to.
    pub egress: Egress,
    /// Whether it is reached by HTTPS: cookies are for that alone then.
    pub is_https: bool,
}

/// The server.
#[derive(Debug)]
pub struct App {
    /// Organizations, buckets, tokens, tasks.
    pub meta: MetaStore,
    /// The points.
    pub storage: Arc<Storage>,
    /// The limits.
    pub limits: Limits,
    /// What the process has allocated, against its limit.
    pub memory: Memory,
    /// The hosts that queries may send requests to.
    pub egress: Egress,
    /// Whether it is reached by HTTPS.
    pub is_https: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether it was set.
    pub clock_watch: ClockWatch,
    /// Who did what.
    pub audit: Audit,
    /// Users who signed in.
    pub sessions: Sessions,
    /// Turns to check passwords.
    pub passwords: PasswordChecks,
    /// Bodies of requests that are in memory.
    pub bodies: Arc<Bodies>,
    /// Turns of requests that are neither writes nor queries.
    pub places: Places,
    /// Queries that run or wait.
    pub queries: Queries,
    /// Runs of tasks.
    pub tasks: Tasks,
    /// The server's own metrics.
    pub metrics: Metrics,
    /// Turns to write.
    pub write_turns: Arc<Semaphore>,
    /// The turn of a backup or check, which read everything.
    pub operation_turn: Arc<Semaphore>,
    /// When the server started, nanoseconds since 1970.
    pub started: i64,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The points.
    #[error(transparent)]
    Storage(#[from] watchpost_storage::Error),
    /// The management state.
    #[error(transparent)]
    Meta(#[from] JournalError),
    /// The folder itself, or a log in it.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl App {
    /// Opens or makes a data folder.
    ///
    /// # Errors
    /// Another process has it, it is damaged, of another layout, or cannot be written.
    pub fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let folder = &settings.data_dir;
        let io_error = |source| OpenError::Io {
            path: folder.clone(),
            source,
        };
        make_private_folder(folder).map_err(io_error)?;
        refuse_unfinished_restore(folder)?;
        let now = clock.now();
        let options = Options {
            disk: settings.disk.clone(),
            ..storage_options(&settings.limits)
        };
        let storage = Storage::open(&folder.join(STORAGE_FOLDER), options, now)?;
        for damage in storage.damages() {
            tracing::error!(%damage, "damage was found; run the command `verify`");
        }
        let meta = match storage.holds_rows() {
            true => {
                let points = folder.join(STORAGE_FOLDER);
                MetaStore::open_beside_points(&settings.disk, folder, &points)?
            }
            false => MetaStore::open(&settings.disk, folder)?,
        };
        let memory = Memory::limited_to(settings.limits.max_memory_bytes);
        let app = Self {
            storage: Arc::new(storage),
            audit: Audit::open(folder).map_err(io_error)?,
            tasks: Tasks::new(settings.catch_up),
            queries: Queries::new(&settings.limits),
            metrics: Metrics::new(),
            sessions: Sessions::default(),
            passwords: PasswordChecks::default(),
            places: Places::default(),
            write_turns: Arc::new(Semaphore::new(settings.limits.max_concurrent_writes)),
            operation_turn: Arc::new(Semaphore::new(1)),
            clock_watch: ClockWatch::default(),
            bodies: Arc::new(Bodies::within(memory.limit())),
            memory,
            limits: settings.limits.clone(),
            egress: settings.egress.clone(),
            is_https: settings.is_https,
            started: now,
            meta,
            clock,
        };
        for bucket in app.meta.read().buckets.values() {
            app.storage
                .set_retention(bucket.id.number(), nanoseconds(bucket.retention_seconds));
        }
        app.storage.hide_expired(now);
        app.set_orphans_aside();
        Ok(app)
    }

    /// Opens the points of a data folder.
    ///
    /// # Errors
    /// As [`Storage::open`].
    pub fn open_storage(
        disk: &Disk,
        folder: &Path,
        limits: &Limits,
        now: i64,
    ) -> Result<Storage, watchpost_storage::Error> {
        let options = Options {
            disk: disk.clone(),
            ..storage_options(limits)
        };
        Storage::open(&folder.join(STORAGE_FOLDER), options, now)
    }

    /// Tells storage how long each bucket keeps its points.
    ///
    /// # Errors
    /// None; the signature leaves room for a storage that keeps it on disk.
    pub fn apply_retention(&self) -> Result<(), ApiError> {
        for bucket in self.meta.read().buckets.values() {
            self.storage
                .set_retention(bucket.id.number(), nanoseconds(bucket.retention_seconds));
        }
        self.storage.hide_expired(self.clock.now());
        Ok(())
    }

    /// Drops a bucket's points.
    ///
    /// # Errors
    /// The disk refused; they are dropped when the server starts again.
    pub fn drop_bucket(&self, id: Id) -> Result<(), ApiError> {
        Ok(self.storage.drop_bucket(id.number())?)
    }

    /// Drops the points of buckets whose deletion a crash cut in half. Points of which the management state says nothing
    /// are set aside: the state may have been cut off, or be that of another folder.
    fn set_orphans_aside(&self) {
        let state = self.meta.read();
        for bucket in self.storage.bucket_ids() {
            if state.buckets.keys().any(|id| id.number() == bucket) {
                continue;
            }
            if self.meta.says_deleted(bucket) {
                match self.storage.drop_bucket(bucket) {
                    Ok(()) => tracing::info!(bucket, "dropped the points of a deleted bucket"),
                    Err(error) => {
                        tracing::error!(%error, bucket, "a deleted bucket could not be dropped");
                    }
                }
                continue;
            }
            match self.storage.set_aside(bucket) {
                Ok(None) => {}
                Ok(Some(folder)) => tracing::error!(
                    folder = %folder.display(),
                    "points of a bucket that the management state does not know were set aside; restore meta.journal \
                     and move the folder back to data/data, or remove it"
                ),
                Err(error) => {
                    tracing::error!(%error, bucket, "points of an unknown bucket could not be set aside");
                }
            }
        }
    }

    /// One round of storage's background work: seal, merge, drop what is too old.
    pub fn maintain(&self) {
        let now = self.clock.now();
        if let Err(error) = self.storage.maintain(now) {
            tracing::error!(%error, "storage could not be maintained");
        }
        if !self.clock_watch.may_drop(self.clock.as_ref()) {
            self.storage.hide_expired(now);
            return;
        }
        match self.storage.enforce_retention(now) {
            Ok(dropped) => {
                for shard in dropped {
                    tracing::info!(
                        bucket = shard.bucket,
                        bytes = shard.bytes,
                        "dropped a shard beyond its retention"
                    );
                }
            }
            Err(error) => tracing::error!(%error, "old shards could not be dropped"),
        }
    }

    /// Waits until there is background work, at most for so long.
    pub fn wait_for_work(&self, at_most: Duration) {
        self.storage.wait_for_work(at_most);
    }
}

fn storage_options(limits: &Limits) -> Options {
    Options {
        max_series_per_bucket: limits.max_series_per_bucket,
        max_fields_per_bucket: limits.max_fields_per_bucket,
        max_days_per_bucket: limits.max_days_per_bucket,
        max_future: match limits.max_future_days {
            0 => None,
            days => Some(
                days.saturating_mul(24 * 3_600)
                    .saturating_mul(1_000_000_000),
            ),
        },
        max_open_segments: descriptors::for_segments(),
        ..Options::default()
    }
}

fn nanoseconds(seconds: i64) -> Option<i64> {
    (seconds > 0).then(|| seconds.saturating_mul(1_000_000_000))
}

/// Before anything is made in the folder, so that the restore can be run again.
fn refuse_unfinished_restore(folder: &Path) -> Result<(), JournalError> {
    let path = folder.join(RESTORING);
    match path.exists() {
        true => Err(JournalError::Unfinished { path }),
        false => Ok(()),
    }
}

fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

impl From<watchpost_storage::Error> for ApiError {
    fn from(error: watchpost_storage::Error) -> Self {
        use watchpost_storage::Error;
        tracing::error!(%error, "storage refused");
        match &error {
            Error::DiskFull { .. } => {
                Self::new(Code::Unavailable, error.to_string()).retry_after(UNAVAILABLE_SECONDS)
            }
            Error::BatchTooLarge { .. } => Self::new(Code::TooLarge, error.to_string()),
            Error::UnsupportedPredicate { .. } => Self::invalid(error.to_string()),
            _ => Self::new(Code::Internal, error.to_string()),
        }
    }
}
