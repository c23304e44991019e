//! The busiest processes by CPU, memory and I/O, whatever system tells of them. Processes of one name are
//! taken together: the name is the tag of the series, so that neither a pid nor the number of workers makes
//! new ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Points;
use super::ranking::Ranking;
use super::row::Row;
use crate::filter::Filter;

/// One process at one look.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) pid: u32,
    /// When it started, in any unit: with the pid, its identity.
    pub(super) started: u64,
    pub(super) name: String,
    /// Processor time since it started, in any unit.
    pub(super) cpu_time: u64,
    pub(super) resident_bytes: u64,
    pub(super) io: Transfer,
}

/// Bytes read from and written to storage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Transfer {
    pub(super) read: u64,
    pub(super) written: u64,
}

impl Transfer {
    fn since(self, before: Self) -> Self {
        Self {
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
        }
    }

    fn add(&mut self, other: Self) {
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
    }
}

/// See [`share`].
const ROUNDING: f64 = 0.05;

/// What the shares are shares of: of the whole host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    /// Time since the look before times processors, in the unit of [`Sample::cpu_time`]; 0 at the first look.
    pub(super) cpu_time: f64,
    /// Memory in all.
    pub(super) memory_bytes: u64,
}

/// Processes of one name.
#[derive(Debug, Default)]
struct Group {
    instances: u64,
    cpu_time: u64,
    resident_bytes: u64,
    io: Transfer,
    /// The process with the largest share, by the same order as the fields: CPU, then memory.
    largest: (u64, u64, u32),
}

/// What is remembered of a process between looks.
#[derive(Debug)]
struct Previous {
    started: u64,
    cpu_time: u64,
    io: Transfer,
    name: String,
}

/// The top N of names.
#[derive(Debug)]
pub(super) struct Busiest {
    names: Filter,
    by_cpu: Ranking,
    by_memory: Ranking,
    by_io: Ranking,
    /// A process first seen after the first look began since the look before: all it did counts.
    looked_before: bool,
    previous: HashMap<u32, Previous>,
    seen: HashMap<u32, Previous>,
    groups: BTreeMap<String, Group>,
    /// Transfers since the first look, by name: a sum over the processes would fall when one ends.
    transfers: BTreeMap<String, Transfer>,
}

impl Busiest {
    /// The `top` busiest of each kind among the names that pass `names`.
    pub(super) fn new(top: usize, names: Filter) -> Self {
        Self {
            names,
            by_cpu: Ranking::new(top),
            by_memory: Ranking::new(top),
            by_io: Ranking::new(top),
            looked_before: false,
            previous: HashMap::new(),
            seen: HashMap::new(),
            groups: BTreeMap::new(),
            transfers: BTreeMap::new(),
        }
    }

    /// The name a process had at the look before.
    pub(super) fn known_name(&self, pid: u32, started: u64) -> Option<&str> {
        let before = self.previous.get(&pid)?;
        (before.started == started).then_some(before.name.as_str())
    }

    /// Adds a process to the look under way.
    pub(super) fn add(&mut self, sample: Sample) {
        let before = self
            .previous
            .get(&sample.pid)
            .filter(|before| before.started == sample.started);
        let (cpu_time, io) = match before {
            Some(before) => (
                sample.cpu_time.saturating_sub(before.cpu_time),
                sample.io.since(before.io),
            ),
            None if self.looked_before => (sample.cpu_time, sample.io),
            None => (0, Transfer::default()),
        };
        if self.names.admits(&sample.name) {
            let group = self.groups.entry(sample.name.clone()).or_default();
            group.instances += 1;
            group.cpu_time = group.cpu_time.saturating_add(cpu_time);
            group.resident_bytes = group.resident_bytes.saturating_add(sample.resident_bytes);
            group.io.add(io);
            let rank = (cpu_time, sample.resident_bytes, sample.pid);
            group.largest = group.largest.max(rank);
        }
        let remembered = Previous {
            started: sample.started,
            cpu_time: sample.cpu_time,
            io: sample.io,
            name: sample.name,
        };
        self.seen.insert(sample.pid, remembered);
    }

    /// Ends the look: a row for each name of the top lists.
    pub(super) fn push(&mut self, whole: Whole, at: i64, points: &mut Points) {
        let groups = std::mem::take(&mut self.groups);
        self.previous = std::mem::take(&mut self.seen);
        self.looked_before = true;
        self.transfers.retain(|name, _| groups.contains_key(name));
        for (name, group) in &groups {
            self.transfers
                .entry(name.clone())
                .or_default()
                .add(group.io);
        }
        let rank = |value: fn(&Group) -> u64| {
            groups
                .iter()
                .map(|(name, group)| (name.as_str(), value(group) as f64))
                .collect()
        };
        let mut members = BTreeSet::new();
        members.extend(self.by_cpu.update(rank(|group| group.cpu_time)));
        members.extend(self.by_memory.update(rank(|group| group.resident_bytes)));
        members.extend(
            self.by_io
                .update(rank(|group| group.io.read.saturating_add(group.io.written))),
        );
        for name in members {
            if let Some(group) = groups.get(name) {
                let io = self.transfers.get(name).copied().unwrap_or_default();
                points.push(row(name, group, io, whole, at));
            }
        }
    }
}

fn row(name: &str, group: &Group, io: Transfer, whole: Whole, at: i64) -> Row {
    let mut row = Row::new("process", at)
        .tag("process", name)
        .integer("process_pid", u64::from(group.largest.2))
        .integer("process_instances", group.instances)
        .integer("process_memory_bytes", group.resident_bytes)
        .integer("process_io_read_bytes", io.read)
        .integer("process_io_write_bytes", io.written);
    if whole.cpu_time > 0.0 {
        row = share(
            row,
            "process_cpu_percent",
            group.cpu_time as f64 / whole.cpu_time,
        );
    }
    if whole.memory_bytes > 0 {
        let of_whole = group.resident_bytes as f64 / whole.memory_bytes as f64;
        row = share(row, "process_memory_percent", of_whole);
    }
    row
}

/// A tick counts whole in the sample where it ends, so that a share may stand a little above all. More than
/// that is no share: workers that share memory, of which each tells the whole; a process from another time.
fn share(row: Row, field: &str, share: f64) -> Row {
    if share <= 1.0 + ROUNDING {
        row.float(field, 100.0 * share.min(1.0))
    } else {
        row
    }
}
