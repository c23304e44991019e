//! What is collected and not yet written: fresh data in memory, the backlog in a queue on disk.
//!
//! Life of a batch: it enters memory and normally leaves it within the second, written. What is not written
//! after `sync_interval` is appended to the disk queue as well, so that no way of dying loses more than
//! that. After a failed write the memory copy goes, the disk copy is the backlog. Without a disk (none
//! configured, full, or one that hangs) memory holds what it can. Whatever overflows goes oldest first,
//! counted.
//!
//! Nothing here blocks: what the disk is to do is a [`DiskWork`] that runs on a thread of its own, one at a
//! time, with the queue inside. While it is away, memory goes on alone.

mod delivery;
mod disk_queue;
mod disk_work;
mod overflow;
mod reading;
mod segment;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use delivery::Delivery;
use delivery::{Copy, Entry, merge};
pub use disk_queue::{DiskQueue, OpenError, RecordId};
use disk_work::EntryId;
pub use disk_work::{DiskDone, DiskWork, SyncWork};
pub use overflow::{Dropped, Overflow};

use crate::batch::Batch;

/// Sizes and times of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of line protocol in memory. Half of it may be on its way to disk at one time, and half of it
    /// on its way to the overflow log besides.
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

/// What is wanted of the disk beside what is due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// About so many lines of the backlog.
    pub backlog: Option<u32>,
    /// Everything that is not on disk: the process is about to end.
    pub save_all: bool,
}

/// What is known of the queue on disk, also while it is away.
#[derive(Clone, Copy, Debug, Default)]
struct OnDisk {
    lines: u64,
    bytes: u64,
    /// Records that can be taken.
    available: usize,
}

/// The buffer of one output. It knows no clock: `now` is the time since the start of the process.
#[derive(Debug)]
pub struct Buffer {
    limits: Limits,
    next_id: EntryId,
    fresh: VecDeque<Entry>,
    fresh_bytes: usize,
    /// Away while work is under way.
    queue: Option<DiskQueue>,
    working: bool,
    on_disk: OnDisk,
    /// For the next work.
    forget: Vec<RecordId>,
    give_back: Vec<RecordId>,
    to_log: Vec<(&'static str, Arc<Batch>)>,
    /// Batches that left memory while work under way appends them, and their bytes.
    spilling: BTreeSet<EntryId>,
    spilling_bytes: usize,
    /// A disk that took nothing is asked again then.
    not_before: Duration,
    disk_report: Option<io::Result<()>>,
    dropped: Dropped,
}

impl Buffer {
    /// A buffer over `disk`, or in memory alone.
    pub fn new(limits: Limits, disk: Option<DiskQueue>) -> Self {
        let mut buffer = Self {
            limits,
            next_id: 0,
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            queue: disk,
            working: false,
            on_disk: OnDisk::default(),
            forget: Vec::new(),
            give_back: Vec::new(),
            to_log: Vec::new(),
            spilling: BTreeSet::new(),
            spilling_bytes: 0,
            not_before: Duration::ZERO,
            disk_report: None,
            dropped: Dropped::default(),
        };
        buffer.look_at_disk();
        buffer
    }

    /// New limits; what is held stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.not_before = Duration::ZERO;
    }

    /// Takes a new batch.
    pub fn push(&mut self, batch: Arc<Batch>, now: Duration) {
        if batch.is_empty() {
            return;
        }
        self.next_id += 1;
        self.fresh_bytes += batch.bytes();
        self.fresh.push_back(Entry {
            id: self.next_id,
            batch,
            arrived: now,
            copy: Copy::No,
        });
        while self.memory_bytes() > self.limits.memory && self.fresh.len() > 1 {
            self.evict_oldest();
        }
    }

    fn memory_bytes(&self) -> usize {
        self.fresh_bytes + self.spilling_bytes
    }

    /// Makes room in memory by one batch: what is not on disk, nor on its way, is lost.
    fn evict_oldest(&mut self) {
        let Some(entry) = self.fresh.pop_front() else {
            return;
        };
        let bytes = entry.batch.bytes();
        self.fresh_bytes -= bytes;
        match entry.copy {
            Copy::Record(_) => {}
            Copy::UnderWay => {
                self.spilling.insert(entry.id);
                self.spilling_bytes += bytes;
            }
            Copy::No => self.drop_batch("memory_full", entry.batch),
        }
    }

