//! The store: opening and closing a data folder, and what its parts share.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::time::Duration;

use watchpost_core::point::SeriesKey;

use crate::damage::{Damage, Lost};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::log::Log;
use crate::log::record::Event;
use crate::log::replay;
use crate::maintenance::salvage;
use crate::memory::bucket::{Bucket, Tombstone};
use crate::memory::shard::week_of;
use crate::options::Options;
use crate::segment::{Origin, Segment};
use crate::sync::{lock, read, wait_at_most, write};

/// A data folder, open. Share it with `Arc`; all methods may be called from many threads.
#[derive(Debug)]
pub struct Storage {
    layout: Layout,
    pub(crate) options: Options,
    pub(crate) log: Log,
    /// Held for reading while rows go to log and memory, for writing while a generation ends.
    pub(crate) gate: RwLock<()>,
    buckets: RwLock<BTreeMap<u64, Arc<Bucket>>>,
    /// One seal, merge or drop at a time.
    pub(crate) maintenance: Mutex<()>,
    pub(crate) documents_lock: Mutex<()>,
    /// Bytes of active rows over all buckets.
    pub(crate) active_bytes: AtomicUsize,
    /// When the oldest active row was written; `i64::MAX` if there is none.
    pub(crate) active_since: AtomicI64,
    work: Mutex<bool>,
    work_arrived: Condvar,
    damages: Mutex<Vec<Damage>>,
    _lock: File,
}

/// Damage reports kept in memory; a dying disk has more, and verify lists them all.
const MAX_DAMAGES: usize = 1_000;

