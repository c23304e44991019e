//! The workload that storage and engine are measured by: 200 hosts, 40 fields, a row every 10 s (5.76 million
//! values in 2 h), 1 % of the rows late, 0.5 % written twice, in bodies of 5,000 lines over 4 connections.
//!
//! The same seed makes the same bytes, so that figures of one run can be compared with those of another.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Hosts, each a series.
pub const HOSTS: usize = 200;
/// Fields of each row.
pub const FIELDS: usize = 40;
/// Seconds between two rows of a host.
pub const STEP: i64 = 10;
/// Lines of a body.
pub const BODY_LINES: usize = 5_000;
/// How many send at once.
pub const CONNECTIONS: usize = 4;
/// Nanoseconds of a second.
pub const SECOND: i64 = 1_000_000_000;
/// The first row's time in seconds since 1970: 2026-01-01T00:00:00Z.
pub const BEGIN: i64 = 1_767_225_600;

/// Writes the bodies of so many hours into files of a folder, so that they do not count as memory of what is measured.
/// Answers their paths in order and how many rows they hold.
///
/// # Panics
/// If a file cannot be written.
pub fn write_bodies(folder: &Path, hours: usize) -> (Vec<PathBuf>, usize) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut state: Vec<[f64; FIELDS]> = (0..HOSTS)
        .map(|_| std::array::from_fn(|_| random.f64() * 100.0))
        .collect();
    let (mut paths, mut body, mut lines, mut rows) = (Vec::new(), String::new(), 0, 0);
    let mut late: Vec<String> = Vec::new();
    let mut flush = |body: &mut String, lines: &mut usize| {
        let path = folder.join(format!("{:05}", paths.len()));
        std::fs::write(&path, body.as_bytes()).expect("writes");
        paths.push(path);
        body.clear();
        *lines = 0;
    };
    for step in 0..(hours * 3600) as i64 / STEP {
        for (host, fields) in state.iter_mut().enumerate() {
            let time = (BEGIN + step * STEP) * SECOND;
            let line = line(host, fields, time, &mut random);
            let mut due = vec![line];
            if random.f64() < 0.01 {
                late.push(due.pop().expect("the line"));
            } else if random.f64() < 0.005 {
                due.push(self::line(host, fields, time, &mut random));
            }
            if late.len() > 40 && random.f64() < 0.01 {
                due.push(late.swap_remove(random.usize(..late.len())));
            }
            for line in due {
                body.push_str(&line);
                (lines, rows) = (lines + 1, rows + 1);
                if lines == BODY_LINES {
                    flush(&mut body, &mut lines);
                }
            }
        }
    }
    for line in late {
        body.push_str(&line);
        (lines, rows) = (lines + 1, rows + 1);
    }
    flush(&mut body, &mut lines);
    (paths, rows)
}

/// Percentages with two places and with all of a 32-bit float, byte counters, gauges in pages, constants.
fn line(host: usize, fields: &mut [f64; FIELDS], time: i64, random: &mut fastrand::Rng) -> String {
    let region = ["eu-west", "eu-north", "us-east"][host % 3];
    let mut line = format!(
        "system_metrics,environment=production,host=host-{host:03},metric_type=system,region={region} "
    );
    for (number, value) in fields.iter_mut().enumerate() {
        if number > 0 {
            line.push(',');
        }
        let _ = match number % 8 {
            0..=2 => {
                *value = (*value + random.f64() * 4.0 - 2.0).clamp(0.0, 100.0);
                write!(line, "cpu_usage_{number}_percent={:.2}", *value)
            }
            3 => {
                *value = (*value + random.f64() * 4.0 - 2.0).clamp(0.0, 100.0);
                write!(line, "memory_usage_{number}_percent={}", *value as f32)
            }
            4 | 5 => {
                *value += (random.f64() * 60_000.0).floor();
                write!(line, "network_bytes_{number}={}i", *value as i64)
            }
            6 => {
                *value += random.f64() * 200.0 - 100.0;
                write!(
                    line,
                    "memory_used_{number}_bytes={}i",
                    (*value as i64 + 2_000_000) * 4096
                )
            }
            _ => write!(
                line,
                "disk_total_{number}_bytes={}i",
                512_000_000_000i64 + host as i64
            ),
        };
    }
    let _ = writeln!(line, " {time}");
    line
}
