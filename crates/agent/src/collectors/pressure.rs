//! Pressure stall information (PSI): how long tasks waited for CPU, memory and I/O, from `/proc/pressure`
//! (Linux 4.20 and later, where the kernel is built and booted with it).

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

/// How long some, or all, tasks were stalled: as a share of the last ten seconds and in total since boot.
#[derive(Debug, Default)]
pub struct Pressure;

/// (resource, line, field of the share, field of the total). `full` of cpu means nothing for a whole host.
const LINES: [(&str, &str, &str, &str); 5] = [
    (
        "cpu",
        "some",
        "pressure_cpu_some_percent",
        "pressure_cpu_some_us",
    ),
    (
        "memory",
        "some",
        "pressure_memory_some_percent",
        "pressure_memory_some_us",
    ),
    (
        "memory",
        "full",
        "pressure_memory_full_percent",
        "pressure_memory_full_us",
    ),
    (
        "io",
        "some",
        "pressure_io_some_percent",
        "pressure_io_some_us",
    ),
    (
        "io",
        "full",
        "pressure_io_full_percent",
        "pressure_io_full_us",
    ),
];

impl Collector for Pressure {
    fn name(&self) -> &'static str {
        "pressure"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let mut row = Row::new("system", at);
        for resource in ["cpu", "memory", "io"] {
            let Some(text) = files.read_optional(&format!("proc/pressure/{resource}")) else {
                continue;
            };
            for (_, kind, share, total) in LINES.iter().filter(|line| line.0 == resource) {
                let Some(line) = text.lines().find(|line| line.starts_with(kind)) else {
                    continue;
                };
                let percent = value(line, "avg10=").and_then(|text| text.parse().ok());
                if let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) {
                    row = row.float(share, percent);
                }
                if let Some(microseconds) = value(line, "total=").and_then(|text| text.parse().ok())
                {
                    row = row.integer(total, microseconds);
                }
            }
        }
        points.push(row);
        Ok(())
    }
}

/// The text after `key` in a line such as `some avg10=0.53 avg60=1.08 avg300=0.49 total=5236747`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.split_ascii_whitespace()
        .find_map(|word| word.strip_prefix(key))
}
