//! Bytes, packets, errors and drops per interface and in total, from `/proc/net/dev`.
//!
//! The total counts what passed once: an interface on top of others (a bond, a VLAN, a bridge) is a series of
//! its own, but not in the total, where those below it are.

use std::collections::{BTreeMap, BTreeSet};

use super::counter::increase;
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

/// Of the process 1 rather than of ourselves, so that an agent in a container sees its host's interfaces.
const HOST_DEV: &str = "proc/1/net/dev";
const OWN_DEV: &str = "proc/net/dev";

/// (column of `/proc/net/dev` after the name, field).
const FIELDS: [(usize, &str); 8] = [
    (0, "network_bytes_recv"),
    (1, "network_packets_recv"),
    (2, "network_errors_in"),
    (3, "network_drops_in"),
    (8, "network_bytes_sent"),
    (9, "network_packets_sent"),
    (10, "network_errors_out"),
    (11, "network_drops_out"),
];

/// An interface has an entry `lower_NAME` here for each interface below it
/// (Documentation/ABI/testing/sysfs-class-net).
const CLASS: &str = "sys/class/net";

type Counters = [u64; FIELDS.len()];

/// Counters since boot per interface, and a total that neither jumps when an interface goes nor falls when
/// one is reset: it starts as the sum and then adds what each interface grew by.
#[derive(Debug)]
pub struct Network {
    interfaces: Filter,
    previous: BTreeMap<String, Counters>,
    total: Option<Counters>,
    /// The interfaces of the last sample, and those of them that are on top of others.
    names: BTreeSet<String>,
    stacked: BTreeSet<String>,
}

impl Network {
    /// Interfaces whose names pass `interfaces`.
    pub fn new(interfaces: Filter) -> Self {
        Self {
            interfaces,
            previous: BTreeMap::new(),
            total: None,
            names: BTreeSet::new(),
            stacked: BTreeSet::new(),
        }
    }

    /// Learns which interfaces are on top of others, when there are other interfaces than before.
    fn look_at_stack(&mut self, files: &HostFiles, current: &BTreeMap<String, Counters>) {
        if self.names.iter().eq(current.keys()) {
            return;
        }
        self.names = current.keys().cloned().collect();
        let is_stacked = |name: &&String| {
            let entries = files.list(&format!("{CLASS}/{name}"));
            let mut below = entries.iter().filter_map(|it| it.strip_prefix("lower_"));
            below.any(|lower| self.names.contains(lower))
        };
        self.stacked = self.names.iter().filter(is_stacked).cloned().collect();
    }

    fn add_to_total(&mut self, current: &BTreeMap<String, Counters>) {
        let counted = |name: &&String| !self.stacked.contains(*name);
        let Some(total) = &mut self.total else {
            let mut sum = Counters::default();
            for (_, counters) in current.iter().filter(|(name, _)| counted(name)) {
                for (sum, counter) in sum.iter_mut().zip(counters) {
                    *sum = sum.saturating_add(*counter);
                }
            }
            self.total = Some(sum);
            return;
        };
        for (name, counters) in current.iter().filter(|(name, _)| counted(name)) {
            let before = self.previous.get(name).copied().unwrap_or_default();
            for (index, counter) in counters.iter().enumerate() {
                total[index] = total[index].saturating_add(increase(before[index], *counter));
            }
        }
    }
}

impl Collector for Network {
    fn name(&self) -> &'static str {
        "network"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let current = if files.is_live() || !files.exists(HOST_DEV) {
            parse(files.read(OWN_DEV)?, &self.interfaces)
        } else {
            parse(files.read(HOST_DEV)?, &self.interfaces)
        };
        for (name, counters) in &current {
            points.push(fields(
                Row::new("network", at).tag("interface", name),
                counters,
            ));
        }
        self.look_at_stack(files, &current);
        self.add_to_total(&current);
        // An interface that vanished keeps its last reading: should it return with its counters, only what
        // it grew by is added.
        self.previous.extend(current);
        if let Some(total) = &self.total {
            points.push(fields(Row::new("network", at), total));
        }
        Ok(())
    }
}

fn parse(text: &str, interfaces: &Filter) -> BTreeMap<String, Counters> {
    let mut current = BTreeMap::new();
    for (name, rest) in text.lines().filter_map(|line| line.rsplit_once(':')) {
        let name = name.trim();
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        if words.len() < 16 || !interfaces.admits(name) {
            continue;
        }
        current.insert(
            name.to_owned(),
            FIELDS.map(|(column, _)| words[column].parse().unwrap_or(0)),
        );
    }
    current
}

fn fields(mut row: Row, counters: &Counters) -> Row {
    for ((_, field), counter) in FIELDS.iter().zip(counters) {
        row = row.integer(field, *counter);
    }
    row
}
