//! What is collected and not yet written: fresh data in memory, the backlog in a queue on disk.
//!
//! Life of a batch: it enters memory and normally leaves it within the second, written. What is not written
//! after `sync_interval` is appended to the disk queue as well, so that no way of dying loses more than
//! that. After a failed write the memory copy goes, the disk copy is the backlog. Without a disk (none
//! configured, or full) memory holds what it can. Whatever overflows goes oldest first, counted.

mod disk_queue;
mod overflow;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use disk_queue::{DiskQueue, OpenError, RecordId};
pub use overflow::{Dropped, Overflow};

use crate::batch::Batch;

/// Sizes and times of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of line protocol in memory.
    pub memory: usize,
    /// Bytes of the queue on disk, compressed.
    pub disk: u64,
    /// Age at which unwritten data goes to disk.
    pub sync_interval: Duration,
    /// File for what overflows.
    pub overflow_log: Option<PathBuf>,
}

/// How much a buffer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Lines in memory that are not on disk.
    pub memory_lines: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Lines on disk.
    pub disk_lines: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

/// A batch in memory.
#[derive(Clone, Debug)]
struct Entry {
    batch: Arc<Batch>,
    /// When it came, since the start of the process.
    arrived: Duration,
    /// Its copy on disk.
    record: Option<RecordId>,
}

/// What a writer took to write. Hand it back by [`Buffer::written`] or [`Buffer::failed`].
#[derive(Debug)]
pub struct Delivery {
    /// The lines.
    pub batch: Arc<Batch>,
    entries: Vec<Entry>,
    backlog: Vec<RecordId>,
}

impl Delivery {
    /// Whether it was taken from the disk queue.
    pub fn is_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }
}

/// The buffer of one output. It knows no clock: `now` is the time since the start of the process.
#[derive(Debug)]
pub struct Buffer {
    limits: Limits,
    fresh: VecDeque<Entry>,
    fresh_bytes: usize,
    disk: Option<DiskQueue>,
    disk_error: Option<io::Error>,
    overflow: Overflow,
}

impl Buffer {
    /// A buffer over `disk`, or in memory alone.
    pub fn new(limits: Limits, disk: Option<DiskQueue>) -> Self {
        let overflow = Overflow::new(limits.overflow_log.clone());
        Self {
            limits,
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            disk,
            disk_error: None,
            overflow,
        }
    }

