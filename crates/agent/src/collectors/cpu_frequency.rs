//! Clock frequency of the cores: from cpufreq under `/sys` where a driver offers it, else `/proc/cpuinfo`.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

const CPUS: &str = "sys/devices/system/cpu";
const CPUINFO: &str = "proc/cpuinfo";

/// The frequency of each core and their mean. Reading it interrupts every core, so it runs seldom.
#[derive(Debug, Default)]
pub struct CpuFrequency {
    per_core: bool,
}

impl CpuFrequency {
    /// `per_core` adds one series a core to the mean of the host.
    pub fn new(per_core: bool) -> Self {
        Self { per_core }
    }
}

impl Collector for CpuFrequency {
    fn name(&self) -> &'static str {
        "cpu_frequency"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let mut cores = from_cpufreq(files);
        cores.retain(is_plausible);
        if cores.is_empty() {
            cores = files
                .read_optional(CPUINFO)
                .map(from_cpuinfo)
                .unwrap_or_default();
            cores.retain(is_plausible);
        }
        if cores.is_empty() {
            return Ok(()); // Most virtual machines and many ARM boards tell no frequency.
        }
        let mean = cores.iter().map(|(_, mhz)| mhz).sum::<f64>() / cores.len() as f64;
        points.push(Row::new("cpu", at).float("cpu_freq_current_mhz", mean));
        if self.per_core {
            for (core, mhz) in &cores {
                points.push(
                    Row::new("cpu", at)
                        .tag("cpu", core)
                        .float("cpu_freq_current_mhz", *mhz),
                );
            }
        }
        Ok(())
    }
}

/// A core that is offline or asleep tells 0, which is no rate.
fn is_plausible((_, mhz): &(String, f64)) -> bool {
    mhz.is_finite() && *mhz > 0.0
}

/// `scaling_cur_freq` is in kHz.
fn from_cpufreq(files: &mut HostFiles) -> Vec<(String, f64)> {
    let mut cores = Vec::new();
    for name in files.list(CPUS) {
        let Some(core) = name
            .strip_prefix("cpu")
            .filter(|core| core.parse::<u32>().is_ok())
        else {
            continue;
        };
        let text = files.read_optional(&format!("{CPUS}/{name}/cpufreq/scaling_cur_freq"));
        if let Some(khz) = text.and_then(|text| text.trim().parse::<f64>().ok()) {
            cores.push((core.to_owned(), khz / 1000.0));
        }
    }
    cores
}

/// The pairs of `processor : N` and `cpu MHz : F` that x86 kernels print.
fn from_cpuinfo(text: &str) -> Vec<(String, f64)> {
    let mut cores = Vec::new();
    let mut core = String::new();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        match key.trim() {
            "processor" => value.trim().clone_into(&mut core),
            "cpu MHz" => cores.extend(value.trim().parse().ok().map(|mhz| (core.clone(), mhz))),
            _ => {}
        }
    }
    cores
}
