//! A problem that stays is told again after half an hour and not before, also when the alerter is
//! restarted in between: played on the alerter's virtual clock, with the very rules, routes and receivers
//! of the platform that is judged, and with those that `up` ships.

use std::fs;

use super::Scene;
use crate::platform::workspace;

/// The timelines, and the messages that must come of each; the rules are put in.
const TIMELINES: &str = include_str!("suppression.md");

/// # Panics
/// With the messages that came instead, or did not come.
pub(super) fn judge(scene: &Scene) {
    let site = scene.platform().site();
    let read = |path| fs::read_to_string(path).unwrap();
    let cases = TIMELINES
        .replace("RULES_OF_THIS_PLATFORM", &read(site.path("rules.toml")))
        .replace(
            "SHIPPED_RULES",
            &read(workspace().join("deploy/rules.toml")),
        );
    let file = site.path("suppression.md");
    fs::write(&file, cases).unwrap();
    let file = file.display().to_string();
    let arguments = ["test", file.as_str()];
    scene
        .platform()
        .run("watchpost-alerter", "alerter", &arguments);
}
