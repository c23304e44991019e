//! Buckets: made, renamed, adopted, their retention kept; removed only when empty.

use watchpost_service::config::Interval;

use super::{Difference, Kind, Observed, ObservedBucket, Plan};
use crate::platform::{Bucket, Platform};

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    for bucket in &platform.buckets {
        match find(bucket, observed) {
            None => {
                let retention = retention(bucket.retention.get().as_secs());
                let fields = [
                    ("retention", retention),
                    ("purpose", bucket.purpose.clone()),
                ];
                plan.create(Kind::Bucket, &bucket.name, &fields);
            }
            Some(found) => {
                plan.update(
                    Kind::Bucket,
                    &bucket.name,
                    &found.id,
                    found.managed,
                    differences(bucket, found),
                );
            }
        }
    }
    for found in observed.buckets.iter().filter(|it| it.managed) {
        let wanted = platform
            .buckets
            .iter()
            .any(|it| find(it, observed).is_some_and(|it| it.id == found.id));
        match (wanted, found.has_data) {
            (true, _) => {}
            (false, false) => plan.delete(Kind::Bucket, &found.name, &found.id),
            (false, true) => plan.notes.push(format!(
                "bucket {}: no longer in the file, but it holds data; it stays (`destroy --with-data` removes it)",
                found.name
            )),
        }
    }
}

/// The bucket of that name, else the one of its old name.
pub(super) fn find<'a>(bucket: &Bucket, observed: &'a Observed) -> Option<&'a ObservedBucket> {
    let named = |name: &str| observed.buckets.iter().find(|it| it.name == name);
    named(&bucket.name).or_else(|| named(bucket.renamed_from.as_deref()?))
}

fn differences(bucket: &Bucket, found: &ObservedBucket) -> Vec<Difference> {
    let pairs = [
        ("name", found.name.clone(), bucket.name.clone()),
        (
            "retention",
            retention(found.retention_seconds),
            retention(bucket.retention.get().as_secs()),
        ),
        ("purpose", found.description.clone(), bucket.purpose.clone()),
    ];
    pairs
        .into_iter()
        .filter_map(|(field, from, to)| Difference::of(field, from, to))
        .collect()
}

/// `7d`, or that it is for ever.
pub(super) fn retention(seconds: u64) -> String {
    match seconds {
        0 => "for ever".to_owned(),
        _ => Interval::seconds(seconds).to_string(),
    }
}
