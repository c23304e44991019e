//! What the `sysinfo` crate tells of any system: the collector of macOS and Windows. On Linux it is built
//! for the tests alone, which hold it to the same field names.

use sysinfo::{
    Components, Disks, Networks, Process, ProcessStatus, ProcessesToUpdate, System, ThreadKind,
};

use super::busiest::{Busiest, Sample, Transfer, Whole};
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

/// Everything at once: sysinfo keeps the previous sample.
pub struct Portable {
    interfaces: Filter,
    mounts: Filter,
    /// None where only the counts are wanted.
    busiest: Option<Busiest>,
    known: Option<Known>,
}

/// What sysinfo remembers between samples.
struct Known {
    system: System,
    networks: Networks,
    /// When the last sample was taken, in nanoseconds since 1970.
    sampled: Option<i64>,
}

impl Portable {
    /// Interfaces and mounts to tell of, and the `top` busiest processes of each kind among `names`.
    pub fn new(interfaces: Filter, mounts: Filter, top: usize, names: Filter) -> Self {
        Self {
            interfaces,
            mounts,
            busiest: (top > 0).then(|| Busiest::new(top, names)),
            known: None,
        }
    }

    fn disks(&self, at: i64, points: &mut Points) -> Result<(), sysinfo::Error> {
        for disk in &Disks::new_with_refreshed_list()? {
            let (mountpoint, total) = (disk.mount_point().to_string_lossy(), disk.total_space());
            if total == 0 || !self.mounts.admits(&mountpoint) {
                continue;
            }
            let used = total.saturating_sub(disk.available_space());
            points.push(
                Row::new("disk", at)
                    .tag("device", &disk.name().to_string_lossy())
                    .tag("mountpoint", &mountpoint)
                    .integer("disk_total_bytes", total)
                    .integer("disk_used_bytes", used)
                    .integer("disk_available_bytes", disk.available_space())
                    .float("disk_usage_percent", 100.0 * used as f64 / total as f64),
            );
            let usage = disk.usage();
            if usage.total_read_bytes + usage.total_written_bytes > 0 {
                points.push(
                    Row::new("diskio", at)
                        .tag("device", &disk.name().to_string_lossy())
                        .integer("disk_read_bytes", usage.total_read_bytes)
                        .integer("disk_write_bytes", usage.total_written_bytes),
                );
            }
        }
        Ok(())
    }
}

impl Known {
    fn new() -> Result<Self, sysinfo::Error> {
        Ok(Self {
            system: System::new()?,
            networks: Networks::new_with_refreshed_list()?,
            sampled: None,
        })
    }

    fn cpu(&mut self, at: i64, points: &mut Points) {
        self.system.refresh_cpu_all();
        let cpus = self.system.cpus();
        let mut row = Row::new("cpu", at).integer("cpu_count", cpus.len() as u64);
        if self.sampled.is_some() {
            row = row.float(
                "cpu_usage_percent",
                f64::from(self.system.global_cpu_usage()),
            );
            for (index, cpu) in cpus.iter().enumerate() {
                let core = Row::new("cpu", at).tag("cpu", &index.to_string());
                points.push(core.float("cpu_usage_percent", f64::from(cpu.usage())));
            }
        }
        if let Ok(load) = System::load_average() {
            row = row
                .float("cpu_load_1m", load.one)
                .float("cpu_load_5m", load.five)
                .float("cpu_load_15m", load.fifteen);
        }
        if let Some(cpu) = cpus.first().filter(|cpu| cpu.frequency() > 0) {
            row = row.float("cpu_freq_current_mhz", cpu.frequency() as f64);
        }
        points.push(row);
    }

    fn memory(&mut self, at: i64, points: &mut Points) {
        self.system.refresh_memory();
        let system = &self.system;
        let percent = |used: u64, total: u64| {
            if total == 0 {
                0.0
            } else {
                100.0 * used as f64 / total as f64
            }
        };
        let used = system
            .total_memory()
            .saturating_sub(system.available_memory());
        points.push(
            Row::new("memory", at)
                .integer("memory_total_bytes", system.total_memory())
                .integer("memory_available_bytes", system.available_memory())
                .integer("memory_used_bytes", used)
                .integer("memory_free_bytes", system.free_memory())
                .float("memory_usage_percent", percent(used, system.total_memory())),
        );
        points.push(
            Row::new("swap", at)
                .integer("swap_total_bytes", system.total_swap())
                .integer("swap_used_bytes", system.used_swap())
                .float(
                    "swap_usage_percent",
                    percent(system.used_swap(), system.total_swap()),
                ),
        );
    }

