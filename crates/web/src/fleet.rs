//! The fleet as it was last seen: each host's newest values, how old they are, and a short past for
//! its sparkline. Pure; time is an argument.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};
use watchpost_core::catalogue::{ITEM_TAGS, TAG_METRIC_TYPE};
use watchpost_core::time::{NANOS_PER_MILLI, NANOS_PER_SECOND, format_rfc3339};
use watchpost_query::Answer;

use crate::tier::floor;

/// What is kept of each host.
pub const FIELDS: [&str; 6] = [
    "cpu_usage_percent",
    "memory_usage_percent",
    "disk_usage_percent",
    "cpu_load_1m",
    "network_bytes_recv",
    "network_bytes_sent",
];

/// Nanoseconds between points of a sparkline.
pub const SPARK_STEP: i64 = 20 * NANOS_PER_SECOND;

/// Points of a sparkline: 15 minutes.
pub const SPARK_POINTS: usize = 45;

/// Tags that are kept of each host; further ones are left out.
pub const TAG_LIMIT: usize = 16;

/// Hosts that are kept; further ones are left out and said so.
pub const HOST_LIMIT: usize = 10_000;

/// All hosts by name.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    hosts: BTreeMap<String, Host>,
}

/// One host as it was last seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Region, environment, service and whatever else its agent was given.
    pub tags: BTreeMap<String, String>,
    /// Time of its newest point, nanoseconds since 1970.
    pub time: i64,
    /// Newest values; counters as rates per second.
    pub values: BTreeMap<&'static str, f64>,
    /// Last values of counters, for the next rate.
    counters: BTreeMap<&'static str, (i64, f64)>,
    /// Time, sum and number of the CPU values of each step.
    spark: VecDeque<(i64, f64, u32)>,
}

/// How fresh a host's newest point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Online,
    /// Missing for a moment.
    Late,
    /// Missing for longer; its last values are kept.
    Offline,
    /// The database, which would know, has not answered for a while.
    Unknown,
}

/// From which age on a host is late or offline, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Late.
    pub late: i64,
    /// Offline.
    pub offline: i64,
    /// While the database does not answer: when it last did, nanoseconds since 1970.
    pub answered: Option<i64>,
}

impl State {
    /// Its name in answers and pages.
    pub fn name(self) -> &'static str {
        match self {
            State::Online => "online",
            State::Late => "late",
            State::Offline => "offline",
            State::Unknown => "unknown",
        }
    }
}

impl Host {
    /// How fresh it is.
    pub fn state(&self, now: i64, ages: Ages) -> State {
        // A database that is away says nothing of its hosts: they are as old as its last answer knew.
        let silent = ages.answered.filter(|at| now - at >= ages.late);
        let age = silent.unwrap_or(now) - self.time;
        match age {
            _ if age >= ages.offline => State::Offline,
            _ if silent.is_some() => State::Unknown,
            _ if age >= ages.late => State::Late,
            _ => State::Online,
        }
    }

    /// CPU means, the oldest first.
    pub fn spark(&self) -> Vec<f64> {
        self.spark
            .iter()
            .map(|(_, sum, count)| sum / f64::from(*count))
            .collect()
    }

    /// The JSON of the API and of live events.
    pub fn document(&self, now: i64, ages: Ages) -> Value {
        json!({
            "host": self.name,
            "region": self.tags.get("region"),
            "environment": self.tags.get("environment"),
            "service": self.tags.get("service"),
            "tags": self.tags,
            "state": self.state(now, ages).name(),
            "last_seen": format_rfc3339(floor(self.time, NANOS_PER_MILLI)),
            "age_seconds": ((now - self.time).max(0)) / NANOS_PER_SECOND,
            "values": self.values.iter().map(|(name, value)| (*name, (value * 1e3).round() / 1e3)).collect::<BTreeMap<_, _>>(),
        })
    }

    fn see(&mut self, time: i64, field: &'static str, value: f64) {
        if watchpost_core::catalogue::metric(field)
            .is_some_and(|metric| metric.kind == watchpost_core::catalogue::Kind::Counter)
        {
            if let Some((before, old)) = self.counters.insert(field, (time, value))
                && time > before
            {
                let growth = if value >= old { value - old } else { value };
                let seconds = (time - before) as f64 / NANOS_PER_SECOND as f64;
                self.values.insert(field, growth / seconds);
            }
            return;
        }
        self.values.insert(field, value);
    }

    fn remember(&mut self, time: i64, cpu: f64) {
        let step = floor(time, SPARK_STEP);
        match self.spark.back_mut() {
            Some(last) if last.0 == step => {
                last.1 += cpu;
                last.2 += 1;
            }
            Some(last) if last.0 > step => {}
            _ => self.spark.push_back((step, cpu, 1)),
        }
        while self.spark.len() > SPARK_POINTS {
            self.spark.pop_front();
        }
    }
}

