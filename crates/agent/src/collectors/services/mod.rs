//! Units of systemd: how many failed or are started again and again, by name those that do, and the state and
//! use of those that a pattern names; timers that did not run. `systemctl` tells the states in one call, control groups
//! the use.

mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use self::show::Shown;
pub use self::show::{ShowUnits, systemctl_show};
use super::cgroups::{self, Usage, Version};
use super::command;
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points, processes, uptime};
use crate::filter::Filter;

/// systemd is the init system of a host that has this folder (sd_booted(3)).
const BOOTED: &str = "run/systemd/system";

/// How long systemctl may take; it answers for 300 units in some 10 ms.
const DEADLINE: Duration = Duration::from_secs(3);

/// What systemctl may say: 5,000 units have some 700 KB.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A unit that failed is told of for so many collections after it works again, so that its alert ends.
const COLLECTIONS_AFTER_FAILURE: u32 = 90;

/// Collections between looks at single units: once a minute at the slow interval, for it is another question.
const COLLECTIONS_BETWEEN_SHOWS: u32 = 6;

const LIST: [&str; 6] = [
    "list-units",
    "--all",
    "--plain",
    "--no-legend",
    "--no-pager",
    "--full",
];

/// Asks systemd for its units: lines of `UNIT LOAD ACTIVE SUB DESCRIPTION`.
pub type ListUnits = Arc<dyn Fn() -> io::Result<String> + Send + Sync>;

/// `systemctl list-units`.
///
/// Errors: there is none, it takes too long, or its manager does not answer.
pub fn systemctl() -> io::Result<String> {
    command::run("systemctl", &LIST, DEADLINE, MAX_BYTES)?.of_success("systemctl")
}

/// Units of the system's manager.
pub struct Services {
    named: Filter,
    has_names: bool,
    admitted: Filter,
    max: usize,
    list: ListUnits,
    show: ShowUnits,
    shown: BTreeMap<String, Shown>,
    collections: u32,
    /// Units that failed, and the collections since.
    failed: BTreeMap<String, u32>,
    usage: BTreeMap<String, Usage>,
    previous_uptime: Option<f64>,
    told: bool,
}

/// A unit as systemctl lists it.
#[derive(Debug, PartialEq, Eq)]
struct Unit<'t> {
    name: &'t str,
    active: &'t str,
    sub: &'t str,
}

impl Unit<'_> {
    fn is_failed(&self) -> bool {
        self.active == "failed"
    }

    fn is_restarting(&self) -> bool {
        self.sub.starts_with("auto-restart")
    }
}

impl Services {
    /// Units that `named` admits are told of always, if it `has_names`; others that `admitted` does when they
    /// fail; at most `max` in all.
    pub fn new(
        named: Filter,
        has_names: bool,
        admitted: Filter,
        max: usize,
        (list, show): (ListUnits, ShowUnits),
    ) -> Self {
        Self {
            named,
            has_names,
            admitted,
            max,
            list,
            show,
            shown: BTreeMap::new(),
            collections: 0,
            failed: BTreeMap::new(),
            usage: BTreeMap::new(),
            previous_uptime: None,
            told: false,
        }
    }

    fn is_named(&self, unit: &str) -> bool {
        self.has_names && self.named.admits(unit)
    }

    /// Asks about the units that have rows, and about every timer.
    fn look_at_units(&mut self, units: &[Unit<'_>]) {
        let named = units.iter().filter(|unit| self.is_named(unit.name));
        let failed = units
            .iter()
            .filter(|unit| self.failed.contains_key(unit.name));
        let names: BTreeSet<&str> = failed.chain(named).map(|unit| unit.name).collect();
        let names: Vec<&str> = names
            .into_iter()
            .filter(|name| name.ends_with(".service"))
            .take(self.max)
            .collect();
        // One that fails is asked again; the list of units has said that systemd does not answer.
        self.shown =
            (self.show)(&names).map_or_else(|_| BTreeMap::new(), |text| show::parse(&text));
    }

    fn is_overdue(&self, unit: &str, now: i64) -> bool {
        self.shown
            .get(unit)
            .is_some_and(|shown| shown.is_overdue(now))
    }

    /// The units that rows tell of: the failed first.
    fn chosen<'u, 't>(&mut self, units: &'u [Unit<'t>], now: i64) -> Vec<&'u Unit<'t>> {
        for unit in units.iter().filter(|unit| self.admitted.admits(unit.name)) {
            let is_bad =
                unit.is_failed() || unit.is_restarting() || self.is_overdue(unit.name, now);
            if is_bad && self.failed.len() < self.max {
                self.failed.insert(unit.name.to_owned(), 0);
            }
        }
        let listed: BTreeSet<&str> = units.iter().map(|unit| unit.name).collect();
        self.failed.retain(|name, since| {
            *since += 1;
            *since <= COLLECTIONS_AFTER_FAILURE && listed.contains(name.as_str())
        });
        let (failed, others): (Vec<_>, Vec<_>) = units
            .iter()
            .partition(|unit| self.failed.contains_key(unit.name));
        let named = others.into_iter().filter(|unit| self.is_named(unit.name));
        failed.into_iter().chain(named).take(self.max).collect()
    }

