//! Processes: how many by state, and the busiest by CPU, memory and I/O, from `/proc/PID/`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::host_files::HostFiles;
use super::process_stat::ProcessStat;
use super::ranking::Ranking;
use super::row::Row;
use super::{CollectError, Collector, Points, memory, uptime};
use crate::filter::Filter;

/// What a tick of `/proc/PID/stat` and a page are on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// USER_HZ: 100 on every Linux of the last twenty years, but it is asked for.
    pub ticks_per_second: u64,
    /// Bytes of a page.
    pub page_bytes: u64,
}

/// Processes of one name, taken together: the name is the tag of the series, so that neither a pid nor the
/// number of workers makes new ones.
#[derive(Debug, Default)]
struct Group {
    instances: u64,
    cpu_ticks: u64,
    resident_bytes: u64,
    io: Transfer,
    /// The process with the largest share, by the same order as the fields: CPU, then memory.
    largest: (u64, u64, u32),
}

/// Bytes read from and written to storage.
#[derive(Clone, Copy, Debug, Default)]
struct Transfer {
    read: u64,
    written: u64,
}

impl Transfer {
    fn since(self, before: Self) -> Self {
        Self {
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
        }
    }

    fn add(&mut self, other: Self) {
        self.read += other.read;
        self.written += other.written;
    }
}

/// What is remembered of a process between samples.
#[derive(Debug)]
struct Previous {
    start_ticks: u64,
    cpu_ticks: u64,
    io: Transfer,
    name: String,
}

/// Counts by state, and the top N of names.
#[derive(Debug)]
pub struct Processes {
    names: Filter,
    units: Units,
    top: usize,
    by_cpu: Ranking,
    by_memory: Ranking,
    by_io: Ranking,
    previous: HashMap<u32, Previous>,
    previous_uptime: Option<f64>,
    /// Transfers since the collector began, by name: a sum over the processes would fall when one ends.
    transfers: BTreeMap<String, Transfer>,
}

impl Processes {
    /// The `top` busiest of each kind among the names that pass `names`; 0 leaves only the counts.
    pub fn new(top: usize, names: Filter, units: Units) -> Self {
        Self {
            names,
            units,
            top,
            by_cpu: Ranking::new(top),
            by_memory: Ranking::new(top),
            by_io: Ranking::new(top),
            previous: HashMap::new(),
            previous_uptime: None,
            transfers: BTreeMap::new(),
        }
    }

    /// Adds one process to its group and gives what is to be remembered of it.
    fn account(
        &self,
        files: &mut HostFiles,
        stat: &ProcessStat,
        groups: &mut BTreeMap<String, Group>,
    ) -> Previous {
        let before = self
            .previous
            .get(&stat.pid)
            .filter(|before| before.start_ticks == stat.start_ticks);
        let name = match before {
            // A process that called exec meanwhile goes by another name.
            Some(before) if before.name.starts_with(&stat.comm) || stat.is_kernel_thread() => {
                before.name.clone()
            }
            _ => {
                let command_line = stat
                    .is_cut()
                    .then(|| {
                        files
                            .read_optional(&format!("proc/{}/cmdline", stat.pid))
                            .map(str::to_owned)
                    })
                    .flatten();
                stat.stable_name(command_line.as_deref())
            }
        };
        let io = if stat.is_kernel_thread() {
            Transfer::default()
        } else {
            transfer(files, stat.pid)
        };
        // A process first seen in the second sample began since the first: all it did counts.
        let began_since = self.previous_uptime.is_some();
        let (cpu_ticks, io_grown) = match before {
            Some(before) => (
                stat.cpu_ticks.saturating_sub(before.cpu_ticks),
                io.since(before.io),
            ),
            None if began_since => (stat.cpu_ticks, io),
            None => (0, Transfer::default()),
        };
        if self.names.admits(&name) {
            let resident_bytes = stat.resident_pages * self.units.page_bytes;
            let group = groups.entry(name.clone()).or_default();
            group.instances += 1;
            group.cpu_ticks += cpu_ticks;
            group.resident_bytes += resident_bytes;
            group.io.add(io_grown);
            group.largest = group.largest.max((cpu_ticks, resident_bytes, stat.pid));
        }
        Previous {
            start_ticks: stat.start_ticks,
            cpu_ticks: stat.cpu_ticks,
            io,
            name,
        }
    }

