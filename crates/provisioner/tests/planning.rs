//! Plans: a desired and an observed state in, the steps out.

use watchpost_provisioner::plan::vmauth::{self, ObservedFlags};
use watchpost_provisioner::plan::{Desired, Observed, ObservedDatabases, plan, plan_databases};
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

#[test]
fn plans_of_databases() {
    cases::run("testdata/databases.md", |case| {
        let platform = platform::parse("platform.toml", case.input("desired")).unwrap();
        let observed: ObservedDatabases = toml::from_str(case.input("observed")).unwrap();
        render::human(&plan_databases(&platform, &observed), Colour::Off)
    });
}

#[test]
fn plans_of_users() {
    cases::run("testdata/users_of_vmauth.md", |case| {
        let platform = platform::parse("platform.toml", case.input("desired")).unwrap();
        let observed: ObservedFlags = toml::from_str(case.input("observed")).unwrap();
        let plan = render::human(&vmauth::plan_users(&platform, &observed), Colour::Off);
        let mut secrets = observed.secrets.clone();
        for token in &platform.tokens {
            let name = token.name.clone();
            secrets.entry(name).or_insert_with(|| "new-secret".into());
        }
        plan + "\n" + &vmauth::users(&platform, &secrets, &observed.addresses)
    });
}