    /// A row of one unit, with what its control group used.
    fn row(&mut self, files: &mut HostFiles, unit: &Unit<'_>, cpu_us: f64, at: i64) -> Row {
        let active = matches!(unit.active, "active" | "reloading" | "refreshing");
        let row = Row::new("unit", at)
            .tag("unit", &cgroups::unescape_unit(unit.name))
            .integer("unit_active", u64::from(active))
            .integer("unit_failed", u64::from(unit.is_failed()))
            .integer("unit_restarting", u64::from(unit.is_restarting()));
        let shown = self.shown.get(unit.name).copied().unwrap_or_default();
        let is_timer = unit.name.ends_with(".timer");
        let overdue = is_timer.then(|| u64::from(shown.is_overdue(at)));
        let row = row
            .optional_integer("unit_restarts", shown.restarts)
            .optional_integer("unit_timer_overdue", overdue)
            .optional_integer("unit_timer_passed_seconds", shown.passed_seconds(at));
        let Some((version, folder)) = folder(files, unit.name) else {
            self.usage.remove(unit.name);
            return row;
        };
        let usage = cgroups::usage(files, version, &folder);
        let before = self.usage.insert(unit.name.to_owned(), usage.clone());
        let spent = before.and_then(|before| usage.cpu_us?.checked_sub(before.cpu_us?));
        let share = spent
            .filter(|_| cpu_us > 0.0)
            .map(|spent| 100.0 * spent as f64 / cpu_us);
        row.optional_float(
            "unit_cpu_percent",
            share
                .filter(|share| *share <= 105.0)
                .map(|share| share.min(100.0)),
        )
        .optional_integer("unit_memory_bytes", usage.memory)
        .optional_integer("unit_tasks", usage.tasks)
        .optional_integer("unit_oom_kills", usage.oom_kills)
    }
}

/// The control group of a unit; instances of a template have a slice of their own.
fn folder(files: &HostFiles, unit: &str) -> Option<(Version, String)> {
    let version = cgroups::version(files)?;
    let mut folders = vec![format!("system.slice/{unit}")];
    if let Some((template, _)) = unit.split_once('@') {
        let template = template.replace('-', "\\x2d");
        folders.push(format!("system.slice/system-{template}.slice/{unit}"));
    }
    let found = folders
        .into_iter()
        .find(|folder| cgroups::exists(files, version, folder));
    found.map(|folder| (version, folder))
}

/// Lines of `UNIT LOAD ACTIVE SUB DESCRIPTION`. Devices and what was not found are no units of a person.
fn parse(text: &str) -> Vec<Unit<'_>> {
    let units = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (name, load) = (words.next()?, words.next()?);
        let (active, sub) = (words.next()?, words.next()?);
        let (_, kind) = name.rsplit_once('.')?;
        let known = matches!(
            kind,
            "service" | "socket" | "timer" | "mount" | "automount" | "swap" | "target" | "path"
        );
        (known && load != "not-found").then_some(Unit { name, active, sub })
    });
    units.collect()
}

fn count<'t>(units: &[Unit<'t>], is: impl Fn(&Unit<'t>) -> bool) -> u64 {
    units.iter().filter(|unit| is(unit)).count() as u64
}

impl Collector for Services {
    fn name(&self) -> &'static str {
        "services"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        if !files.exists(BOOTED) {
            return Ok(()); // Another init system, or a container.
        }
        let text = match (self.list)() {
            Ok(text) => text,
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(%error, "systemd does not list its units; failed ones are not seen.");
                }
                return Ok(());
            }
        };
        self.told = false;
        let units = parse(&text);
        if self.collections.is_multiple_of(COLLECTIONS_BETWEEN_SHOWS) {
            self.look_at_units(&units);
        }
        self.collections = self.collections.wrapping_add(1);
        let overdue = count(&units, |unit| self.is_overdue(unit.name, at));
        points.push(
            Row::new("unit", at)
                .integer("timers_overdue", overdue)
                .integer(
                    "units_active",
                    count(&units, |unit| unit.active == "active"),
                )
                .integer("units_failed", count(&units, |unit| unit.is_failed()))
                .integer(
                    "units_restarting",
                    count(&units, |unit| unit.is_restarting()),
                ),
        );
        let uptime = uptime::seconds(files)?;
        let seconds = self
            .previous_uptime
            .replace(uptime)
            .map_or(0.0, |before| uptime - before);
        let cpu_us = seconds * 1e6 * processes::online_cpus(files).max(1) as f64;
        for unit in self.chosen(&units, at) {
            let row = self.row(files, unit, cpu_us, at);
            points.push(row);
        }
        Ok(())
    }
}
