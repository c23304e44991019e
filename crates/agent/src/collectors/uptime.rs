//! Time since boot, from `/proc/uptime`.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

pub(super) const UPTIME: &str = "proc/uptime";

/// Seconds since boot.
#[derive(Debug, Default)]
pub struct Uptime;

impl Collector for Uptime {
    fn name(&self) -> &'static str {
        "uptime"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let seconds = seconds(files)?;
        points.push(Row::new("process", at).integer("uptime_seconds", seconds as u64));
        Ok(())
    }
}

/// Seconds since boot, to the hundredth: the monotonic clock of a recorded tree too.
pub(super) fn seconds(files: &mut HostFiles) -> Result<f64, CollectError> {
    let first = files
        .read(UPTIME)?
        .split_ascii_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    first.ok_or_else(|| files.malformed(UPTIME, "a number of seconds expected first"))
}
