//! Bytes, operations, busy time and latency per block device, from `/proc/diskstats`.

use std::collections::BTreeMap;

use watchpost_core::time::NANOS_PER_MILLI;

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

const DISKSTATS: &str = "proc/diskstats";

/// `/proc/diskstats` counts sectors of this size whatever the device's own
/// (Documentation/admin-guide/iostats.rst).
const SECTOR_BYTES: u64 = 512;

/// Counters since boot, as the kernel keeps them (a rate is the reader's to take), and what follows from two
/// samples of them.
#[derive(Debug)]
pub struct DiskIo {
    devices: Filter,
    previous: BTreeMap<String, Counters>,
}

/// What the kernel counted of a device since boot, and when that was read.
#[derive(Clone, Copy, Debug)]
struct Counters {
    at: i64,
    reads: u64,
    read: u64,
    reads_ms: u64,
    writes: u64,
    written: u64,
    writes_ms: u64,
    busy_ms: u64,
}

/// What it counted between two samples.
#[derive(Debug)]
struct Since {
    milliseconds: f64,
    operations: u64,
    operations_ms: u64,
    busy_ms: u64,
}

/// Ticks of the kernel's clock and of ours do not begin together: a disk may seem busy for a little longer than
/// there was time.
const ROUNDING: f64 = 1.05;

impl Counters {
    /// A counter that cannot be read is no zero, which would look like a reset.
    fn parse(words: &[&str], at: i64) -> Option<Self> {
        let counter = |index: usize| words.get(index)?.parse::<u64>().ok();
        Some(Self {
            at,
            reads: counter(3)?,
            read: counter(5)?,
            reads_ms: counter(6)?,
            writes: counter(7)?,
            written: counter(9)?,
            writes_ms: counter(10)?,
            busy_ms: counter(12)?,
        })
    }

    /// `None` if a counter went down or no time passed.
    fn since(self, before: Self) -> Option<Since> {
        let milliseconds = self.at.checked_sub(before.at)? as f64 / NANOS_PER_MILLI as f64;
        let (reads, writes) = (
            self.reads.checked_sub(before.reads)?,
            self.writes.checked_sub(before.writes)?,
        );
        let reads_ms = self.reads_ms.checked_sub(before.reads_ms)?;
        let since = Since {
            milliseconds,
            operations: reads.checked_add(writes)?,
            operations_ms: reads_ms.checked_add(self.writes_ms.checked_sub(before.writes_ms)?)?,
            busy_ms: self.busy_ms.checked_sub(before.busy_ms)?,
        };
        (milliseconds > 0.0).then_some(since)
    }
}

impl Since {
    fn busy_percent(&self) -> Option<f64> {
        let share = self.busy_ms as f64 / self.milliseconds;
        (share <= ROUNDING).then(|| 100.0 * share.min(1.0))
    }

    /// Nothing where no operation ended.
    fn await_us(&self) -> Option<u64> {
        self.operations_ms
            .saturating_mul(1000)
            .checked_div(self.operations)
    }
}

/// Beginnings of the names of block devices that are no disk, or are made of others.
const VIRTUAL: [&str; 12] = [
    "dm-", "drbd", "fd", "loop", "md", "nbd", "ram", "rbd", "sr", "zd", "zloop", "zram",
];

fn is_virtual(device: &str) -> bool {
    VIRTUAL.iter().any(|prefix| device.starts_with(prefix))
}

impl DiskIo {
    /// Devices whose names pass `devices`; partitions are left out, their disk counts them.
    pub fn new(devices: Filter) -> Self {
        Self {
            devices,
            previous: BTreeMap::new(),
        }
    }
}

impl Collector for DiskIo {
    fn name(&self) -> &'static str {
        "disk_io"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let text = files.read(DISKSTATS)?.to_owned();
        let knows_disks = files.exists("sys/block");
        let mut lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_ascii_whitespace().collect())
            .collect();
        // What comes first is kept where the series are limited.
        lines.sort_by_key(|words| words.get(2).is_some_and(|name| is_virtual(name)));
        for words in lines {
            // Kernels of 2.6 print seven words for a partition; later ones at least fourteen for both.
            if words.len() < 14 || !self.devices.admits(words[2]) {
                continue;
            }
            let partition =
                knows_disks && !files.exists(&format!("sys/block/{}", words[2].replace('/', "!")));
            let Some(now) = Counters::parse(&words, at) else {
                continue;
            };
            if partition || (now.reads == 0 && now.writes == 0) {
                continue;
            }
            let before = self.previous.insert(words[2].to_owned(), now);
            let since = before.and_then(|before| now.since(before));
            points.push(
                Row::new("diskio", at)
                    .tag("device", words[2])
                    .integer("disk_read_count", now.reads)
                    .integer("disk_read_bytes", now.read.saturating_mul(SECTOR_BYTES))
                    .integer("disk_write_count", now.writes)
                    .integer("disk_write_bytes", now.written.saturating_mul(SECTOR_BYTES))
                    .integer("disk_io_time_ms", now.busy_ms)
                    .optional_float(
                        "disk_busy_percent",
                        since.as_ref().and_then(Since::busy_percent),
                    )
                    .optional_integer("disk_await_us", since.as_ref().and_then(Since::await_us)),
            );
        }
        // A disk that was pulled out begins afresh when it returns.
        self.previous.retain(|_, counters| counters.at == at);
        Ok(())
    }
}
