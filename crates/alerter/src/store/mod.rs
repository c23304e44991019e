//! What survives a crash: one redb file, one durable transaction a change.
//!
//! A transition, the alert it made, the message that tells of it, and that its delivery begins, are
//! committed before the request leaves; that it was delivered is committed before the next one. So
//! after kill -9 nothing that was said is said again, and what was not said yet still is. What was
//! begun and has no outcome is repeated to the letter (`pipeline::delivery`), with the key by which
//! receivers tell a repeat.

pub mod documents;
mod tables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::alerting::StoredLife;
use crate::event::Event;
use crate::labels::{ALERT_NAME, Labels};
use crate::pipeline::snapshot::Snapshot;
use crate::receivers::Posted;
use crate::rules::evaluator::Series;
use crate::rules::life::Life;
use crate::rules::watch::Watch;
pub use tables::Batch;
use tables::{
    ACKNOWLEDGEMENTS, ALERTS, EVENTS, LIVES, LOG, META, OUTBOX, POSTED, SILENCES, StoredSeries,
    WATCHES,
};

/// Version of the layout; a file of a newer one is refused.
const LAYOUT_VERSION: u64 = 1;
/// Events kept for `history` and for upload while the server is away.
pub const EVENTS_LIMIT: u64 = 100_000;

const KEY_VERSION: &str = "layout_version";
const KEY_UPLOADED: &str = "events_uploaded";
const KEY_NOTIFICATION: &str = "last_notification_id";

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store {path}: {reason}")]
    Open { path: String, reason: String },
    #[error("the store's layout is version {found}; this alerter knows version {LAYOUT_VERSION}")]
    Version { found: u64 },
    #[error("the store cannot be written: {0}")]
    Write(String),
    #[error("the store cannot be read: {0}")]
    Read(String),
}

#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// `None` while it cannot be opened again after a write that failed.
    database: RwLock<Option<Arc<Database>>>,
}

