//! What the `sysinfo` crate tells of any system: the collector of macOS and Windows. On Linux it is built
//! for the tests alone, which hold it to the same field names.

use sysinfo::{Components, Disks, Networks, ProcessesToUpdate, System};

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

/// Everything at once: sysinfo keeps the previous sample.
pub struct Portable {
    interfaces: Filter,
    mounts: Filter,
    top: usize,
    known: Option<Known>,
}

/// What sysinfo remembers between samples.
struct Known {
    system: System,
    networks: Networks,
    sampled: bool,
}

impl Portable {
    /// Interfaces, mounts and the number of busiest processes to tell of.
    pub fn new(interfaces: Filter, mounts: Filter, top: usize) -> Self {
        Self {
            interfaces,
            mounts,
            top,
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
        }
        Ok(())
    }
}

impl Known {
    fn new() -> Result<Self, sysinfo::Error> {
        Ok(Self {
            system: System::new()?,
            networks: Networks::new_with_refreshed_list()?,
            sampled: false,
        })
    }

    fn cpu(&mut self, at: i64, points: &mut Points) {
        self.system.refresh_cpu_all();
        let cpus = self.system.cpus();
        let mut row = Row::new("cpu", at).integer("cpu_count", cpus.len() as u64);
        if self.sampled {
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

    fn processes(&mut self, top: usize, at: i64, points: &mut Points) {
        self.system.refresh_processes(ProcessesToUpdate::All, true);
        let mut processes: Vec<_> = self.system.processes().values().collect();
        points.push(Row::new("process", at).integer("process_count", processes.len() as u64));
        if let Ok(seconds) = System::uptime() {
            points.push(Row::new("process", at).integer("uptime_seconds", seconds));
        }
        processes.sort_by(|a, b| {
            b.cpu_usage()
                .total_cmp(&a.cpu_usage())
                .then(b.memory().cmp(&a.memory()))
        });
        let cpus = self.system.cpus().len().max(1) as f64;
        let mut names = std::collections::BTreeSet::new();
        for process in processes {
            let name = process.name().to_string_lossy();
            if names.len() >= top || !names.insert(name.to_string()) {
                continue;
            }
            let mut row = Row::new("process", at)
                .tag("process", &name)
                .integer("process_pid", u64::from(process.pid().as_u32()))
                .integer("process_memory_bytes", process.memory());
            if self.sampled {
                row = row.float("process_cpu_percent", f64::from(process.cpu_usage()) / cpus);
            }
            points.push(row);
        }
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
        known.processes(self.top, at, points);
        known.sampled = true;
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
        let mut portable = Portable::new(Filter::default(), Filter::default(), 3);
        let mut files = HostFiles::new(Path::new("/"));
        let mut points = Points::default();
        portable.collect(&mut files, 1, &mut points).unwrap();
        portable.collect(&mut files, 2, &mut points).unwrap();
        let points = points.into_vec();
        for field in [
            "cpu_usage_percent",
            "memory_total_bytes",
            "swap_total_bytes",
            "process_count",
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
