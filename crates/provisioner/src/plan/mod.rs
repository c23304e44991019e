//! The plan: a pure comparison of what should be with what is.
//!
//! It knows resources and names, no URLs; `apply` carries it out. The same desired and observed
//! state give the same plan, in the order in which its steps can be done.
#![warn(clippy::disallowed_methods)]

mod bucket;
mod change;
mod check;
mod database;
mod dbrp;
mod label;
mod observed;
mod task;
mod teardown;
mod token;
pub mod vmauth;

pub use self::change::{Action, Change, Difference, Kind, MANAGED, Plan};
pub use self::database::{ObservedDatabase, ObservedDatabases, plan_databases, too_many};
pub use self::label::MANAGED_BY;
pub use self::observed::{
    Observed, ObservedBucket, ObservedCheck, ObservedDbrp, ObservedLabel, ObservedTask,
    ObservedToken, Secret,
};
pub use self::teardown::teardown;

use crate::platform::{Platform, TaskText};

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
    check::compare(desired, observed, &mut plan);
    token::compare(desired.platform, observed, &mut plan);
    plan.sort();
    plan
}
