//! The scenarios that come with the program, and mistakes in those of a user.

use std::collections::BTreeSet;

use watchpost_bench::Error;
use watchpost_bench::scenario::{find, list, source};
use watchpost_service::config::Interval;

#[test]
fn every_file_is_listed_and_valid() {
    let listed: BTreeSet<String> = list()
        .expect("all are valid")
        .into_iter()
        .map(|one| {
            assert!(!one.about.is_empty(), "{}", one.name);
            one.name.to_owned()
        })
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().replace(".toml", ""))
        .collect();
    assert_eq!(listed, files);
}

#[test]
fn every_query_is_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    for entry in files.flatten() {
        let name = entry.file_name().to_string_lossy().replace(".flux", "");
        assert!(watchpost_bench::query::shape(&name).is_some(), "{name}");
    }
}

#[test]
fn the_quick_check_is_ten_thousand_points_in_batches_of_a_thousand() {
    let scenario = find("write").expect("it is there");
    assert_eq!(
        (scenario.lines(), scenario.write.batch_size),
        (10_000, 1_000)
    );
    let scenario = find("query").expect("it is there");
    assert_eq!(scenario.query.and_then(|query| query.count), Some(100));
}

#[test]
fn a_soak_of_seconds_is_measured_too() {
    let scenario = find("soak").expect("it is there");
    let (seconds, hours) = (Interval::seconds(20), Interval::seconds(36_000));
    let short = scenario.clone().lasting(seconds);
    assert_eq!(
        (short.warmup, short.duration),
        (Interval::seconds(5), Some(seconds))
    );
    assert!(short.problems().is_empty(), "{:?}", short.problems());
    assert_eq!(scenario.clone().lasting(hours).warmup, scenario.warmup);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    let error = find("saturat").expect_err("there is none");
    assert!(
        error.to_string().contains("did you mean \"saturate\"?"),
        "{error}"
    );
}

#[test]
fn every_mistake_of_a_file_is_told() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("mine.toml");
    let text = "kind = \"query\"\nduration = \"5s\"\nwarmup = \"5s\"\n[data]\nhosts = 0\nrewritten = 2.0\n[write]\nmodel = \"open\"\nbatch_size = 0\n";
    std::fs::write(&path, text).expect("it can be written");
    let Err(Error::Scenario { problems, .. }) = find(&path.display().to_string()) else {
        panic!("it is full of mistakes");
    };
    let told = problems.join("\n");
    for key in [
        "data.hosts",
        "data.rewritten",
        "write.rate",
        "write.batch_size",
        "query:",
        "warmup:",
    ] {
        assert!(told.contains(key), "{key} is missing in\n{told}");
    }
}

#[test]
fn an_unknown_key_is_refused() {
    let folder = watchpost_testkit::temp_folder();
    let path = folder.path().join("mine.toml");
    let text = source("write")
        .expect("it is there")
        .replace("batch_size", "batchsize");
    std::fs::write(&path, text).expect("it can be written");
    let error = find(&path.display().to_string()).expect_err("a key is wrong");
    assert!(error.to_string().contains("batchsize"), "{error}");
}
