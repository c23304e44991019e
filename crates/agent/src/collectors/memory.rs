//! Memory and swap, from `/proc/meminfo`.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

const MEMINFO: &str = "proc/meminfo";

/// Bytes of memory and swap, and the share of them in use.
#[derive(Debug, Default)]
pub struct Memory;

/// The lines of `/proc/meminfo` we read, in bytes. `available` is absent before Linux 3.14.
#[derive(Debug, Default)]
struct Meminfo {
    total: u64,
    free: u64,
    available: Option<u64>,
    buffers: u64,
    cached: u64,
    reclaimable: u64,
    shared: u64,
    swap_total: u64,
    swap_free: u64,
}

impl Collector for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let meminfo = parse(files.read(MEMINFO)?);
        if meminfo.total == 0 {
            return Err(files.malformed(MEMINFO, "no line MemTotal"));
        }
        let cached = meminfo.cached + meminfo.reclaimable;
        let available = meminfo
            .available
            .unwrap_or_else(|| meminfo.estimated_available())
            .min(meminfo.total);
        let used = meminfo.total - available;
        points.push(
            Row::new("memory", at)
                .integer("memory_total_bytes", meminfo.total)
                .integer("memory_available_bytes", available)
                .integer("memory_used_bytes", used)
                .integer("memory_free_bytes", meminfo.free)
                .integer("memory_cached_bytes", cached)
                .integer("memory_buffers_bytes", meminfo.buffers)
                .float(
                    "memory_usage_percent",
                    100.0 * used as f64 / meminfo.total as f64,
                ),
        );
        let swap_used = meminfo.swap_total.saturating_sub(meminfo.swap_free);
        let swap_percent = if meminfo.swap_total == 0 {
            0.0
        } else {
            100.0 * swap_used as f64 / meminfo.swap_total as f64
        };
        points.push(
            Row::new("swap", at)
                .integer("swap_total_bytes", meminfo.swap_total)
                .integer("swap_used_bytes", swap_used)
                .float("swap_usage_percent", swap_percent),
        );
        Ok(())
    }
}

/// Bytes of memory in all; 0 if it cannot be known.
pub(super) fn total_bytes(files: &mut HostFiles) -> u64 {
    files
        .read_optional(MEMINFO)
        .map_or(0, |text| parse(text).total)
}

impl Meminfo {
    /// What `free` calls available, without the kernel's estimate: page cache less what cannot be dropped.
    fn estimated_available(&self) -> u64 {
        (self.free + self.buffers + self.cached + self.reclaimable).saturating_sub(self.shared)
    }
}

fn parse(text: &str) -> Meminfo {
    let mut meminfo = Meminfo::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let Some(kib) = value
            .split_ascii_whitespace()
            .next()
            .and_then(|word| word.parse::<u64>().ok())
        else {
            continue;
        };
        let bytes = kib.saturating_mul(1024);
        match key {
            "MemTotal" => meminfo.total = bytes,
            "MemFree" => meminfo.free = bytes,
            "MemAvailable" => meminfo.available = Some(bytes),
            "Buffers" => meminfo.buffers = bytes,
            "Cached" => meminfo.cached = bytes,
            "SReclaimable" => meminfo.reclaimable = bytes,
            "Shmem" => meminfo.shared = bytes,
            "SwapTotal" => meminfo.swap_total = bytes,
            "SwapFree" => meminfo.swap_free = bytes,
            _ => {}
        }
    }
    meminfo
}
