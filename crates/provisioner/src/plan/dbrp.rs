//! Names of InfluxDB 1 for buckets. They carry no label: those of our buckets count as ours.

use super::{Difference, Kind, Observed, ObservedDbrp, Plan};
use crate::platform::{Dbrp, Platform};

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    for dbrp in &platform.dbrps {
        let name = format!("{}/{}", dbrp.database, dbrp.retention_policy);
        let bucket = observed
            .buckets
            .iter()
            .find(|it| it.name == dbrp.bucket)
            .map(|it| it.id.as_str());
        match observed.dbrps.iter().find(|it| is(dbrp, it)) {
            None => plan.create(Kind::Dbrp, &name, Vec::new()),
            Some(found) => {
                let target = bucket.unwrap_or(&dbrp.bucket);
                let pairs = [
                    Difference::of("bucket", &found.bucket_id, target),
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
        }
    }
}

fn is(dbrp: &Dbrp, found: &ObservedDbrp) -> bool {
    found.database == dbrp.database && found.retention_policy == dbrp.retention_policy
}
