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
fn mistakes_of_the_files_beside_it_are_told_with_the_others() {
    let folder = watchpost_testkit::temp_folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("platform.toml", WITH_FILES);
    write(
        "downsample.flux",
        "option task = {name: \"x\", every: 1h}\n",
    );
    write("plain.flux", "data |> yield()\n");
    let told = |text: &str| {
        let error = platform::read_whole(&folder.path().join("platform.toml")).unwrap_err();
        let folder = format!("{}/", folder.path().display());
        assert_eq!(error.to_string().replace(&folder, ""), text);
    };
    told(
        "platform.toml:3:1: tasks.0.file: cannot read downsampel.flux: No such file or directory (os error 2); did you mean downsample.flux?\n\
         platform.toml:7:1: tasks.1.file: downsample.flux: line 1: a file must not hold `option task`: name, every and offset stand in the desired state\n\
         platform.toml:13:1: tasks.2.parameters: plain.flux: parameters are given, but the file has no line `parameters = {…}`",
    );
    write("platform.toml", &WITH_FILES.replace("1d", "0s"));
    told(
        "platform.toml:3:1: tasks.0.file: cannot read downsampel.flux: No such file or directory (os error 2); did you mean downsample.flux?\n\
         platform.toml:8:1: tasks.1.every: must be at least 1s",
    );
}

const WITH_FILES: &str = "\
[[tasks]]
name = \"one\"
file = \"downsampel.flux\"
every = \"1h\"
[[tasks]]
name = \"two\"
file = \"downsample.flux\"
every = \"1d\"
[[tasks]]
name = \"three\"
file = \"plain.flux\"
every = \"1h\"
parameters = { source = \"raw\" }
";

#[test]
fn a_tasks_text_is_made_from_its_file_and_its_parameters() {
    cases::run("testdata/task_texts.md", |case| {
        let task = toml::from_str(case.input("task")).unwrap();
        match platform::render(&task, case.input("flux")) {
            Ok(text) => text.text().to_owned(),
            Err(error) => error.to_string(),
        }
    });
}

#[test]
fn the_shipped_platform_is_valid_and_survives_a_round_trip() {
    let path = Path::new("../../deploy/platform.toml");
    let shipped = platform::read_whole(path).unwrap().platform;
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
