//! Names of InfluxDB 1 for buckets. They carry no label: those of our buckets count as ours.

use super::{Difference, Kind, Observed, ObservedBucket, ObservedDbrp, Plan, bucket};
use crate::platform::{Dbrp, Platform};

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    for dbrp in &platform.dbrps {
        let name = name(&dbrp.database, &dbrp.retention_policy);
        let Some(found) = observed.dbrps.iter().find(|it| is(dbrp, it)) else {
            let fields = [
                ("bucket", dbrp.bucket.clone()),
                ("default", dbrp.default.to_string()),
            ];
            plan.create(Kind::Dbrp, &name, &fields);
            continue;
        };
        let pairs = [
            bucket_difference(dbrp, found, platform, observed),
            Difference::of(
                "default",
                found.default.to_string(),
                dbrp.default.to_string(),
            ),
        ];
        let differences: Vec<Difference> = pairs.into_iter().flatten().collect();
        match differences.is_empty() {
            true => plan.update(Kind::Dbrp, &name, &found.id, true, differences),
            // The bucket behind a name cannot be changed in place.
            false => plan.replace(Kind::Dbrp, &name, &found.id, differences),
        }
    }
    for found in &observed.dbrps {
        let ours = bucket_of(found, observed).is_some_and(|it| it.managed);
        if ours && !platform.dbrps.iter().any(|it| is(it, found)) {
            let name = name(&found.database, &found.retention_policy);
            plan.delete(Kind::Dbrp, &name, &found.id);
        }
    }
}

/// A bucket that is only renamed stays the same one.
fn bucket_difference(
    dbrp: &Dbrp,
    found: &ObservedDbrp,
    platform: &Platform,
    observed: &Observed,
) -> Option<Difference> {
    let wanted = platform.buckets.iter().find(|it| it.name == dbrp.bucket);
    let same = wanted
        .and_then(|it| bucket::find(it, observed))
        .is_some_and(|it| it.id == found.bucket_id);
    let current = bucket_of(found, observed).map_or(&found.bucket_id, |it| &it.name);
    let difference = Difference::of("bucket", current, &dbrp.bucket);
    difference.filter(|_| !same)
}

fn bucket_of<'a>(found: &ObservedDbrp, observed: &'a Observed) -> Option<&'a ObservedBucket> {
    observed.buckets.iter().find(|it| it.id == found.bucket_id)
}

fn is(dbrp: &Dbrp, found: &ObservedDbrp) -> bool {
    dbrp.database == found.database && dbrp.retention_policy == found.retention_policy
}

fn name(database: &str, retention_policy: &str) -> String {
    format!("{database}/{retention_policy}")
}
