//! What a process takes of the machine, from `/proc` (proc(5)).

use std::fs;

/// `/proc` counts CPU time in these; Linux gives 100 to programs on all that Rust calls tier 1.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory and CPU of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    /// Resident, with what it shares with other processes.
    pub(super) memory_bytes: u64,
    /// Since it was started, of all its threads.
    pub(super) cpu_seconds: f64,
}

/// Nothing for a process that is gone.
pub(super) fn of(process: u32) -> Option<Usage> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).ok();
    parse(&read("status")?, &read("stat")?)
}

fn parse(status: &str, stat: &str) -> Option<Usage> {
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = memory.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    // The name in parentheses may hold anything, parentheses too. `utime` and `stime` are the 14th
    // and 15th of all, so the 12th and 13th behind it.
    let (_, behind) = stat.rsplit_once(')')?;
    let ticks = behind
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|it| it.parse::<f64>().ok());
    Some(Usage {
        memory_bytes: kibibytes * 1024,
        cpu_seconds: ticks.sum::<Option<f64>>()? / TICKS_PER_SECOND,
    })
}

#[cfg(test)]
mod tests {
    use super::{Usage, parse};

    #[test]
    fn memory_and_cpu_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 100 1 2";
        let usage = parse("Name:\ta\nVmRSS:\t    2048 kB\n", stat);
        let wanted = Usage {
            memory_bytes: 2 << 20,
            cpu_seconds: 3.0,
        };
        assert_eq!(usage, Some(wanted));
        assert_eq!(parse("Name:\ta\n", stat), None, "a zombie has no memory");
    }
}
