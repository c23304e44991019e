//! Configuration as data: layers and what they give, mistakes and what is said of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use watchpost_service::config::{
    ByteSize, Interval, RoleConfig as _, Sources, load, load_text, print, reference,
};
use watchpost_testkit::cases::{self, Case};

use crate::sample::Sample;

/// The sources of a case: blocks `toml`, `env` (`NAME=value` lines) and `flags` (`key=value` lines).
fn sources(case: &Case) -> Sources {
    let pairs = |language: &str| -> Vec<(String, String)> {
        let lines = case.optional(language).unwrap_or_default().lines();
        lines
            .map(|line| line.split_once('=').expect("NAME=value"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let mut sources = Sources {
        environment: pairs("env").into_iter().collect(),
        ..Sources::default()
    };
    for (key, value) in pairs("flags") {
        sources.set(&key, value, "--set");
    }
    sources
}

fn outcome(case: &Case) -> String {
    let text = case.optional("toml").unwrap_or_default();
    match load_text::<Sample>("sample.toml", text, &sources(case)) {
        Ok(loaded) => print(&loaded),
        Err(error) => format!("{error}\n"),
    }
}

#[test]
fn layers_give_one_configuration() {
    cases::run("testdata/config/layers.md", outcome);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    cases::run("testdata/config/mistakes.md", outcome);
}

#[test]
fn the_reference_is_generated_from_the_struct() {
    cases::run("testdata/config/reference.md", |case| {
        match case.input("print") {
            "markdown\n" => reference::markdown::<Sample>(),
            _ => reference::sample::<Sample>(),
        }
    });
}

#[test]
fn every_suite_is_run() {
    let suites = [
        "cli.md",
        "config/layers.md",
        "config/mistakes.md",
        "config/reference.md",
        "metrics.md",
    ];
    cases::assert_none_forgotten("testdata", &suites);
}

#[test]
fn the_sample_file_is_valid_once_its_comments_are_taken_away() {
    let sample = reference::sample::<Sample>();
    let values = |line: &&str| !line.starts_with("# ") || line.contains(" = ");
    let text: Vec<String> = sample
        .lines()
        .filter(values)
        .map(|line| line.trim_start_matches("# ").to_owned())
        .collect();
    // Keys without a default are shown as an empty text; the paths among them would have to exist.
    let text: Vec<String> = text
        .into_iter()
        .filter(|line| !line.ends_with("= \"\""))
        .collect();
    let loaded = load_text::<Sample>("sample.toml", &text.join("\n"), &Sources::default());
    assert_eq!(loaded.expect("valid").config, Sample::default());
}

#[test]
fn sections_are_closed_and_keys_explained() {
    assert_eq!(reference::open_sections::<Sample>(), Vec::<String>::new());
    assert_eq!(
        reference::undocumented_keys::<Sample>(),
        Vec::<String>::new()
    );
}

#[test]
fn a_missing_file_is_a_mistake() {
    let folder = watchpost_testkit::temp_folder();
    let file = Some(folder.path().join("absent.toml"));
    let error = load::<Sample>(&Sources {
        file,
        ..Sources::default()
    })
    .expect_err("refused");
    assert!(
        error.to_string().contains("absent.toml: cannot be read"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_secret_in_a_file_open_to_all_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("open.toml");
    std::fs::write(&path, "influx.token = \"t0p\"").unwrap();
    let mode =
        |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let sources = Sources {
        file: Some(path.clone()),
        ..Sources::default()
    };
    mode(0o644);
    let open = load::<Sample>(&sources).expect("valid");
    assert_eq!(open.warnings.len(), 1);
    assert_eq!(open.warnings[0].key, "influx.token");
    mode(0o600);
    assert_eq!(load::<Sample>(&sources).expect("valid").warnings, []);
}

/// Of every role: the section is theirs all.
#[cfg(unix)]
#[test]
fn a_token_file_that_others_may_read_is_a_mistake() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("agent.token");
    std::fs::write(&path, "t0p").unwrap();
    let load = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let named = (
            "WATCHPOST_INFLUX__TOKEN_FILE".to_owned(),
            path.display().to_string(),
        );
        load::<Sample>(&Sources {
            environment: BTreeMap::from([named]),
            ..Sources::default()
        })
    };
    let error = load(0o644).expect_err("refused").to_string();
    assert!(
        error.contains("chmod 0600") && error.contains("influx.token_file"),
        "{error}"
    );
    assert!(load(0o600).is_ok());
}

#[test]
fn no_shown_form_of_a_configuration_holds_the_token() {
    let environment = BTreeMap::from([("INFLUX_TOKEN".to_owned(), "hunter2".to_owned())]);
    let sources = Sources {
        environment,
        ..Sources::default()
    };
    let loaded = load::<Sample>(&sources).expect("valid");
    assert_eq!(loaded.config.influx.token.reveal(), "hunter2");
    let json = serde_json::to_string(&loaded.config).unwrap();
    for shown in [print(&loaded), format!("{:?}", loaded.config), json] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn roles_name_declared_keys_in_their_environment() {
    for (name, _) in Sample::ENVIRONMENT {
        let environment = BTreeMap::from([((*name).to_owned(), "http://x".to_owned())]);
        let loaded = load::<Sample>(&Sources {
            environment,
            ..Sources::default()
        })
        .expect("valid");
        assert_eq!(loaded.origins.values().collect::<Vec<_>>(), [name]);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_a_mistake(text in "\\PC{0,60}(\n\\PC{0,30}){0,3}") {
        let _ = load_text::<Sample>("any.toml", &text, &Sources::default());
    }

    #[test]
    fn any_value_at_any_key_is_taken_or_refused_with_its_line(
        key in "(host|tags|influx|buffer|outputs|influx\\.timeout|buffer\\.(size|batch|drop)|x\\.y)",
        value in "(1|-1|1\\.5|true|\"\"|\"a\"|\\[\\]|\\[1\\]|\\{\\}|\\{ a = 1 \\}|\\[\\{ a = 1 \\}, \\{ name = \"b\" \\}\\])",
    ) {
        let text = format!("\n{key} = {value}\n");
        if let Err(error) = load_text::<Sample>("any.toml", &text, &Sources::default()) {
            for problem in &error.problems {
                prop_assert!(problem.place.starts_with("any.toml:2:"), "{problem}");
            }
        }
    }

    #[test]
    fn intervals_read_back(nanoseconds in 0..=i64::MAX as u64) {
        let interval = Interval(std::time::Duration::from_nanos(nanoseconds));
        prop_assert_eq!(interval.to_string().parse::<Interval>(), Ok(interval));
    }

    #[test]
    fn sizes_read_back(bytes: u64) {
        let size = ByteSize(bytes);
        prop_assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
    }

    #[test]
    fn any_text_is_a_size_and_an_interval_or_neither(text in "\\PC{0,12}") {
        let _ = text.parse::<ByteSize>();
        let _ = text.parse::<Interval>();
    }
}