    /// Drops a batch, or has it appended to the overflow log by the next work.
    fn drop_batch(&mut self, reason: &'static str, batch: Arc<Batch>) {
        let waiting: usize = self.to_log.iter().map(|(_, batch)| batch.bytes()).sum();
        if self.limits.overflow_log.is_some() && waiting <= self.limits.memory / 2 {
            self.to_log.push((reason, batch));
        } else {
            *self.dropped.lines.entry(reason).or_default() += u64::from(batch.lines());
        }
    }

    /// When there is work for the disk, if nothing else comes; `None` while it works, or has nothing to do.
    pub fn work_due(&self, in_flight: Option<&Delivery>) -> Option<Duration> {
        if self.working {
            return None;
        }
        if !self.forget.is_empty() || !self.to_log.is_empty() {
            return Some(Duration::ZERO);
        }
        self.queue.as_ref()?;
        let in_flight = in_flight.into_iter().flat_map(|delivery| &delivery.entries);
        let unsaved = self.fresh.iter().chain(in_flight);
        let first = unsaved
            .filter(|entry| entry.copy == Copy::No)
            .map(|entry| entry.arrived + self.limits.sync_interval)
            .min()?;
        let due = if self.is_pressing() {
            Duration::ZERO
        } else {
            first
        };
        Some(due.max(self.not_before))
    }

    /// Memory is half full: the disk is asked before it is full.
    fn is_pressing(&self) -> bool {
        self.memory_bytes() > self.limits.memory / 2
    }

    /// What the disk is to do now, batches being written included; `None` while it works, or has nothing to
    /// do. The queue is away until [`Buffer::finish_work`].
    pub fn begin_work(
        &mut self,
        in_flight: Option<&mut Delivery>,
        wish: Wish,
        now: Duration,
    ) -> Option<DiskWork> {
        if self.working {
            return None;
        }
        let take = wish
            .backlog
            .filter(|_| self.has_backlog(in_flight.as_deref()));
        let pressing = self.is_pressing();
        let mut held = Vec::new();
        let mut append = Vec::new();
        if self.queue.is_some() {
            let flying = in_flight
                .into_iter()
                .flat_map(|delivery| &mut delivery.entries);
            let mut room = self.limits.memory / 2;
            for entry in flying.chain(&mut self.fresh) {
                held.extend(entry.record());
                let due = wish.save_all
                    || pressing
                    || now.saturating_sub(entry.arrived) >= self.limits.sync_interval;
                if entry.copy == Copy::No && due && now >= self.not_before && room > 0 {
                    room = room.saturating_sub(entry.batch.bytes());
                    entry.copy = Copy::UnderWay;
                    append.push((entry.id, Arc::clone(&entry.batch)));
                }
            }
        }
        let idle = append.is_empty() && take.is_none() && self.to_log.is_empty();
        if idle && self.forget.is_empty() {
            return None;
        }
        self.working = true;
        let mut queue = self.queue.take();
        if let Some(queue) = &mut queue {
            queue.set_limit(self.limits.disk);
        }
        Some(DiskWork {
            queue,
            forget: std::mem::take(&mut self.forget),
            give_back: std::mem::take(&mut self.give_back),
            append,
            pressing,
            take,
            held,
            overflow_log: self.limits.overflow_log.clone(),
            dropped: std::mem::take(&mut self.to_log),
        })
    }

    /// Takes the queue back, and learns what is on disk now; gives the backlog that was wished for.
    pub fn finish_work(
        &mut self,
        done: DiskDone,
        in_flight: Option<&mut Delivery>,
        now: Duration,
    ) -> Option<Delivery> {
        self.working = false;
        self.queue = done.queue;
        self.dropped.add(done.dropped);
        if done.appended.iter().any(|(_, _, record)| record.is_none()) {
            self.not_before = now + self.limits.sync_interval;
        }
        if let Some(error) = done.error {
            self.disk_report = Some(Err(error));
        } else if !done.appended.is_empty() {
            self.disk_report = Some(Ok(()));
        }
        let mut appended: BTreeMap<EntryId, _> = done
            .appended
            .into_iter()
            .map(|(id, batch, record)| (id, (batch, record)))
            .collect();
        let flying = in_flight
            .into_iter()
            .flat_map(|delivery| &mut delivery.entries);
        for entry in flying.chain(&mut self.fresh) {
            if let Some((_, record)) = appended.remove(&entry.id) {
                entry.copy = record.map_or(Copy::No, Copy::Record);
            }
            // Of a segment that was dropped, what memory holds is no longer on disk.
            let gone = |record: RecordId| done.removed.contains(&record.segment);
            if entry.record().is_some_and(gone) {
                entry.copy = Copy::No;
            }
        }
        for (id, (batch, record)) in appended {
            match (self.spilling.remove(&id), record) {
                (true, Some(_)) => {}
                (true, None) => self.drop_batch("memory_full", batch),
                // It was written meanwhile.
                (false, record) => self.forget.extend(record),
            }
        }
        self.spilling.clear();
        self.spilling_bytes = 0;
        self.look_at_disk();
        (!done.taken.records.is_empty()).then(|| Delivery {
            batch: Arc::new(done.taken.batch),
            entries: Vec::new(),
            backlog: done.taken.records,
        })
    }

