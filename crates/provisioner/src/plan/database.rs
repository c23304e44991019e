//! InfluxDB 3: a database for each bucket, with its retention. Databases that the file does not name stay.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::bucket::retention;
use super::{Difference, Kind, Plan};
use crate::platform::Platform;

/// Databases of InfluxDB 3 Core (`CORE_NUM_DBS_LIMIT`).
const CORE_DATABASES: usize = 5;
/// How far back Core answers unless it is told otherwise: 432 files (`--query-file-limit`) of ten minutes.
const CORE_SECONDS: u64 = 72 * 3600;

/// What an InfluxDB 3 holds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedDatabases {
    /// `Core`, `Enterprise`; empty if it does not say.
    pub build: String,
    pub databases: Vec<ObservedDatabase>,
}

/// A database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObservedDatabase {
    pub name: String,
    /// Seconds; 0 keeps points for ever.
    pub retention_seconds: u64,
}

/// What must be done so that each bucket has its database.
#[must_use]
pub fn plan_databases(platform: &Platform, observed: &ObservedDatabases) -> Plan {
    let mut plan = Plan::default();
    for bucket in &platform.buckets {
        let wanted = retention(bucket.retention.get().as_secs());
        let found = observed.databases.iter().find(|it| it.name == bucket.name);
        match found {
            None => plan.create(Kind::Bucket, &bucket.name, &[("retention", wanted)]),
            Some(found) => {
                let there = retention(found.retention_seconds);
                let differences = Difference::of("retention", there, wanted);
                plan.update(
                    Kind::Bucket,
                    &bucket.name,
                    &bucket.name,
                    true,
                    differences.into_iter().collect(),
                );
            }
        }
    }
    plan.notes.extend(too_many(platform, observed));
    plan.notes.extend(notes(platform, observed));
    plan
}

/// Why they cannot all be made, if there would be more than Core keeps.
#[must_use]
pub fn too_many(platform: &Platform, observed: &ObservedDatabases) -> Option<String> {
    let there = observed.databases.iter().map(|it| it.name.as_str());
    let wanted = platform.buckets.iter().map(|it| it.name.as_str());
    let all: BTreeSet<&str> = there.chain(wanted).collect();
    if observed.build != "Core" || all.len() <= CORE_DATABASES {
        return None;
    }
    let names: Vec<&str> = all.iter().copied().collect();
    Some(format!(
        "InfluxDB 3 Core keeps {CORE_DATABASES} databases; with those of the file there would be {}: {}. Notes, boards \
         and preferences need none there: the alerter keeps them",
        all.len(),
        names.join(", ")
    ))
}

/// What is not made here, and what cannot be asked.
fn notes(platform: &Platform, observed: &ObservedDatabases) -> Vec<String> {
    let mut notes = Vec::new();
    let is_far = |seconds: u64| seconds == 0 || seconds > CORE_SECONDS;
    let far = platform.buckets.iter();
    let far: Vec<&str> = far
        .filter(|it| is_far(it.retention.get().as_secs()))
        .map(|it| it.name.as_str())
        .collect();
    if observed.build == "Core" && !far.is_empty() {
        notes.push(format!(
            "InfluxDB 3 Core answers questions about 72 hours (--query-file-limit 432): older points of {} are kept and \
             not shown",
            far.join(", ")
        ));
    }
    if !platform.tasks.is_empty() {
        notes.push(format!(
            "InfluxDB 3 runs no tasks: `rollup --every 1m` makes hours and days (tasks of the file that are left out: {})",
            platform.tasks.len()
        ));
    }
    if !platform.tokens.is_empty() {
        notes.push(format!(
            "InfluxDB 3 Core has admin tokens alone, made by `influxdb3 create token --admin` (tokens of the file that are \
             left out: {})",
            platform.tokens.len()
        ));
    }
    notes
}
