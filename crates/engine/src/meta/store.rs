//! The management state on disk: read from memory, changed through the journal.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use watchpost_durable::Disk;

use crate::meta::journal::{self, Change, Journal, JournalError};
use crate::meta::{AscendingIds, Id, Kind, Record, State};

/// The state and its journal.
#[derive(Debug)]
pub struct MetaStore {
    state: RwLock<State>,
    journal: Mutex<Journal>,
    ids: AscendingIds,
    /// Buckets of which the journal says that they were deleted.
    deleted_buckets: BTreeSet<u64>,
}

/// The file of the journal in a data folder.
pub const JOURNAL: &str = "meta.journal";

/// The folder of a restore that goes on; see [`crate::operations::backup`].
pub const RESTORING: &str = "restoring";

/// The changes that a request makes: all of them happen, or none.
#[derive(Debug, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// Puts a record in place of the one with its id.
    pub fn put(&mut self, record: impl Into<Record>) {
        self.0.push(Change::Put(record.into()));
    }

    /// Removes a record.
    pub fn delete(&mut self, kind: Kind, id: Id) {
        self.0.push(Change::Delete(kind, id));
    }
}

impl MetaStore {
    /// Opens or makes the state in a folder.
    ///
    /// # Errors
    /// The folder cannot be used, or the journal is damaged or of another version.
    pub fn open(disk: &Disk, folder: &Path) -> Result<Self, JournalError> {
        let unfinished = folder.join(RESTORING);
        if unfinished.exists() {
            return Err(JournalError::Unfinished { path: unfinished });
        }
        let (journal, changes) = Journal::open(disk, &folder.join(JOURNAL))?;
        let mut state = State::default();
        let mut deleted_buckets = BTreeSet::new();
        for change in changes {
            match &change {
                Change::Delete(Kind::Bucket, id) => deleted_buckets.insert(id.number()),
                Change::Put(Record::Bucket(bucket)) => deleted_buckets.remove(&bucket.id.number()),
                _ => false,
            };
            apply(&mut state, change);
        }
        let ids = AscendingIds::after(state.highest_ascending_id());
        Ok(Self {
            state: RwLock::new(state),
            journal: Mutex::new(journal),
            ids,
            deleted_buckets,
        })
    }

    /// Opens the state of a folder that holds points: without it they would belong to nobody, and whoever comes first
    /// could set the server up.
    ///
    /// # Errors
    /// As [`MetaStore::open`]; [`JournalError::Missing`] if there is no journal, or one without any record.
    pub fn open_beside_points(
        disk: &Disk,
        folder: &Path,
        points: &Path,
    ) -> Result<Self, JournalError> {
        let missing = || JournalError::Missing {
            path: folder.join(JOURNAL),
            points: points.to_owned(),
        };
        if !folder.join(RESTORING).exists() && !Journal::is_there(&folder.join(JOURNAL)) {
            return Err(missing());
        }
        let store = Self::open(disk, folder)?;
        let is_empty = store.read().all().is_empty();
        if is_empty { Err(missing()) } else { Ok(store) }
    }

    /// Whether the journal says that a bucket was deleted.
    pub fn says_deleted(&self, bucket: u64) -> bool {
        self.deleted_buckets.contains(&bucket)
    }

    /// The state as it is now. Hold it briefly: changes wait for it.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next ascending id.
    pub fn next_id(&self, now: i64) -> Id {
        self.ids.next(now)
    }