    /// New limits; what is held stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.overflow.set_log(limits.overflow_log.clone());
        if let Some(disk) = &mut self.disk {
            disk.set_limit(limits.disk);
        }
        self.limits = limits;
    }

    /// Takes a new batch.
    pub fn push(&mut self, batch: Arc<Batch>, now: Duration) {
        if batch.is_empty() {
            return;
        }
        self.fresh_bytes += batch.bytes();
        self.fresh.push_back(Entry {
            batch,
            arrived: now,
            record: None,
        });
        while self.fresh_bytes > self.limits.memory && self.fresh.len() > 1 {
            self.evict_oldest();
        }
    }

    /// Makes room in memory by one batch: to disk if it can be had, else it is lost.
    fn evict_oldest(&mut self) {
        let Some(mut entry) = self.fresh.pop_front() else {
            return;
        };
        self.fresh_bytes -= entry.batch.bytes();
        if entry.record.is_none() && !self.persist(&mut entry) {
            // The disk takes nothing. Its own oldest data is older than this: give that up instead, if it
            // makes room.
            let made_room = self.drop_oldest_segment("disk_full") && self.persist(&mut entry);
            if !made_room {
                self.overflow.drop_batches("memory_full", [&*entry.batch]);
            }
        }
    }

    /// When the oldest batch that only memory holds is due on disk.
    pub fn sync_due(&self, in_flight: Option<&Delivery>) -> Option<Duration> {
        self.disk.as_ref()?;
        let in_flight = in_flight.into_iter().flat_map(|delivery| &delivery.entries);
        let unsynced = self
            .fresh
            .iter()
            .chain(in_flight)
            .filter(|entry| entry.record.is_none());
        unsynced
            .map(|entry| entry.arrived + self.limits.sync_interval)
            .min()
    }

    /// Appends to disk every batch that has waited for `sync_interval`, those being written included, and
    /// makes it durable. `force` takes all of them: the process is about to end.
    pub fn sync(&mut self, mut in_flight: Option<&mut Delivery>, now: Duration, force: bool) {
        let mut fresh = std::mem::take(&mut self.fresh);
        let flying = in_flight
            .as_mut()
            .into_iter()
            .flat_map(|delivery| delivery.entries.iter_mut());
        let mut appended = false;
        for entry in flying.chain(fresh.iter_mut()) {
            let due = force || now.saturating_sub(entry.arrived) >= self.limits.sync_interval;
            if entry.record.is_none() && due {
                if !self.persist(entry) {
                    break;
                }
                appended = true;
            }
        }
        self.fresh = fresh;
        if appended && let Some(Err(error)) = self.disk.as_mut().map(DiskQueue::sync) {
            self.disk_error = Some(error);
        }
    }

    /// Takes fresh data, at most `max_lines` lines but at least one batch.
    pub fn take_fresh(&mut self, max_lines: u32) -> Option<Delivery> {
        let first = self.fresh.front()?;
        let mut lines = first.batch.lines();
        let mut count = 1;
        for entry in self.fresh.iter().skip(1) {
            lines = lines.saturating_add(entry.batch.lines());
            if lines > max_lines {
                break;
            }
            count += 1;
        }
        let entries: Vec<Entry> = self.fresh.drain(..count).collect();
        self.fresh_bytes -= entries
            .iter()
            .map(|entry| entry.batch.bytes())
            .sum::<usize>();
        Some(Delivery {
            batch: merge(entries.iter().map(|entry| &entry.batch)),
            entries,
            backlog: Vec::new(),
        })
    }

    /// Takes the oldest data on disk, about `max_lines` lines. Data that memory holds too is not backlog.
    pub fn take_backlog(&mut self, max_lines: u32) -> Option<Delivery> {
        let held: Vec<RecordId> = self.fresh.iter().filter_map(|entry| entry.record).collect();
        let disk = self.disk.as_mut()?;
        let records = disk.take(max_lines, &held);
        self.overflow.add_corrupt(disk.take_corrupt());
        if records.is_empty() {
            return None;
        }
        let backlog = records.iter().map(|(id, _)| *id).collect();
        let batches: Vec<Arc<Batch>> = records
            .into_iter()
            .map(|(_, batch)| Arc::new(batch))
            .collect();
        Some(Delivery {
            batch: merge(batches.iter()),
            entries: Vec::new(),
            backlog,
        })
    }

    /// The server has it: its copies on disk go.
    pub fn written(&mut self, delivery: Delivery) {
        let Some(disk) = &mut self.disk else { return };
        let records = delivery
            .entries
            .iter()
            .filter_map(|entry| entry.record)
            .chain(delivery.backlog);
        if let Err(error) = disk.forget(records) {
            self.disk_error = Some(error);
        }
    }

    /// The server does not have it, or not `remaining` of it, which are its last lines but for dead letters.
    /// What has a copy on disk is backlog now, and stays there; the rest returns to the front of memory.
    pub fn failed(&mut self, delivery: Delivery, remaining: &Batch) {
        if let Some(disk) = &mut self.disk {
            disk.give_back(&delivery.backlog);
        }
        let mut entries = delivery.entries;
        let arrived = entries
            .first()
            .map_or(Duration::ZERO, |entry| entry.arrived);
        let mut rest = remaining.text();
        while let Some(before) = entries
            .last()
            .and_then(|entry| rest.strip_suffix(entry.batch.text()))
        {
            rest = before;
            if let Some(entry) = entries.pop().filter(|entry| entry.record.is_none()) {
                self.return_to_memory(entry);
            }
        }
        // A batch of which part is written: its records, where it has some, are written whole once more.
        if !rest.is_empty() && entries.iter().any(|entry| entry.record.is_none()) {
            let batch = Arc::new(Batch::new(rest.to_owned()));
            self.return_to_memory(Entry {
                batch,
                arrived,
                record: None,
            });
        }
        self.release_synced();
    }

    fn return_to_memory(&mut self, entry: Entry) {
        self.fresh_bytes += entry.batch.bytes();
        self.fresh.push_front(entry);
    }

    /// Frees the memory of batches that are on disk: while the server is away, they are backlog.
    pub fn release_synced(&mut self) {
        self.fresh.retain(|entry| entry.record.is_none());
        self.fresh_bytes = self.fresh.iter().map(|entry| entry.batch.bytes()).sum();
    }

    /// When the oldest fresh data came.
    pub fn oldest_fresh(&self) -> Option<Duration> {
        self.fresh.front().map(|entry| entry.arrived)
    }

    /// Lines of fresh data.
    pub fn fresh_lines(&self) -> u64 {
        self.fresh
            .iter()
            .map(|entry| u64::from(entry.batch.lines()))
            .sum()
    }

    /// Whether there is data on disk to be taken.
    pub fn has_backlog(&self) -> bool {
        let held = self
            .fresh
            .iter()
            .filter(|entry| entry.record.is_some())
            .count();
        self.disk.as_ref().is_some_and(|disk| disk.records() > held)
    }

    /// How much it holds.
    pub fn fill(&self) -> Fill {
        let unsynced = self.fresh.iter().filter(|entry| entry.record.is_none());
        Fill {
            memory_lines: unsynced.map(|entry| u64::from(entry.batch.lines())).sum(),
            memory_bytes: self.fresh_bytes as u64,
            disk_lines: self.disk.as_ref().map_or(0, DiskQueue::lines),
            disk_bytes: self.disk.as_ref().map_or(0, DiskQueue::bytes),
        }
    }

    /// What was dropped since this was asked last.
    pub fn take_dropped(&mut self) -> Dropped {
        self.overflow.take()
    }

    /// The error of the disk since this was asked last, if it does not take data.
    pub fn take_disk_error(&mut self) -> Option<io::Error> {
        self.disk_error.take()
    }

    /// Appends to disk, dropping the oldest segments where its limit asks for it.
    fn persist(&mut self, entry: &mut Entry) -> bool {
        let Some(disk) = &mut self.disk else {
            return false;
        };
        let record = match disk.encode(&entry.batch) {
            Ok(record) => record,
            Err(error) => {
                self.disk_error = Some(error);
                return false;
            }
        };
        while self.disk.as_ref().is_some_and(|disk| !disk.fits(&record)) {
            if !self.drop_oldest_segment("disk_limit") {
                return false;
            }
        }
        match self.disk.as_mut().map(|disk| disk.append(&record)) {
            Some(Ok(id)) => {
                entry.record = Some(id);
                true
            }
            Some(Err(error)) => {
                self.disk_error = Some(error);
                false
            }
            None => false,
        }
    }

    /// False if there was none, or it could not be removed.
    fn drop_oldest_segment(&mut self, reason: &'static str) -> bool {
        let Some(disk) = &mut self.disk else {
            return false;
        };
        let keep_text = self.overflow.has_log();
        match disk.remove_oldest(keep_text) {
            Ok(Some(removed)) => {
                self.overflow
                    .drop_lines(reason, removed.lines, &removed.batches);
                // What memory holds of it is not backlog, and is no longer on disk.
                for entry in &mut self.fresh {
                    entry.record = entry
                        .record
                        .filter(|record| record.segment != removed.segment);
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.disk_error = Some(error);
                false
            }
        }
    }
}

fn merge<'a>(batches: impl ExactSizeIterator<Item = &'a Arc<Batch>> + Clone) -> Arc<Batch> {
    if batches.len() == 1
        && let Some(only) = batches.clone().next()
    {
        return Arc::clone(only);
    }
    let mut merged = Batch::default();
    for batch in batches {
        merged.append(batch);
    }
    Arc::new(merged)
}