impl Storage {
    /// Opens (or begins) a data folder: takes its lock, checks the layout's version, opens the
    /// segments and replays the log. Damage that was found and worked around is in
    /// [`Storage::damages`]. `now` is the time at which rows in the log count as written.
    pub fn open(dir: &Path, mut options: Options, now: i64) -> Result<Storage> {
        let layout = Layout::new(dir);
        options.disk = options.disk.with_open_files(options.max_open_segments);
        let disk = options.disk.clone();
        disk.create_folder(dir)?;
        layout.refuse_foreign()?;
        let folder_lock = layout.lock(&disk)?;
        let mut damages: Vec<Damage> = layout.settle_version(&disk)?.into_iter().collect();
        layout.sweep(&disk)?;
        disk.create_folder(&layout.log())?;
        disk.create_folder(&layout.data())?;
        let mut opening = Opening {
            layout: &layout,
            disk: &disk,
            buckets: BTreeMap::new(),
            damages: Vec::new(),
        };
        damages.extend(opening.open_segments()?);
        let mut failed = None;
        let found = replay::replay(&layout.log(), &layout.root, &mut |number, bucket, event| {
            if failed.is_none() {
                failed = opening.apply(number, bucket, event).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        opening.keep_damaged_logs(&found.damages)?;
        damages.extend(found.damages);
        damages.append(&mut opening.damages);
        let buckets = opening.buckets;
        let newest = buckets.values().flat_map(|bucket| {
            let state = read(&bucket.state);
            state
                .segments
                .iter()
                .map(|segment| segment.origin.last_generation)
                .collect::<Vec<_>>()
        });
        let number = newest.max().unwrap_or(0).max(found.last_number) + 1;
        let log = Log::new(disk, layout.log(), number, found.next_sequence, found.bytes);
        let active: usize = buckets
            .values()
            .map(|bucket| read(&bucket.state).active.bytes)
            .sum();
        Ok(Storage {
            layout,
            options,
            log,
            gate: RwLock::new(()),
            buckets: RwLock::new(buckets),
            maintenance: Mutex::new(()),
            documents_lock: Mutex::new(()),
            active_bytes: AtomicUsize::new(active),
            active_since: AtomicI64::new(if active > 0 { now } else { i64::MAX }),
            work: Mutex::new(false),
            work_arrived: Condvar::new(),
            damages: Mutex::new(damages),
            _lock: folder_lock,
        })
    }

    /// Seals what is in memory, so that the next opening has no log to replay.
    pub fn close(self) -> Result<()> {
        self.seal().map(|_| ())
    }

    /// Waits until [`Storage::maintain`] has something to do, at most so long.
    pub fn wait_for_work(&self, at_most: Duration) {
        let mut work = lock(&self.work);
        if !*work {
            work = wait_at_most(&self.work_arrived, work, at_most);
        }
        *work = false;
    }

    /// Wakes whoever waits for work.
    pub(crate) fn announce_work(&self) {
        *lock(&self.work) = true;
        self.work_arrived.notify_all();
    }

    /// Damage met since the store was opened, the opening included.
    pub fn damages(&self) -> Vec<Damage> {
        lock(&self.damages).clone()
    }

    /// Remembers damage.
    pub(crate) fn report(&self, damage: Damage) {
        let mut damages = lock(&self.damages);
        if damages.len() < MAX_DAMAGES && !damages.contains(&damage) {
            damages.push(damage);
        }
    }

    /// Remembers the damage in an error.
    pub(crate) fn report_error(&self, error: &Error) {
        if let Error::Damaged(damage) = error {
            self.report(damage.as_ref().clone());
        }
    }

    /// How long the bucket keeps rows, in nanoseconds; `None` for ever. Not kept on disk: say it
    /// again after each opening.
    pub fn set_retention(&self, bucket: u64, retention: Option<i64>) {
        self.bucket_or_new(bucket).set_retention(retention);
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.options.disk
    }

    pub(crate) fn bucket(&self, id: u64) -> Option<Arc<Bucket>> {
        read(&self.buckets).get(&id).cloned()
    }

    pub(crate) fn bucket_or_new(&self, id: u64) -> Arc<Bucket> {
        if let Some(bucket) = self.bucket(id) {
            return bucket;
        }
        write(&self.buckets)
            .entry(id)
            .or_insert_with(|| Arc::new(Bucket::new(id)))
            .clone()
    }

    /// Forgets a dropped bucket, unless another of its id has come to be meanwhile.
    pub(crate) fn forget_bucket(&self, dropped: &Arc<Bucket>) {
        let mut buckets = write(&self.buckets);
        if buckets
            .get(&dropped.id)
            .is_some_and(|bucket| Arc::ptr_eq(bucket, dropped))
        {
            buckets.remove(&dropped.id);
        }
    }

    pub(crate) fn all_buckets(&self) -> Vec<Arc<Bucket>> {
        read(&self.buckets).values().cloned().collect()
    }

    /// Counts the bytes of active rows anew, after some of them went.
    pub(crate) fn recount_active(&self) {
        let bytes = self
            .all_buckets()
            .iter()
            .map(|bucket| read(&bucket.state).active.bytes)
            .sum();
        self.active_bytes.store(bytes, Ordering::Relaxed);
    }
}

/// A store being opened.
struct Opening<'a> {
    layout: &'a Layout,
    disk: &'a Disk,
    buckets: BTreeMap<u64, Arc<Bucket>>,
    damages: Vec<Damage>,
}

impl Opening<'_> {
    fn bucket(&mut self, id: u64) -> Arc<Bucket> {
        self.buckets
            .entry(id)
            .or_insert_with(|| Arc::new(Bucket::new(id)))
            .clone()
    }

    /// Opens every segment, one after the other, so that of their indexes only what the store keeps is in memory. One
    /// whose index is damaged is rebuilt from its blocks.
    fn open_segments(&mut self) -> Result<Vec<Damage>> {
        let mut damages = Vec::new();
        let mut opened: BTreeMap<_, Vec<Origin>> = BTreeMap::new();
        for path in widest_first(self.layout.segment_files()?) {
            let segment = match Segment::open(self.disk, &path, &self.layout.root) {
                Ok(segment) => Some(segment),
                Err(Error::Damaged(damage)) => {
                    let (rebuilt, found) =
                        salvage::rebuild(self.layout, self.disk, &path, *damage)?;
                    damages.extend(found);
                    rebuilt
                }
                Err(error) => return Err(error),
            };
            let Some(segment) = segment else { continue };
            let own = segment.origin;
            let of_shard = opened
                .entry((own.bucket, own.shard.start, own.shard.stop))
                .or_default();
            if of_shard.iter().any(|other| other.contains(&own)) {
                // The input of a merge that was not cleaned up.
                self.disk.remove(&segment.path)?;
                continue;
            }
            of_shard.push(own);
            self.add(segment);
        }
        Ok(damages)
    }

    fn add(&mut self, mut segment: Segment) {
        let bucket = self.bucket(segment.origin.bucket);
        let mut state = write(&bucket.state);
        segment.intern(&mut |key: &Arc<SeriesKey>| {
            let id = state.index.add_series(key);
            state.index.key_of(id).unwrap_or(key).clone()
        });
        let week = week_of(segment.origin.shard.start);
        for (measurement, fields) in &segment.index.schema {
            for (name, kind) in fields {
                // Another type of the week is that of rows which were deleted before the field came again.
                if state
                    .index
                    .other_type(measurement, name, *kind, week)
                    .is_none()
                {
                    state.index.add_field(measurement, name, *kind, week);
                }
            }
        }
        state.add_segment(Arc::new(segment));
    }

    /// Does again what a record of the log says.
    fn apply(&mut self, number: u64, id: u64, event: Event) -> Result<()> {
        let bucket = self.bucket(id);
        let mut state = write(&bucket.state);
        match event {
            Event::Write(batch) => {
                // The log of a generation that is sealed outlived its seal: what is in conflict was deleted before the
                // field came again with another type.
                let newest = state.segments.last();
                let is_sealed =
                    newest.is_some_and(|segment| segment.origin.last_generation >= number);
                let conflicts = state.replay_batch(*batch);
                if conflicts > 0 && !is_sealed {
                    self.damages.push(conflict_damage(number, id, conflicts));
                }
            }
            Event::Delete(deletion) => state.apply_deletion(Tombstone {
                generation: number,
                deletion,
            }),
            Event::DropBucket => {
                let (old, kept) = std::mem::take(&mut state.segments)
                    .into_iter()
                    .partition(|segment: &Arc<Segment>| segment.origin.last_generation < number);
                let removed: Vec<Arc<Segment>> = old;
                state.segments = kept;
                state.active = crate::memory::hot::Hot::default();
                state.tombstones.clear();
                for segment in removed {
                    self.disk.remove(&segment.path)?;
                }
                state.prune_index();
            }
        }
        Ok(())
    }

    fn keep_damaged_logs(&self, damages: &[Damage]) -> Result<()> {
        for damage in damages {
            let path = self.layout.root.join(&damage.file);
            if path.exists() {
                self.layout.keep_original(self.disk, &path)?;
            }
        }
        Ok(())
    }
}

/// Rows of the log that the rest of the store contradicts.
fn conflict_damage(number: u64, bucket: u64, rows: usize) -> Damage {
    Damage {
        file: crate::log::path_of(Path::new("log"), number),
        offset: 0,
        bytes: 0,
        reason: "rows have another type than their field".to_owned(),
        lost: Lost {
            bucket: Some(bucket),
            rows: Some(rows as u64),
            ..Lost::default()
        },
    }
}

/// Files of segments, of each shard those of the most generations first: what a merge made comes before what it was made
/// from.
fn widest_first(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_by_cached_key(|path| {
        let origin = Origin::from_name(path)?;
        let generations = origin
            .last_generation
            .saturating_sub(origin.first_generation);
        let shard = (origin.bucket, origin.shard.start, origin.shard.stop);
        Some((shard, Reverse(generations), origin.first_generation))
    });
    paths
}
