//! Labels: our mark first, then those of the file.

use super::{Difference, Kind, Observed, Plan};
use crate::platform::{Label, Platform};

pub(super) fn compare(platform: &Platform, observed: &Observed, plan: &mut Plan) {
    if !observed.labels.iter().any(|it| it.name == platform.label) {
        plan.create(Kind::Label, &platform.label, Vec::new());
    }
    for label in platform
        .labels
        .iter()
        .filter(|it| it.name != platform.label)
    {
        match observed.labels.iter().find(|it| it.name == label.name) {
            None => plan.create(Kind::Label, &label.name, Vec::new()),
            // A label has no label of its own; what the file names is ours.
            Some(found) => plan.update(
                Kind::Label,
                &label.name,
                &found.id,
                true,
                differences(label, &found.properties),
            ),
        }
    }
}

fn differences(label: &Label, found: &[(String, String)]) -> Vec<Difference> {
    let wanted = label.properties.iter().filter_map(|(name, value)| {
        let current = found
            .iter()
            .find(|(it, _)| it == name)
            .map_or("", |(_, value)| value.as_str());
        Difference::of(name, current, value)
    });
    wanted.collect()
}