    /// Decides on changes, seeing the state as it is, and makes them. Two such decisions never overlap. When it returns,
    /// the changes are on disk; if `decide` or the disk refuses, nothing was changed.
    ///
    /// # Errors
    /// What `decide` said, or the disk's refusal.
    pub fn update<T, E>(
        &self,
        decide: impl FnOnce(&State, &mut Changes) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<io::Error>,
    {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::default();
        let answer = decide(&self.read(), &mut changes)?;
        if changes.0.is_empty() {
            return Ok(answer);
        }
        if journal.is_distrusted() {
            journal.compact(&self.read().all())?;
        }
        journal.append(&changes.0)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes.0 {
            apply(&mut state, change);
        }
        if journal.wants_compaction(0) {
            let records = state.all();
            let live = journal::snapshot(&records)?.len() as u64;
            if journal.wants_compaction(live)
                && let Err(error) = journal.compact(&records)
            {
                // The change itself is on disk; the next one tries again.
                tracing::warn!(%error, "the management journal could not be rewritten");
            }
        }
        Ok(answer)
    }

    /// The whole state as a journal file's content, for a backup.
    ///
    /// # Errors
    /// A record cannot be written as JSON.
    pub fn snapshot(&self) -> io::Result<Vec<u8>> {
        journal::snapshot(&self.read().all())
    }
}

fn apply(state: &mut State, change: Change) {
    match change {
        Change::Put(record) => state.put(record),
        Change::Delete(kind, id) => state.remove(kind, id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::Organization;

    fn organization(name: &str) -> Organization {
        Organization {
            id: Id::random(),
            name: name.to_owned(),
            description: String::new(),
            created_at: 0,
            updated_at: 0,
        }
    }

    fn add(store: &MetaStore, name: &str) -> Id {
        let record = organization(name);
        let id = record.id;
        let added: io::Result<()> = store.update(|_, changes| {
            changes.put(record);
            Ok(())
        });
        added.expect("written");
        id
    }

    fn names(store: &MetaStore) -> Vec<String> {
        let mut names: Vec<_> = store
            .read()
            .organizations
            .values()
            .map(|found| found.name.clone())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn changes_are_there_after_opening_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
        let gone = add(&store, "a");
        add(&store, "b");
        let deleted: io::Result<()> = store.update(|_, changes| {
            changes.delete(Kind::Organization, gone);
            Ok(())
        });
        deleted.expect("written");
        drop(store);
        assert_eq!(
            names(&MetaStore::open(&Disk::default(), folder.path()).expect("opens")),
            ["b"]
        );
    }

    #[test]
    fn a_refused_decision_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
        let refused: io::Result<()> = store.update(|_, changes| {
            changes.put(organization("a"));
            Err(io::Error::other("no"))
        });
        assert!(refused.is_err());
        assert!(names(&store).is_empty());
    }

    #[test]
    fn an_unfinished_line_is_cut_off_wherever_it_was_broken() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("meta.journal");
        let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
        add(&store, "a");
        let whole = std::fs::read(&path).expect("reads").len();
        add(&store, "b");
        drop(store);
        let content = std::fs::read(&path).expect("reads");
        // A line that lacks only its newline is whole.
        for length in whole..content.len() - 1 {
            std::fs::write(&path, &content[..length]).expect("writes");
            let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
            assert_eq!(names(&store), ["a"], "cut at byte {length}");
        }
    }

    #[test]
    fn a_flipped_last_newline_costs_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("meta.journal");
        let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
        add(&store, "a");
        add(&store, "b");
        drop(store);
        let content = std::fs::read(&path).expect("reads");
        for bit in 0..8 {
            let mut damaged = content.clone();
            damaged[content.len() - 1] ^= 1 << bit;
            std::fs::write(&path, &damaged).expect("writes");
            let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
            assert_eq!(names(&store), ["a", "b"], "bit {bit}");
            assert_eq!(std::fs::read(&path).expect("reads"), content, "bit {bit}");
        }
    }

    #[test]
    fn a_flipped_byte_anywhere_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("meta.journal");
        add(
            &MetaStore::open(&Disk::default(), folder.path()).expect("opens"),
            "a",
        );
        let content = std::fs::read(&path).expect("reads");
        for position in 0..content.len() - 1 {
            let mut damaged = content.clone();
            damaged[position] ^= 1;
            std::fs::write(&path, &damaged).expect("writes");
            let opened = MetaStore::open(&Disk::default(), folder.path());
            assert!(opened.is_err(), "byte {position} was flipped");
            assert_eq!(
                std::fs::read(&path).expect("reads"),
                damaged,
                "a damaged file is left as it is"
            );
        }
    }

    #[test]
    fn a_long_history_is_rewritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("meta.journal");
        let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
        let mut record = organization("a");
        for turn in 0..40 {
            record.description = format!("{turn}{}", "x".repeat(50_000));
            let changed: io::Result<()> = store.update(|_, changes| {
                changes.put(record.clone());
                Ok(())
            });
            changed.expect("written");
        }
        assert!(std::fs::metadata(&path).expect("is there").len() < 2 << 20);
        drop(store);
        let store = MetaStore::open(&Disk::default(), folder.path()).expect("opens");
        assert!(
            store
                .read()
                .organization_by_name("a")
                .expect("is there")
                .description
                .starts_with("39x")
        );
    }
}