impl Fleet {
    /// Hosts to begin with: one of each kind in turn, the rarest kind first. Kinds are told apart by
    /// their tags, so that a host of one's own stands before a hundred simulated ones.
    pub fn sample(&self, count: usize) -> Vec<String> {
        let mut kinds: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for host in self.hosts.values() {
            let kind = host.tags.values().map(String::as_str).collect();
            kinds.entry(kind).or_default().push(&host.name);
        }
        let mut kinds: Vec<Vec<&str>> = kinds.into_values().collect();
        kinds.sort_by_key(Vec::len);
        let rounds = kinds.iter().map(Vec::len).max().unwrap_or_default();
        let in_turn =
            (0..rounds).flat_map(|round| kinds.iter().filter_map(move |of| of.get(round)));
        in_turn.take(count).map(|name| (*name).to_owned()).collect()
    }

    /// The hosts by name.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &Host> {
        self.hosts.values()
    }

    /// The host of a name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Takes newest values; gives the names of hosts that have news.
    pub fn see(&mut self, answer: &Answer) -> Vec<String> {
        let mut newest: BTreeMap<String, BTreeMap<&'static str, (i64, f64)>> = BTreeMap::new();
        let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for series in &answer.series {
            let field = FIELDS.into_iter().find(|field| *field == &*series.field);
            let host = series.labels.get("host");
            let (Some(field), Some(host)) = (field, host) else {
                continue;
            };
            let points = series.points.iter();
            let points = points.filter_map(|point| Some((point.time?, point.value.as_f64()?)));
            let of_host = newest.entry(host.clone()).or_default();
            for (time, value) in points {
                let entry = of_host.entry(field).or_insert((time, value));
                // A host has several disks: the newest points count, of those the fullest.
                if (time - entry.0).abs() > 60 * NANOS_PER_SECOND {
                    if time > entry.0 {
                        *entry = (time, value);
                    }
                } else {
                    *entry = (time.max(entry.0), value.max(entry.1));
                }
            }
            let known = tags.entry(host.clone()).or_default();
            for (name, text) in series.labels.iter().filter(|(name, _)| is_of_host(name)) {
                if !text.is_empty()
                    && known.get(name).is_none_or(|known| known != text)
                    && known.len() < TAG_LIMIT
                {
                    known.insert(name.clone(), text.clone());
                }
            }
        }
        let mut changed = Vec::new();
        for (name, fields) in newest {
            if !self.hosts.contains_key(&name) && self.hosts.len() >= HOST_LIMIT {
                continue;
            }
            let host = self.hosts.entry(name.clone()).or_insert_with(|| Host {
                name: name.clone(),
                ..Host::default()
            });
            if let Some(tags) = tags.remove(&name) {
                host.tags.extend(tags);
            }
            let time = fields
                .values()
                .map(|(time, _)| *time)
                .max()
                .unwrap_or(host.time);
            if time <= host.time {
                continue;
            }
            host.time = time;
            for (field, (time, value)) in fields {
                host.see(time, field, value);
                if field == "cpu_usage_percent" {
                    host.remember(time, value);
                }
            }
            changed.push(name);
        }
        changed
    }

    /// Takes the past of sparklines instead of what they had.
    pub fn remember(&mut self, answer: &Answer) {
        let mut begun = BTreeSet::new();
        for series in &answer.series {
            let name = series.label("host");
            let Some(host) = self.hosts.get_mut(name) else {
                continue;
            };
            if begun.insert(name.to_owned()) {
                host.spark.clear();
            }
            for point in &series.points {
                if let (Some(time), Some(value)) = (point.time, point.value.as_f64()) {
                    host.remember(time, value);
                }
            }
        }
    }

    /// Forgets hosts whose newest point is older than this.
    pub fn forget(&mut self, before: i64) {
        self.hosts.retain(|_, host| host.time >= before);
    }

    /// Forgets hosts of which a question about all that is kept knows nothing: their points were removed.
    pub fn forget_others(&mut self, answer: &Answer) {
        let named = answer.series.iter().filter_map(|it| it.labels.get("host"));
        let there: BTreeSet<&String> = named.collect();
        self.hosts.retain(|name, _| there.contains(name));
    }
}

/// Whether a tag is one of hosts, not of the things on them.
fn is_of_host(name: &str) -> bool {
    let is_own = name.starts_with('_') || ["host", TAG_METRIC_TYPE].contains(&name);
    !is_own && ITEM_TAGS.binary_search(&name).is_err()
}