    fn look_at_disk(&mut self) {
        if let Some(queue) = &self.queue {
            self.on_disk = OnDisk {
                lines: queue.lines(),
                bytes: queue.bytes(),
                available: queue.available(),
            };
        }
    }

    /// The work was lost with its thread, and the queue with it: memory goes on alone.
    pub fn lose_disk(&mut self, in_flight: Option<&mut Delivery>) {
        self.working = false;
        self.on_disk = OnDisk::default();
        self.spilling.clear();
        self.spilling_bytes = 0;
        let flying = in_flight
            .into_iter()
            .flat_map(|delivery| &mut delivery.entries);
        for entry in flying.chain(&mut self.fresh) {
            entry.copy = Copy::No;
        }
    }

    /// What was appended and is not durable yet; `None` if there is nothing, or the queue is away.
    pub fn begin_sync(&mut self) -> Option<SyncWork> {
        self.queue.as_mut()?.begin_sync()
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

    /// The server has it: its copies on disk go.
    pub fn written(&mut self, delivery: Delivery) {
        let records = delivery.entries.iter().filter_map(Entry::record);
        self.forget.extend(records.chain(delivery.backlog));
    }

    /// The server does not have it, or not `remaining` of it, which are its last lines but for dead letters.
    /// What has a copy on disk is backlog now, and stays there; the rest returns to the front of memory.
    pub fn failed(&mut self, delivery: Delivery, remaining: &Batch) {
        self.give_back.extend(delivery.backlog);
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
            if let Some(entry) = entries.pop().filter(|entry| entry.record().is_none()) {
                self.return_to_memory(entry);
            }
        }
        // A batch of which part is written: its records, where it has some, are written whole once more.
        if !rest.is_empty() && entries.iter().any(|entry| entry.record().is_none()) {
            self.next_id += 1;
            self.return_to_memory(Entry {
                id: self.next_id,
                batch: Arc::new(Batch::new(rest.to_owned())),
                arrived,
                copy: Copy::No,
            });
        }
        self.release_saved();
    }

    fn return_to_memory(&mut self, entry: Entry) {
        self.fresh_bytes += entry.batch.bytes();
        self.fresh.push_front(entry);
    }

    /// Frees the memory of batches that are on disk: while the server is away, they are backlog.
    pub fn release_saved(&mut self) {
        self.fresh.retain(|entry| entry.record().is_none());
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

    /// Whether there is data on disk to be taken: what memory holds too is not meant.
    pub fn has_backlog(&self, in_flight: Option<&Delivery>) -> bool {
        let in_flight = in_flight.into_iter().flat_map(|delivery| &delivery.entries);
        let held = self.fresh.iter().chain(in_flight);
        let held = held.filter(|entry| entry.record().is_some()).count();
        self.on_disk.available + self.give_back.len() > held
    }

    /// Whether the disk is at work.
    pub fn is_working(&self) -> bool {
        self.working
    }

    /// How much it holds.
    pub fn fill(&self) -> Fill {
        let unsaved = self.fresh.iter().filter(|entry| entry.record().is_none());
        Fill {
            memory_lines: unsaved.map(|entry| u64::from(entry.batch.lines())).sum(),
            memory_bytes: self.memory_bytes() as u64,
            disk_lines: self.on_disk.lines,
            disk_bytes: self.on_disk.bytes,
        }
    }

    /// What was dropped since this was asked last.
    pub fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// Whether the disk takes data, if it was asked since this was asked last.
    pub fn take_disk_report(&mut self) -> Option<io::Result<()>> {
        self.disk_report.take()
    }
}
