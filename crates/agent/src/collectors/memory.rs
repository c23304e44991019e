//! Memory and swap, from `/proc/meminfo`. What can be had back at once (page cache, reclaimable kernel memory,
//! the cache of ZFS) is available, not used.

use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};

const MEMINFO: &str = "proc/meminfo";

/// The cache of ZFS, which the kernel counts as used (arc_stats in OpenZFS' `include/sys/arc_impl.h`).
const ARCSTATS: &str = "proc/spl/kstat/zfs/arcstats";

/// Where lxcfs mounts a container's own numbers. The cache of ZFS is then the host's.
const MOUNTS: [&str; 2] = ["proc/1/mountinfo", "proc/self/mountinfo"];

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
        let cache_of_zfs = cache_of_zfs(files, &meminfo);
        let cached = meminfo.cached.saturating_add(meminfo.reclaimable);
        let available = meminfo
            .available()
            .map(|available| available + cache_of_zfs);
        let used = available.map(|available| meminfo.total - available);
        points.push(
            Row::new("memory", at)
                .integer("memory_total_bytes", meminfo.total)
                .optional_integer("memory_available_bytes", available)
                .optional_integer("memory_used_bytes", used)
                .integer("memory_free_bytes", meminfo.free)
                .integer("memory_cached_bytes", cached.saturating_add(cache_of_zfs))
                .integer("memory_buffers_bytes", meminfo.buffers)
                .optional_float(
                    "memory_usage_percent",
                    used.and_then(|used| percent(used, meminfo.total)),
                ),
        );
        // More free than there is (a container's numbers mixed with its host's) has no use to tell.
        let swap_used = match meminfo.swap_total {
            0 => Some(0),
            total => total.checked_sub(meminfo.swap_free),
        };
        let share = swap_used.map(|used| percent(used, meminfo.swap_total).unwrap_or(0.0));
        points.push(
            Row::new("swap", at)
                .integer("swap_total_bytes", meminfo.swap_total)
                .optional_integer("swap_used_bytes", swap_used)
                .optional_float("swap_usage_percent", share),
        );
        Ok(())
    }
}

/// Bytes that ZFS would give back to programs: its cache above the least that it keeps. Nothing where the
/// cache cannot be part of this memory, which is another host's then.
fn cache_of_zfs(files: &mut HostFiles, meminfo: &Meminfo) -> u64 {
    let Some(text) = files.read_optional(ARCSTATS) else {
        return 0;
    };
    let value = |key: &str| {
        let mut lines = text.lines().map(|line| line.split_ascii_whitespace());
        let mut words = lines.find_map(|mut words| (words.next()? == key).then_some(words))?;
        words.nth(1)?.parse::<u64>().ok()
    };
    let (Some(size), Some(least)) = (value("size"), value("c_min")) else {
        return 0;
    };
    let reclaimable = size.saturating_sub(least);
    let fits = size <= meminfo.total.saturating_sub(meminfo.free)
        && meminfo
            .available()
            .is_some_and(|available| reclaimable <= meminfo.total - available);
    if fits && !has_own_meminfo(files) {
        reclaimable
    } else {
        0
    }
}

/// Whether lxcfs makes up `/proc/meminfo`.
fn has_own_meminfo(files: &mut HostFiles) -> bool {
    let mounts = if files.is_live() {
        &MOUNTS[1..]
    } else {
        &MOUNTS[..]
    };
    mounts.iter().any(|mounts| {
        let text = files.read_optional(mounts).unwrap_or_default();
        text.lines()
            .any(|line| line.contains(" /proc/meminfo ") && line.contains(" - fuse.lxcfs "))
    })
}

/// Bytes of memory in all; 0 if it cannot be known.
pub(super) fn total_bytes(files: &mut HostFiles) -> u64 {
    files
        .read_optional(MEMINFO)
        .map_or(0, |text| parse(text).total)
}

impl Meminfo {
    /// What programs can get. `None` where the numbers contradict each other: more available than there is.
    fn available(&self) -> Option<u64> {
        let told = self.available.filter(|available| *available <= self.total);
        told.or_else(|| {
            Some(self.estimated_available()).filter(|available| *available <= self.total)
        })
    }

    /// What `free` calls available, without the kernel's estimate: page cache less what cannot be dropped.
    fn estimated_available(&self) -> u64 {
        let cache = [self.buffers, self.cached, self.reclaimable];
        let all = cache
            .iter()
            .fold(self.free, |sum, part| sum.saturating_add(*part));
        all.saturating_sub(self.shared)
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
