//! The plan: a pure comparison of what should be with what is.
//!
//! It knows resources and names, no URLs; `apply` carries it out. The same desired and observed
//! state give the same plan, in the order in which its steps can be done.
#![warn(clippy::disallowed_methods)]

mod bucket;
mod change;
mod dbrp;
mod label;
mod observed;
mod task;
mod teardown;
mod token;

pub use self::change::{Action, Change, Difference, Kind, MANAGED, Plan};
pub use self::observed::{
    Observed, ObservedBucket, ObservedCheck, ObservedDbrp, ObservedLabel, ObservedTask,
    ObservedToken, Secret, TOKEN_MARK,
};
pub use self::teardown::teardown;

use crate::platform::{Check, Platform, TaskText};

/// What should be: the file, with the texts of its tasks and checks.
#[derive(Debug, Clone)]
pub struct Desired<'a> {
    pub platform: &'a Platform,
    /// One text per task of the platform, in its order.
    pub tasks: Vec<TaskText>,
    /// One query per check of the platform, in its order.
    pub checks: Vec<String>,
}

/// What must be done so that `observed` becomes `desired`.
#[must_use]
pub fn plan(desired: &Desired<'_>, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    label::compare(desired.platform, observed, &mut plan);
    bucket::compare(desired.platform, observed, &mut plan);
    dbrp::compare(desired.platform, observed, &mut plan);
    task::compare(desired, observed, &mut plan);
    checks(desired, observed, &mut plan);
    token::compare(desired.platform, observed, &mut plan);
    plan.sort();
    plan
}

fn checks(desired: &Desired<'_>, observed: &Observed, plan: &mut Plan) {
    for (check, query) in desired.platform.checks.iter().zip(&desired.checks) {
        match observed.checks.iter().find(|it| it.name == check.name) {
            None => plan.create(Kind::Check, &check.name, Vec::new()),
            Some(found) => {
                let differences = check_differences(check, query, found);
                plan.update(
                    Kind::Check,
                    &check.name,
                    &found.id,
                    found.managed,
                    differences,
                );
            }
        }
    }
    for found in observed.checks.iter().filter(|it| it.managed) {
        if !desired
            .platform
            .checks
            .iter()
            .any(|it| it.name == found.name)
        {
            plan.delete(Kind::Check, &found.name, &found.id);
        }
    }
}

fn check_differences(check: &Check, query: &str, found: &ObservedCheck) -> Vec<Difference> {
    let number = |it: Option<f64>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let pairs = [
        (
            "query",
            found.query.trim().to_owned(),
            query.trim().to_owned(),
        ),
        ("every", found.every.clone(), check.every.to_string()),
        (
            "critical_above",
            number(found.critical_above),
            number(check.critical_above),
        ),
        (
            "warn_above",
            number(found.warn_above),
            number(check.warn_above),
        ),
    ];
    pairs
        .into_iter()
        .filter_map(|(field, from, to)| Difference::of(field, from, to))
        .collect()
}
