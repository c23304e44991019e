//! Processes: how many by state, and the busiest by CPU, memory and I/O, from `/proc/PID/`.

use super::busiest::{Busiest, Sample, Transfer, Whole};
use super::host_files::HostFiles;
use super::process_stat::ProcessStat;
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

/// Counts by state, and the top N of names.
#[derive(Debug)]
pub struct Processes {
    units: Units,
    /// None where only the counts are wanted.
    busiest: Option<Busiest>,
    previous_uptime: Option<f64>,
}

impl Processes {
    /// The `top` busiest of each kind among the names that pass `names`; 0 leaves only the counts.
    pub fn new(top: usize, names: Filter, units: Units) -> Self {
        Self {
            units,
            busiest: (top > 0).then(|| Busiest::new(top, names)),
            previous_uptime: None,
        }
    }
}

/// What one process did, under the name it goes by.
fn sample(files: &mut HostFiles, stat: &ProcessStat, busiest: &Busiest, page_bytes: u64) -> Sample {
    let known = busiest.known_name(stat.pid, stat.start_ticks);
    let name = match known {
        // A process that called exec meanwhile goes by another name.
        Some(known) if known.starts_with(&stat.comm) || stat.is_kernel_thread() => known.to_owned(),
        _ => {
            let command_line = if stat.is_cut() {
                files.read_optional(&format!("proc/{}/cmdline", stat.pid))
            } else {
                None
            };
            stat.stable_name(command_line)
        }
    };
    let io = if stat.is_kernel_thread() {
        Transfer::default()
    } else {
        transfer(files, stat.pid)
    };
    Sample {
        pid: stat.pid,
        started: stat.start_ticks,
        name,
        cpu_time: stat.cpu_ticks,
        resident_bytes: stat.resident_pages.saturating_mul(page_bytes),
        io,
    }
}

/// The name of a process as it is: kernels before 4.18 escape newlines and backslashes in `stat`, never here.
fn whole_comm(files: &mut HostFiles, pid: u32) -> Option<String> {
    let text = files.read_optional(&format!("proc/{pid}/comm"))?;
    Some(text.strip_suffix('\n').unwrap_or(text).to_owned())
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
        for pid in pids {
            let stat = files
                .read_optional(&format!("proc/{pid}/stat"))
                .and_then(ProcessStat::parse);
            let Some(mut stat) = stat else { continue }; // It ended meanwhile.
            if stat.comm.contains('\\') {
                stat.comm = whole_comm(files, pid).unwrap_or(stat.comm);
            }
            states.count(&stat);
            if let Some(busiest) = &mut self.busiest {
                busiest.add(sample(files, &stat, busiest, self.units.page_bytes));
            }
        }
        points.push(states.row(at));
        if let Some(busiest) = &mut self.busiest {
            let seconds = self.previous_uptime.map_or(0.0, |before| uptime - before);
            let ticks = seconds * self.units.ticks_per_second as f64;
            let whole = Whole {
                cpu_time: ticks * online_cpus(files).max(1) as f64,
                memory_bytes: memory::total_bytes(files),
            };
            busiest.push(whole, at, points);
        }
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
        self.threads = self.threads.saturating_add(stat.threads);
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

pub(super) fn online_cpus(files: &mut HostFiles) -> usize {
    let stat = files.read_optional("proc/stat").unwrap_or_default();
    stat.lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .count()
}
