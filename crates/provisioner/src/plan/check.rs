//! Checks of InfluxDB's own: the query, how often, and the levels.

use super::{Desired, Difference, Kind, Observed, ObservedCheck, Plan};
use crate::platform::Check;

pub(super) fn compare(desired: &Desired<'_>, observed: &Observed, plan: &mut Plan) {
    for (check, query) in desired.platform.checks.iter().zip(&desired.checks) {
        match observed.checks.iter().find(|it| it.name == check.name) {
            None => plan.create(Kind::Check, &check.name, &fields(check)),
            Some(found) => {
                let differences = differences(check, query, found);
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

fn differences(check: &Check, query: &str, found: &ObservedCheck) -> Vec<Difference> {
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

fn fields(check: &Check) -> [(&'static str, String); 4] {
    [
        ("file", check.file.clone()),
        ("every", check.every.to_string()),
        ("critical_above", number(check.critical_above)),
        ("warn_above", number(check.warn_above)),
    ]
}

fn number(level: Option<f64>) -> String {
    level.map_or_else(|| "-".to_owned(), |it| it.to_string())
}
