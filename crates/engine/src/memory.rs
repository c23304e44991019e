//! The server's memory: what all of it has allocated, against one limit.
//!
//! The allocator counts, so that everything is in it: points, index, bodies, tables of queries. (The resident size would
//! not do: it stays high for long after memory was given back to the allocator.)

use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};

use cap::Cap;

use crate::api::error::{ApiError, Code};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// How much of the machine the server may take: the rest is for the page cache, which reads live from, and for the
/// allocator's own rounding.
const SHARE: (u64, u64) = (3, 4);

/// Taken where the machine does not tell how much it has.
const UNKNOWN_MACHINE: usize = 2 << 30;

/// Seconds after which a refused client may try again: sealing and the end of a query take about so long.
const RETRY_AFTER: u32 = 5;

/// The limit.
#[derive(Debug)]
pub struct Memory {
    limit: usize,
    /// Bytes that are about to be allocated, by work that asked first.
    reserved: AtomicUsize,
}

/// Bytes that are about to be allocated. Once it is dropped, what is left of them counts as allocated.
#[derive(Debug)]
pub struct Reserved<'a> {
    memory: &'a Memory,
    bytes: usize,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.memory
            .reserved
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes that are allocated now.
pub fn allocated() -> usize {
    ALLOCATOR.allocated()
}

/// Has every allocation fail that would pass so many bytes, which ends a process that did not ask first: fuzzing finds it
/// so. False if as much is allocated already.
pub fn refuse_above(bytes: usize) -> bool {
    ALLOCATOR.set_limit(bytes).is_ok()
}

/// More is allocated than the limit allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's memory is used up ({allocated} of {limit} bytes, --max-memory-bytes); try again later, with smaller batches or a shorter range"
)]
pub struct MemoryFull {
    /// Bytes.
    pub allocated: usize,
    /// Bytes.
    pub limit: usize,
}

impl Memory {
    /// A limit in bytes; 0: a share of the machine's memory.
    pub fn limited_to(bytes: usize) -> Self {
        let limit = match bytes {
            0 => machine_bytes().map_or(UNKNOWN_MACHINE, |bytes| {
                usize::try_from(bytes / SHARE.1 * SHARE.0).unwrap_or(usize::MAX)
            }),
            bytes => bytes,
        };
        Self {
            limit,
            reserved: AtomicUsize::new(0),
        }
    }

    /// Bytes that are allocated now.
    pub fn allocated(&self) -> usize {
        allocated()
    }

    /// Bytes that may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Fails while more than the limit is allocated.
    ///
    /// # Errors
    /// Just that.
    pub fn check(&self) -> Result<(), MemoryFull> {
        self.reserve(0).map(drop)
    }

    /// Asks for bytes before they are allocated; what others asked for counts.
    ///
    /// # Errors
    /// With them more would be allocated than the limit allows.
    pub fn reserve(&self, bytes: usize) -> Result<Reserved<'_>, MemoryFull> {
        let others = self.reserved.fetch_add(bytes, Ordering::Relaxed);
        let reserved = Reserved {
            memory: self,
            bytes,
        };
        let allocated = self.allocated().saturating_add(others);
        let limit = self.limit;
        match allocated.saturating_add(bytes) > limit {
            true => Err(MemoryFull { allocated, limit }),
            false => Ok(reserved),
        }
    }
}

impl From<MemoryFull> for ApiError {
    fn from(full: MemoryFull) -> Self {
        Self::new(Code::Unavailable, full.to_string()).retry_after(RETRY_AFTER)
    }
}

/// What the machine has, or less if the control group that the process runs in has less.
fn machine_bytes() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .as_deref()
        .and_then(total);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    // Without a limit it says `max`.
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    match (machine, group) {
        (Some(machine), Some(group)) => Some(group.min(machine)),
        (machine, group) => machine.or(group),
    }
}

/// The first line of `/proc/meminfo`: `MemTotal: 8052524 kB`.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_counted() {
        let memory = Memory::limited_to(0);
        let before = memory.allocated();
        let held = vec![1_u8; 64 << 20];
        assert!(memory.allocated() >= before + held.len() / 2);
        let small = Memory::limited_to(held.len() / 2);
        let full = small.check().expect_err("more is held");
        assert!(full.to_string().contains("--max-memory-bytes"), "{full}");
    }

    #[test]
    fn what_is_asked_for_counts_until_it_is_given_back() {
        let room = 1 << 40;
        let memory = Memory::limited_to(allocated() + room);
        let first = memory.reserve(room / 4 * 3).expect("there is room");
        memory.reserve(room / 2).expect_err("the first has it");
        drop(first);
        memory.reserve(room / 2).expect("it was given back");
    }

    #[test]
    fn the_total_of_a_machine_is_read() {
        let text = "MemTotal:        8052524 kB\nMemFree:          123456 kB\n";
        assert_eq!(total(text), Some(8_052_524 * 1024));
        assert_eq!(total("nothing"), None);
    }
}
