//! Bytes, packets, errors and drops per interface and in total, from `/proc/net/dev`.
//!
//! The total counts what passed once, see [`super::interfaces`].

use std::collections::{BTreeMap, BTreeSet};

use super::counter::increase;
use super::host_files::HostFiles;
use super::interfaces::Need;
use super::row::Row;
use super::{CollectError, Collector, Points, interfaces};
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

/// Collections after which the interfaces that count are looked at again though their names are the same: a
/// card may become part of a bond.
const LOOKS: u32 = 60;

/// Interfaces that went and whose last reading is kept, for their return. Beyond it they are forgotten: a host
/// of containers makes new names without end.
const MAX_REMEMBERED: usize = 4096;

type Counters = [u64; FIELDS.len()];

/// Counters since boot per interface, and a total that neither jumps when an interface goes nor falls when
/// one is reset: it starts as the sum and then adds what each interface grew by.
#[derive(Debug)]
pub struct Network {
    interfaces: Filter,
    previous: BTreeMap<String, Counters>,
    total: Option<Counters>,
    /// The interfaces of the last sample, those of them that the total counts, and the collections since that
    /// was looked at.
    names: BTreeSet<String>,
    counted: BTreeSet<String>,
    need: BTreeMap<String, Need>,
    age: u32,
}

impl Network {
    /// Interfaces whose names pass `interfaces`.
    pub fn new(interfaces: Filter) -> Self {
        Self {
            interfaces,
            previous: BTreeMap::new(),
            total: None,
            names: BTreeSet::new(),
            counted: BTreeSet::new(),
            need: BTreeMap::new(),
            age: 0,
        }
    }

    /// Learns which interfaces the total counts, when there are other interfaces than before, and now and then.
    fn look_at_stack(&mut self, files: &mut HostFiles, current: &BTreeMap<String, Counters>) {
        self.age += 1;
        if self.age < LOOKS && self.names.iter().eq(current.keys()) {
            return;
        }
        self.age = 0;
        self.names = current.keys().cloned().collect();
        self.counted = interfaces::counted(files, &self.names);
        self.need = interfaces::by_need(files, &self.names, &self.counted);
    }

    fn add_to_total(&mut self, current: &BTreeMap<String, Counters>) {
        let counted = |name: &&String| self.counted.contains(*name);
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
        self.look_at_stack(files, &current);
        // What comes first is kept where the series are limited: the nearest to the world, used before unused.
        let mut rows: Vec<_> = current.iter().collect();
        rows.sort_by_key(|(name, counters)| {
            let is_idle = counters.iter().all(|counter| *counter == 0);
            (self.need.get(*name), is_idle)
        });
        for (name, counters) in rows {
            points.push(fields(
                Row::new("network", at).tag("interface", name),
                counters,
            ));
        }
        self.add_to_total(&current);
        // An interface that vanished keeps its last reading: should it return with its counters, only what
        // it grew by is added.
        if self.previous.len() + current.len() > MAX_REMEMBERED {
            self.previous.clear();
        }
        self.previous.extend(current);
        if let Some(total) = &self.total {
            points.push(fields(Row::new("network", at), total));
        }
        Ok(())
    }
}

/// A line whose counters cannot be read is no interface: a zero in their place would look like a reset.
fn parse(text: &str, interfaces: &Filter) -> BTreeMap<String, Counters> {
    let lines = text.lines().filter_map(|line| line.rsplit_once(':'));
    let lines = lines.map(|(name, rest)| (name.trim(), rest));
    let admitted = lines.filter(|(name, _)| interfaces.admits(name));
    let current = admitted.filter_map(|(name, rest)| Some((name.to_owned(), counters(rest)?)));
    current.collect()
}

fn counters(text: &str) -> Option<Counters> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut counters = Counters::default();
    for (counter, (column, _)) in counters.iter_mut().zip(FIELDS) {
        *counter = words.get(column)?.parse().ok()?;
    }
    (words.len() >= 16).then_some(counters)
}

fn fields(mut row: Row, counters: &Counters) -> Row {
    for ((_, field), counter) in FIELDS.iter().zip(counters) {
        row = row.integer(field, *counter);
    }
    row
}
