//! Plans: a desired and an observed state in, the steps out.

use watchpost_provisioner::plan::{Desired, Observed, plan};
use watchpost_provisioner::platform::{self, Platform};
use watchpost_provisioner::render::{self, Colour};
use watchpost_testkit::cases;

/// The text of every task's file in the cases.
const TASK_FILE: &str = "data |> yield()\n";

#[test]
fn plans() {
    cases::run("testdata/plan", |case| {
        let platform = platform::parse("platform.toml", case.input("desired")).unwrap();
        let observed: Observed = toml::from_str(case.input("observed")).unwrap();
        render::human(&plan(&desired(&platform), &observed), Colour::Off)
    });
}

fn desired(platform: &Platform) -> Desired<'_> {
    let tasks = platform
        .tasks
        .iter()
        .map(|task| platform::render(task, TASK_FILE).unwrap());
    Desired {
        platform,
        tasks: tasks.collect(),
        checks: vec![TASK_FILE.to_owned(); platform.checks.len()],
    }
}
