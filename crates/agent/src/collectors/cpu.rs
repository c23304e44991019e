//! Share of time per CPU mode, of the host and of each core, from `/proc/stat`.

use std::collections::BTreeMap;

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

const STAT: &str = "proc/stat";

/// CPU modes in the order of `/proc/stat` (proc_stat(5)). Kernels before 2.6.33 have fewer columns.
const MODES: usize = 10;
const USER: usize = 0;
const NICE: usize = 1;
const SYSTEM: usize = 2;
const IDLE: usize = 3;
const IOWAIT: usize = 4;
const IRQ: usize = 5;
const SOFTIRQ: usize = 6;
const STEAL: usize = 7;
/// Time of guests is in `user` and `nice` already: the first `COUNTED` columns make up the total.
const COUNTED: usize = 8;

type Ticks = [u64; MODES];

/// Percent of time per mode since the previous sample.
#[derive(Debug, Default)]
pub struct Cpu {
    per_core: bool,
    previous: BTreeMap<String, Ticks>,
}

impl Cpu {
    /// `per_core` adds one series a core to that of the whole host.
    pub fn new(per_core: bool) -> Self {
        Self {
            per_core,
            previous: BTreeMap::new(),
        }
    }
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let samples = parse(files.read(STAT)?);
        let cores = samples.iter().filter(|(name, _)| !name.is_empty()).count();
        if cores == 0 {
            return Err(files.malformed(STAT, "no line of a core (cpu0 …)"));
        }
        for (core, ticks) in &samples {
            let overall = core.is_empty();
            if !overall && !self.per_core {
                continue;
            }
            let mut row = Row::new("cpu", at);
            if overall {
                row = row.integer("cpu_count", cores as u64);
            } else {
                row = row.tag("cpu", core);
            }
            let percent = self
                .previous
                .get(core)
                .and_then(|before| percent(before, ticks));
            if let Some(percent) = percent {
                row = modes(row, &percent);
            }
            points.push(row);
        }
        // A core that went offline is forgotten, so that its return starts afresh.
        self.previous = samples.into_iter().collect();
        Ok(())
    }
}

/// The lines `cpu` (named by the empty string) and `cpuN` (named `N`).
fn parse(text: &str) -> Vec<(String, Ticks)> {
    let mut samples = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else {
            continue;
        };
        let mut words = rest.split_ascii_whitespace();
        let core = if rest.starts_with(' ') {
            ""
        } else {
            words.next().unwrap_or_default()
        };
        if let Some(ticks) = ticks(words) {
            samples.push((core.to_owned(), ticks));
        }
    }
    samples
}

/// The columns after the name; `None` for a line that is cut off or no row of numbers.
fn ticks<'t>(words: impl Iterator<Item = &'t str>) -> Option<Ticks> {
    let mut ticks = [0; MODES];
    let mut columns = 0;
    for (tick, word) in ticks.iter_mut().zip(words) {
        *tick = word.parse().ok()?;
        columns += 1;
    }
    (columns > IDLE).then_some(ticks)
}

/// The share of each mode between two samples, or `None` if nothing passed or the counters were reset.
///
/// `idle` and `iowait` may step back by a few ticks on a healthy kernel; such a mode counts as zero.
fn percent(before: &Ticks, now: &Ticks) -> Option<[f64; MODES]> {
    let total = |ticks: &Ticks| {
        ticks[..COUNTED]
            .iter()
            .map(|ticks| u128::from(*ticks))
            .sum::<u128>()
    };
    if total(now) <= total(before) {
        return None;
    }
    let mut grown = [0.0; MODES];
    for mode in 0..MODES {
        grown[mode] = now[mode].saturating_sub(before[mode]) as f64;
    }
    let passed: f64 = grown[..COUNTED].iter().sum();
    // Nothing grew in a total that grew: counters of other machines.
    (passed > 0.0).then(|| grown.map(|ticks| 100.0 * ticks / passed))
}

/// The modes as people ask for them: nice programs are programs, interrupts are the kernel's.
fn modes(row: Row, percent: &[f64; MODES]) -> Row {
    let busy = [USER, NICE, SYSTEM, IRQ, SOFTIRQ, STEAL].map(|mode| percent[mode]);
    row.float("cpu_usage_percent", busy.iter().sum::<f64>().min(100.0))
        .float("cpu_user_percent", percent[USER] + percent[NICE])
        .float(
            "cpu_system_percent",
            percent[SYSTEM] + percent[IRQ] + percent[SOFTIRQ],
        )
        .float("cpu_iowait_percent", percent[IOWAIT])
        .float("cpu_steal_percent", percent[STEAL])
        .float("cpu_idle_percent", percent[IDLE])
}