    fn push_top(
        &mut self,
        groups: &BTreeMap<String, Group>,
        share_of: ShareOf,
        at: i64,
        points: &mut Points,
    ) {
        self.transfers.retain(|name, _| groups.contains_key(name));
        for (name, group) in groups {
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
        members.extend(self.by_cpu.update(rank(|group| group.cpu_ticks)));
        members.extend(self.by_memory.update(rank(|group| group.resident_bytes)));
        members.extend(
            self.by_io
                .update(rank(|group| group.io.read + group.io.written)),
        );
        for name in members {
            let Some(group) = groups.get(name) else {
                continue;
            };
            let io = self.transfers.get(name).copied().unwrap_or_default();
            let mut row = Row::new("process", at)
                .tag("process", name)
                .integer("process_pid", u64::from(group.largest.2))
                .integer("process_instances", group.instances)
                .integer("process_memory_bytes", group.resident_bytes)
                .integer("process_io_read_bytes", io.read)
                .integer("process_io_write_bytes", io.written);
            if share_of.cpu_seconds > 0.0 {
                let cpu_seconds = group.cpu_ticks as f64 / self.units.ticks_per_second as f64;
                row = row.float(
                    "process_cpu_percent",
                    100.0 * cpu_seconds / share_of.cpu_seconds,
                );
            }
            if share_of.memory_bytes > 0 {
                let share = group.resident_bytes as f64 / share_of.memory_bytes as f64;
                row = row.float("process_memory_percent", 100.0 * share);
            }
            points.push(row);
        }
    }
}

/// What the shares are shares of: of the whole host.
#[derive(Clone, Copy)]
struct ShareOf {
    /// Seconds passed times processors; 0 in the first sample.
    cpu_seconds: f64,
    /// Memory in all.
    memory_bytes: u64,
}

impl Collector for Processes {
    fn name(&self) -> &'static str {
        "processes"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let uptime = uptime::seconds(files)?;
        let pids: Vec<u32> = files
            .list("proc")
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        let mut states = States::default();
        let mut groups = BTreeMap::new();
        let mut seen = HashMap::with_capacity(pids.len());
        for pid in pids {
            let stat = files
                .read_optional(&format!("proc/{pid}/stat"))
                .and_then(ProcessStat::parse);
            let Some(stat) = stat else { continue }; // It ended meanwhile.
            states.count(&stat);
            if self.top > 0 {
                seen.insert(pid, self.account(files, &stat, &mut groups));
            }
        }
        points.push(states.row(at));
        if self.top > 0 {
            let seconds = self.previous_uptime.map_or(0.0, |before| uptime - before);
            let share_of = ShareOf {
                cpu_seconds: seconds * online_cpus(files).max(1) as f64,
                memory_bytes: memory::total_bytes(files),
            };
            self.push_top(&groups, share_of, at, points);
        }
        self.previous = seen;
        self.previous_uptime = Some(uptime);
        Ok(())
    }
}

/// Processes by state.
#[derive(Debug, Default)]
struct States {
    total: u64,
    threads: u64,
    running: u64,
    sleeping: u64,
    blocked: u64,
    zombie: u64,
    stopped: u64,
    idle: u64,
}

impl States {
    fn count(&mut self, stat: &ProcessStat) {
        self.total += 1;
        self.threads += stat.threads;
        match stat.state {
            'R' => self.running += 1,
            'S' => self.sleeping += 1,
            'D' => self.blocked += 1,
            'Z' => self.zombie += 1,
            'T' | 't' => self.stopped += 1,
            'I' => self.idle += 1,
            _ => {} // Dying, parked or waking: in the total only.
        }
    }

    fn row(&self, at: i64) -> Row {
        Row::new("process", at)
            .integer("process_count", self.total)
            .integer("process_running_count", self.running)
            .integer("process_sleeping_count", self.sleeping)
            .integer("process_blocked_count", self.blocked)
            .integer("process_zombie_count", self.zombie)
            .integer("process_stopped_count", self.stopped)
            .integer("process_idle_count", self.idle)
            .integer("process_thread_count", self.threads)
    }
}

/// What a process made the storage read and write; nothing where we may not know (a process of another
/// user).
fn transfer(files: &mut HostFiles, pid: u32) -> Transfer {
    let text = files
        .read_optional(&format!("proc/{pid}/io"))
        .unwrap_or_default();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|value| value.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    Transfer {
        read: value("read_bytes:"),
        written: value("write_bytes:"),
    }
}

fn online_cpus(files: &mut HostFiles) -> usize {
    let stat = files.read_optional("proc/stat").unwrap_or_default();
    stat.lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .count()
}
