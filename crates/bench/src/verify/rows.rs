//! The points of some hosts, held one by one against what they must be.

use std::collections::{BTreeSet, HashMap};

use super::{Certainty, Sent};
use crate::data::{Dataset, host_name};

/// Examples kept while reading.
const EXAMPLE_LIMIT: usize = 8;

/// A value as a server holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredPoint {
    /// Number of the host.
    pub host: u64,
    /// Place of the field.
    pub field: usize,
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Value in units; `None` when it is none that was ever sent.
    pub units: Option<i64>,
}

/// What is wrong with the points of some hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Acknowledged and not there.
    pub missing: u64,
    /// There more than once.
    pub doubled: u64,
    /// There with another value.
    pub altered: u64,
    /// There and never sent.
    pub unexpected: u64,
    /// Some of them.
    pub examples: Vec<String>,
}

/// Judges the points of `hosts`.
pub fn judge(
    dataset: &Dataset,
    sent: &Sent,
    hosts: &BTreeSet<u64>,
    points: Vec<StoredPoint>,
) -> Findings {
    let mut found = Findings::default();
    let mut stored: HashMap<(u64, usize, i64), Option<i64>> = HashMap::with_capacity(points.len());
    for point in points {
        let key = (point.host, point.field, point.time);
        if stored.insert(key, point.units).is_some() {
            found.doubled += 1;
            found.example("doubled", dataset, key, "");
        }
    }
    let lines = sent.lines(dataset);
    for (place, certainty) in lines.filter(|(place, _)| hosts.contains(&place.host)) {
        let time = dataset.time(place.index);
        let (lowest, highest, required) = match certainty {
            Certainty::Certain(version) => (version, version, true),
            Certainty::Open { version, required } => (0, version, required),
        };
        for field in 0..dataset.fields().len() {
            let key = (place.host, field, time);
            let Some(units) = stored.remove(&key) else {
                if required {
                    found.missing += 1;
                    found.example("missing", dataset, key, "");
                }
                continue;
            };
            let fits = |version| units == Some(dataset.units(place, field, version));
            if !(lowest..=highest).any(fits) {
                found.altered += 1;
                let must = dataset.units(place, field, highest);
                let words = match units {
                    Some(units) => format!(": {units} units, must be {must}"),
                    None => format!(": not a value that was sent, must be {must} units"),
                };
                found.example("altered", dataset, key, &words);
            }
        }
    }
    for key in stored.into_keys() {
        found.unexpected += 1;
        found.example("never sent", dataset, key, "");
    }
    found
}

impl Findings {
    fn example(&mut self, what: &str, dataset: &Dataset, key: (u64, usize, i64), more: &str) {
        if self.examples.len() >= EXAMPLE_LIMIT {
            return;
        }
        let (host, field, time) = key;
        let field = dataset.fields().get(field);
        let name = field.map_or("?", |field| field.name.as_str());
        let time = watchpost_core::time::format_rfc3339(time);
        self.examples
            .push(format!("{what}: {} {name} {time}{more}", host_name(host)));
    }
}
