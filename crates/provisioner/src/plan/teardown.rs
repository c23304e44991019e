//! What `destroy` removes: only what carries our mark, and no data without being told to.

use super::{Kind, Observed, Plan, label};

/// Every managed resource, removed in the reverse of the order in which they are made.
#[must_use]
pub fn teardown(label: &str, observed: &Observed, with_data: bool) -> Plan {
    let mut plan = Plan::default();
    for token in &observed.tokens {
        plan.delete(Kind::Token, &token.name, &token.id);
    }
    for check in observed.checks.iter().filter(|it| it.managed) {
        plan.delete(Kind::Check, &check.name, &check.id);
    }
    for task in observed.tasks.iter().filter(|it| it.managed) {
        plan.delete(Kind::Task, &task.name, &task.id);
    }
    for it in label::managed(observed, label) {
        plan.delete(Kind::Label, &it.name, &it.id);
    }
    let mut kept = 0;
    for bucket in observed.buckets.iter().filter(|it| it.managed) {
        if bucket.has_data && !with_data {
            kept += 1;
            plan.notes.push(format!(
                "bucket {}: holds data and stays (`--with-data` removes it)",
                bucket.name
            ));
            continue;
        }
        for dbrp in observed.dbrps.iter().filter(|it| it.bucket_id == bucket.id) {
            plan.delete(
                Kind::Dbrp,
                &format!("{}/{}", dbrp.database, dbrp.retention_policy),
                &dbrp.id,
            );
        }
        plan.delete(Kind::Bucket, &bucket.name, &bucket.id);
    }
    // As long as a bucket is kept, so is the mark that tells it is ours.
    for mark in observed
        .labels
        .iter()
        .filter(|it| it.name == label && kept == 0)
    {
        plan.delete(Kind::Label, &mark.name, &mark.id);
    }
    plan.sort();
    plan
}
