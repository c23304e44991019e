//! What a server must hold, computed from the data and the states of the batches.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{BatchState, Dataset, Ledger, Place, SeriesSum};

/// What was sent: the first pass and the rewrites.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Batches of all lines.
    pub first: Arc<Ledger>,
    /// Batches of the lines that were sent again.
    pub rewrite: Arc<Ledger>,
}

/// What is known of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It must be there, after so many rewrites.
    Certain(u64),
    /// It may be there in any version up to this one; it must be if `required`.
    Open {
        /// Highest version that was sent.
        version: u64,
        /// Acknowledged in some version.
        required: bool,
    },
}

impl Sent {
    /// Every line that was sent, and what is known of it.
    pub fn lines<'s>(
        &'s self,
        dataset: &'s Dataset,
    ) -> impl Iterator<Item = (Place, Certainty)> + 's {
        (0..self.first.end())
            .map(|batch| (batch, self.first.state(batch)))
            .filter(|(_, state)| *state != BatchState::Unsent)
            .flat_map(move |(batch, state)| {
                let rewrite = self.rewrite.state(batch);
                dataset.positions(batch).map(move |position| {
                    let again = rewrite != BatchState::Unsent && dataset.is_rewritten(position);
                    let version = u64::from(again);
                    let certainty = match (state, again, rewrite) {
                        (BatchState::Acknowledged, true, BatchState::Unknown) => Certainty::Open {
                            version,
                            required: true,
                        },
                        (BatchState::Acknowledged, ..) => Certainty::Certain(version),
                        (_, true, BatchState::Acknowledged) => Certainty::Certain(version),
                        _ => Certainty::Open {
                            version,
                            required: false,
                        },
                    };
                    (dataset.place(position), certainty)
                })
            })
    }
}

/// Sums of what is certain, and how much is not.
#[derive(Debug, Default)]
pub struct Expected {
    hosts: HashMap<u64, Host>,
    fields: u64,
}

#[derive(Debug, Default)]
struct Host {
    sums: Vec<SeriesSum>,
    uncertain: u64,
}

/// Adds up everything that was sent.
pub(super) fn expected(dataset: &Dataset, sent: &Sent) -> Expected {
    let fields = dataset.fields();
    let mut expected = Expected {
        fields: fields.len() as u64,
        ..Expected::default()
    };
    for (place, certainty) in sent.lines(dataset) {
        let host = expected.hosts.entry(place.host).or_insert_with(|| Host {
            sums: vec![SeriesSum::default(); fields.len()],
            uncertain: 0,
        });
        let Certainty::Certain(version) = certainty else {
            host.uncertain += 1;
            continue;
        };
        let time = dataset.time(place.index);
        for (at, field) in fields.iter().enumerate() {
            let units = dataset.units(place, at, version);
            host.sums[at].add(field.kind, units, time, dataset.interval());
        }
    }
    expected
}

impl Expected {
    /// Series that were sent.
    pub fn series(&self) -> u64 {
        self.hosts.len() as u64 * self.fields
    }

    /// Values that must be there.
    pub fn certain(&self) -> u64 {
        let counts = self.hosts.values().flat_map(|host| &host.sums);
        counts.map(|sum| sum.count).sum()
    }

    /// Values that may be there.
    pub fn uncertain(&self) -> u64 {
        self.hosts.values().map(|host| host.uncertain).sum::<u64>() * self.fields
    }

    /// Lines of a host that may be there.
    pub fn uncertain_lines(&self, host: u64) -> u64 {
        self.hosts.get(&host).map_or(0, |host| host.uncertain)
    }

    /// Values of a host that must or may be there.
    pub fn values(&self, host: u64) -> u64 {
        self.hosts.get(&host).map_or(0, |host| {
            let certain: u64 = host.sums.iter().map(|sum| sum.count).sum();
            certain + host.uncertain * self.fields
        })
    }

    /// What a series must add up to.
    pub fn sum(&self, host: u64, field: usize) -> SeriesSum {
        let found = self.hosts.get(&host).and_then(|host| host.sums.get(field));
        found.copied().unwrap_or_default()
    }

    /// Whether anything was sent of a host.
    pub fn knows(&self, host: u64) -> bool {
        self.hosts.contains_key(&host)
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = u64> + '_ {
        self.hosts.keys().copied()
    }
}