    fn network(&mut self, interfaces: &Filter, at: i64, points: &mut Points) {
        self.networks.refresh(true);
        for (name, data) in &self.networks {
            let name = name.to_string_lossy();
            if !interfaces.admits(&name) {
                continue;
            }
            points.push(
                Row::new("network", at)
                    .tag("interface", &name)
                    .integer("network_bytes_recv", data.total_received())
                    .integer("network_bytes_sent", data.total_transmitted())
                    .integer("network_packets_recv", data.total_packets_received())
                    .integer("network_packets_sent", data.total_packets_transmitted())
                    .integer("network_errors_in", data.total_errors_on_received())
                    .integer("network_errors_out", data.total_errors_on_transmitted()),
            );
        }
    }

    fn processes(&mut self, busiest: Option<&mut Busiest>, at: i64, points: &mut Points) {
        self.system.refresh_processes(ProcessesToUpdate::All, true);
        let processes = || {
            let all = self.system.processes().values();
            // Linux lists threads beside the processes.
            all.filter(|process| process.thread_kind() != Some(ThreadKind::Userland))
        };
        points.push(states(processes(), at));
        if let Ok(seconds) = System::uptime() {
            points.push(Row::new("process", at).integer("uptime_seconds", seconds));
        }
        let Some(busiest) = busiest else { return };
        processes().map(sample).for_each(|it| busiest.add(it));
        let passed = self.sampled.map_or(0, |before| at.saturating_sub(before));
        let milliseconds = passed.max(0) as f64 / 1e6;
        let whole = Whole {
            cpu_time: milliseconds * self.system.cpus().len().max(1) as f64,
            memory_bytes: self.system.total_memory(),
        };
        busiest.push(whole, at, points);
    }
}

/// Processes by state. Windows knows none: there sysinfo calls all of them running.
fn states<'a>(processes: impl Iterator<Item = &'a Process> + Clone, at: i64) -> Row {
    let count = |wanted: &[ProcessStatus]| {
        let among = processes
            .clone()
            .filter(|process| wanted.contains(&process.status()));
        among.count() as u64
    };
    let row = Row::new("process", at).integer("process_count", processes.clone().count() as u64);
    if cfg!(windows) {
        return row;
    }
    row.integer("process_running_count", count(&[ProcessStatus::Run]))
        .integer("process_sleeping_count", count(&[ProcessStatus::Sleep]))
        .integer("process_zombie_count", count(&[ProcessStatus::Zombie]))
        .integer(
            "process_stopped_count",
            count(&[ProcessStatus::Stop, ProcessStatus::Tracing]),
        )
}

/// What one process did; its processor time is in milliseconds.
fn sample(process: &Process) -> Sample {
    let io = process.disk_usage();
    Sample {
        pid: process.pid().as_u32(),
        started: process.start_time(),
        name: process.name().to_string_lossy().into_owned(),
        cpu_time: process.accumulated_cpu_time(),
        resident_bytes: process.memory(),
        io: Transfer {
            read: io.total_read_bytes,
            written: io.total_written_bytes,
        },
    }
}

impl Collector for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => Known::new().map_err(unavailable)?,
        };
        known.cpu(at, points);
        known.memory(at, points);
        known.network(&self.interfaces, at, points);
        known.processes(self.busiest.as_mut(), at, points);
        known.sampled = Some(at);
        self.known = Some(known);
        self.disks(at, points).map_err(unavailable)?;
        if let Ok(components) = Components::new_with_refreshed_list() {
            for component in &components {
                let row = Row::new("system", at).tag("sensor", component.label());
                points.push(row.float(
                    "temperature_celsius",
                    f64::from(component.temperature().unwrap_or(f32::NAN)),
                ));
            }
        }
        Ok(())
    }
}

fn unavailable(error: sysinfo::Error) -> CollectError {
    CollectError::Unavailable {
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn this_host_gives_points_of_the_same_fields() {
        let every = Filter::default;
        let mut portable = Portable::new(every(), every(), 3, every());
        let mut files = HostFiles::new(Path::new("/"));
        let mut points = Points::default();
        for second in [1, 2] {
            let at = second * 1_000_000_000;
            portable.collect(&mut files, at, &mut points).unwrap();
        }
        let points = points.into_vec();
        for field in [
            "cpu_usage_percent",
            "memory_total_bytes",
            "swap_total_bytes",
            "process_count",
            "process_sleeping_count",
            "process_memory_percent",
            "process_cpu_percent",
            "uptime_seconds",
        ] {
            assert!(
                points.iter().any(|point| point.get(field).is_some()),
                "{field}"
            );
        }
        for (field, value) in points.iter().flat_map(|point| point.fields()) {
            let metric =
                watchpost_core::catalogue::metric(field).unwrap_or_else(|| panic!("{field}"));
            assert_eq!(metric.field_type, value.field_type(), "{field}");
        }
    }
}
