//! Labels: our mark first, then those of the file. A label has no label of its own, so a property
//! tells whether we made it.

use super::{Difference, Kind, Observed, ObservedLabel, Plan};
use crate::platform::{Label, Platform};

/// The property of a label that holds the name of the mark it belongs to.
pub const MANAGED_BY: &str = "managed_by";

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    if !observed.labels.iter().any(|it| it.name == platform.label) {
        plan.create(Kind::Label, &platform.label, &[]);
    }
    let wanted = || {
        let all = platform.labels.iter();
        all.filter(|it| it.name != platform.label)
    };
    for label in wanted() {
        match observed.labels.iter().find(|it| it.name == label.name) {
            None => {
                let properties = label.properties.iter();
                let fields: Vec<(&str, String)> = properties
                    .map(|(name, value)| (name.as_str(), value.clone()))
                    .collect();
                plan.create(Kind::Label, &label.name, &fields);
            }
            Some(found) => plan.update(
                Kind::Label,
                &label.name,
                &found.id,
                is_managed(found, &platform.label),
                differences(label, found),
            ),
        }
    }
    for found in managed(observed, &platform.label) {
        if !wanted().any(|it| it.name == found.name) {
            plan.delete(Kind::Label, &found.name, &found.id);
        }
    }
}

/// The labels that belong to a mark, without the mark itself.
pub(super) fn managed<'a>(
    observed: &'a Observed,
    mark: &'a str,
) -> impl Iterator<Item = &'a ObservedLabel> {
    let all = observed.labels.iter();
    all.filter(move |it| is_managed(it, mark))
}

fn is_managed(found: &ObservedLabel, mark: &str) -> bool {
    property(found, MANAGED_BY) == mark
}

fn property<'a>(found: &'a ObservedLabel, name: &str) -> &'a str {
    let mut all = found.properties.iter();
    all.find(|(it, _)| it == name)
        .map_or("", |(_, value)| value.as_str())
}

fn differences(label: &Label, found: &ObservedLabel) -> Vec<Difference> {
    let wanted = label.properties.iter();
    wanted
        .filter_map(|(name, value)| Difference::of(name, property(found, name), value))
        .collect()
}
