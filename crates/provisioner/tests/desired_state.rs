//! The desired-state file: every mistake at once, and the files this project ships.

use std::fs;
use std::path::Path;

use watchpost_provisioner::platform;
use watchpost_testkit::cases;

#[test]
fn every_mistake_is_told_with_its_place() {
    cases::run("testdata/invalid.md", |case| {
        match platform::parse("platform.toml", case.input("desired")) {
            Ok(_) => "valid".to_owned(),
            Err(error) => error.to_string(),
        }
    });
}

#[test]
fn a_tasks_text_is_made_from_its_file_and_its_parameters() {
    cases::run("testdata/task_texts.md", |case| {
        let task = toml::from_str(case.input("task")).unwrap();
        match platform::render(&task, case.input("flux")) {
            Ok(text) => text.0,
            Err(error) => error.to_string(),
        }
    });
}

#[test]
fn the_shipped_platform_is_valid_and_survives_a_round_trip() {
    let path = Path::new("../../deploy/platform.toml");
    let shipped = platform::read(path).unwrap();
    for task in &shipped.tasks {
        let file = fs::read_to_string(path.parent().unwrap().join(&task.file)).unwrap();
        platform::render(task, &file).unwrap();
    }
    let again = platform::parse("again.toml", &platform::write(&shipped).unwrap()).unwrap();
    assert_eq!(again, shipped);
}

#[test]
fn the_hourly_task_knows_the_counters_of_the_catalogue() {
    let file = fs::read_to_string("../../flux-tasks/downsample_hourly.flux").unwrap();
    let pattern = watchpost_provisioner::gaps::counters_pattern();
    assert!(
        file.contains(&format!("counters = /{pattern}/\n")),
        "write this pattern into the task: {pattern}"
    );
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let page = watchpost_service::config::reference::markdown::<
        watchpost_provisioner::settings::Settings,
    >();
    let path = Path::new("../../docs/configuration/provisioner.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &page).unwrap();
    }
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        page,
        "UPDATE_EXPECT=1 cargo test -p watchpost-provisioner writes it"
    );
}
