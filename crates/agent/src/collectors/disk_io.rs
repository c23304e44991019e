//! Bytes, operations and busy time per block device, from `/proc/diskstats`.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

const DISKSTATS: &str = "proc/diskstats";

/// `/proc/diskstats` counts sectors of this size whatever the device's own
/// (Documentation/admin-guide/iostats.rst).
const SECTOR_BYTES: u64 = 512;

/// Counters since boot, as the kernel keeps them: a rate is the reader's to take.
#[derive(Debug)]
pub struct DiskIo {
    devices: Filter,
}

impl DiskIo {
    /// Devices whose names pass `devices`; partitions are left out, their disk counts them.
    pub fn new(devices: Filter) -> Self {
        Self { devices }
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
        for line in text.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            // Kernels of 2.6 print seven words for a partition; later ones at least fourteen for both.
            if words.len() < 14 || !self.devices.admits(words[2]) {
                continue;
            }
            let partition =
                knows_disks && !files.exists(&format!("sys/block/{}", words[2].replace('/', "!")));
            let counter = |index: usize| words[index].parse::<u64>().unwrap_or(0);
            let never_used = counter(3) == 0 && counter(7) == 0;
            if partition || never_used {
                continue;
            }
            points.push(
                Row::new("diskio", at)
                    .tag("device", words[2])
                    .integer("disk_read_count", counter(3))
                    .integer("disk_read_bytes", counter(5).saturating_mul(SECTOR_BYTES))
                    .integer("disk_write_count", counter(7))
                    .integer("disk_write_bytes", counter(9).saturating_mul(SECTOR_BYTES))
                    .integer("disk_io_time_ms", counter(12)),
            );
        }
        Ok(())
    }
}
