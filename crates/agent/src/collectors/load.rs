//! Load averages, from `/proc/loadavg`.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

const LOADAVG: &str = "proc/loadavg";

/// Runnable and uninterruptible tasks, averaged over 1, 5 and 15 minutes.
#[derive(Debug, Default)]
pub struct Load;

impl Collector for Load {
    fn name(&self) -> &'static str {
        "load"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let text = files.read(LOADAVG)?;
        let averages: Vec<f64> = text
            .split_ascii_whitespace()
            .take(3)
            .map_while(|word| {
                word.parse()
                    .ok()
                    .filter(|load: &f64| load.is_finite() && *load >= 0.0)
            })
            .collect();
        let &[one, five, fifteen] = averages.as_slice() else {
            return Err(files.malformed(LOADAVG, "three numbers expected first"));
        };
        points.push(
            Row::new("cpu", at)
                .float("cpu_load_1m", one)
                .float("cpu_load_5m", five)
                .float("cpu_load_15m", fifteen),
        );
        Ok(())
    }
}