impl Store {
    /// Opens or makes the file. A file left behind by a crash is repaired.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let database = open(path)?;
        Ok(Store {
            path: path.to_owned(),
            database: RwLock::new(Some(Arc::new(database))),
        })
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let known = self.database.read().unwrap_or_else(PoisonError::into_inner);
        known
            .clone()
            .ok_or_else(|| StoreError::Read("it could not be opened again".to_owned()))
    }

    /// Opens the file anew. After a failed write redb refuses all others, even when there is
    /// space on the disk again.
    fn reopen(&self) -> Result<Arc<Database>, StoreError> {
        let mut known = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The file is locked as long as the old one is open.
        *known = None;
        let database = Arc::new(open(&self.path)?);
        *known = Some(Arc::clone(&database));
        Ok(database)
    }

    /// What the dispatcher knew.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            alerts: self.all(ALERTS)?,
            log: self.all(LOG)?,
            silences: self.all(SILENCES)?,
            acknowledgements: self.all(ACKNOWLEDGEMENTS)?,
            outbox: self.all(OUTBOX)?,
            last_notification_id: self.number(KEY_NOTIFICATION)?,
        })
    }

    /// The lives of all series.
    pub fn lives(&self) -> Result<Vec<StoredLife>, StoreError> {
        let stored: Vec<StoredSeries<String, Labels, Life>> = self.all(LIVES)?;
        let life = |found: StoredSeries<String, Labels, Life>| StoredLife {
            rule: found.rule,
            id: found.series,
            series: Series::new(
                Arc::new(
                    found
                        .tags
                        .unwrap_or_else(|| found.labels.clone().without(ALERT_NAME)),
                ),
                found.labels,
                found.life,
                found.source,
            ),
        };
        Ok(stored.into_iter().map(life).collect())
    }

    /// When each rule was looked at.
    pub fn watches(&self) -> Result<BTreeMap<String, Watch>, StoreError> {
        Ok(self.all(WATCHES)?.pop().unwrap_or_default())
    }

    /// The messages that can be edited in place.
    pub fn posted(&self) -> Result<Vec<Posted>, StoreError> {
        self.all(POSTED)
    }

    fn all<T: DeserializeOwned>(
        &self,
        table: TableDefinition<'_, &'static str, &'static [u8]>,
    ) -> Result<Vec<T>, StoreError> {
        let transaction = self.database()?.begin_read().map_err(read)?;
        let table = transaction.open_table(table).map_err(read)?;
        let mut values = Vec::new();
        for entry in table.iter().map_err(read)? {
            let (key, value) = entry.map_err(read)?;
            match serde_json::from_slice(value.value()) {
                Ok(value) => values.push(value),
                // One bad record must not cost the others.
                Err(error) => {
                    tracing::error!(key = key.value(), %error, "a record of the store is skipped")
                }
            }
        }
        Ok(values)
    }

    fn number(&self, key: &str) -> Result<u64, StoreError> {
        let transaction = self.database()?.begin_read().map_err(read)?;
        let table = transaction.open_table(META).map_err(read)?;
        Ok(table
            .get(key)
            .map_err(read)?
            .map_or(0, |value| value.value()))
    }

    /// Writes the batch in one durable transaction. What failed may be tried again: the file is
    /// opened anew.
    pub fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let database = self.database().or_else(|_| self.reopen())?;
        let written = commit(&database, batch);
        drop(database);
        if written.is_err()
            && let Err(error) = self.reopen()
        {
            tracing::warn!(%error, "the store could not be opened again yet");
        }
        written
    }

    /// Events that `alerts_history` does not have yet, oldest first, with their numbers.
    pub fn events_to_upload(&self, limit: usize) -> Result<Vec<(u64, Event)>, StoreError> {
        let uploaded = self.number(KEY_UPLOADED)?;
        let transaction = self.database()?.begin_read().map_err(read)?;
        let table = transaction.open_table(EVENTS).map_err(read)?;
        let range = table.range(uploaded + 1..).map_err(read)?;
        range
            .take(limit)
            .map(|entry| decode_event(entry.map_err(read)?))
            .collect()
    }

    /// Events up to this number are in `alerts_history`.
    pub fn mark_uploaded(&self, sequence: u64) -> Result<(), StoreError> {
        let transaction = self.database()?.begin_write().map_err(write)?;
        {
            let mut meta = transaction.open_table(META).map_err(write)?;
            meta.insert(KEY_UPLOADED, sequence).map_err(write)?;
        }
        transaction.commit().map_err(write)
    }

    /// The newest events that the filter takes, newest first.
    pub fn events(
        &self,
        limit: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Vec<(u64, Event)>, StoreError> {
        let transaction = self.database()?.begin_read().map_err(read)?;
        let table = transaction.open_table(EVENTS).map_err(read)?;
        let mut found = Vec::new();
        for entry in table.iter().map_err(read)?.rev() {
            let (sequence, event) = decode_event(entry.map_err(read)?)?;
            if wanted(&event) {
                found.push((sequence, event));
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

/// Opens or makes the file, with all tables.
fn open(path: &Path) -> Result<Database, StoreError> {
    let refuse = |reason: String| StoreError::Open {
        path: path.display().to_string(),
        reason,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| refuse(error.to_string()))?;
    }
    let keep_private = || keep_private(path).map_err(|error| refuse(error.to_string()));
    // Before anything is read of an old file, and for a new one under a mask of another program.
    keep_private()?;
    let database = Database::create(path).map_err(|error| refuse(error.to_string()))?;
    keep_private()?;
    prepare(&database)?;
    Ok(database)
}

/// Labels, comments and answers of receivers are for the alerter's own user: a new file is by the mask of
/// the process (`private_files::keep`), and one that others may read is closed to them.
#[cfg(unix)]
fn keep_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(not(unix))]
fn keep_private(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn prepare(database: &Database) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(write)?;
    {
        for table in [
            LIVES,
            ALERTS,
            LOG,
            SILENCES,
            ACKNOWLEDGEMENTS,
            OUTBOX,
            POSTED,
            WATCHES,
        ] {
            transaction.open_table(table).map_err(write)?;
        }
        transaction.open_table(EVENTS).map_err(write)?;
        let mut meta = transaction.open_table(META).map_err(write)?;
        let found = meta
            .get(KEY_VERSION)
            .map_err(read)?
            .map(|value| value.value());
        match found {
            None => drop(meta.insert(KEY_VERSION, LAYOUT_VERSION).map_err(write)?),
            Some(LAYOUT_VERSION) => {}
            Some(found) => return Err(StoreError::Version { found }),
        }
    }
    transaction.commit().map_err(write)
}

fn commit(database: &Database, batch: &Batch) -> Result<(), StoreError> {
    let mut transaction = database.begin_write().map_err(write)?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(write)?;
    for (definition, changes) in &batch.tables {
        let mut table = transaction.open_table(*definition).map_err(write)?;
        for (key, value) in changes {
            match value {
                Some(bytes) => drop(
                    table
                        .insert(key.as_str(), bytes.as_slice())
                        .map_err(write)?,
                ),
                None => drop(table.remove(key.as_str()).map_err(write)?),
            }
        }
    }
    if !batch.events.is_empty() {
        let mut table = transaction.open_table(EVENTS).map_err(write)?;
        let last = table
            .last()
            .map_err(read)?
            .map_or(0, |(key, _)| key.value());
        for (sequence, event) in (last + 1..).zip(&batch.events) {
            table
                .insert(sequence, encode(event).as_slice())
                .map_err(write)?;
        }
        let newest = last + batch.events.len() as u64;
        let oldest = newest.saturating_sub(EVENTS_LIMIT);
        if oldest > 0 {
            table.retain_in(..=oldest, |_, _| false).map_err(write)?;
        }
    }
    {
        let mut meta = transaction.open_table(META).map_err(write)?;
        meta.insert(KEY_NOTIFICATION, batch.last_notification_id)
            .map_err(write)?;
    }
    transaction.commit().map_err(write)
}

fn decode_event(
    (key, value): (redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &[u8]>),
) -> Result<(u64, Event), StoreError> {
    let event = serde_json::from_slice(value.value()).map_err(read)?;
    Ok((key.value(), event))
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("our records have text keys and no failing serializers")
}

fn write(error: impl std::fmt::Display) -> StoreError {
    StoreError::Write(error.to_string())
}

fn read(error: impl std::fmt::Display) -> StoreError {
    StoreError::Read(error.to_string())
}
