//! The program as a user calls it.

use std::process::{Command, Output};

use watchpost_bench::settings::Settings;
use watchpost_service::config::reference;

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost-bench"));
    for name in [
        "INFLUX_URL",
        "INFLUX_TOKEN",
        "INFLUX_TOKEN_FILE",
        "INFLUX_ORG",
        "WATCHPOST_CONFIG",
    ] {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("it starts")
}

#[test]
fn another_machine_is_not_loaded_by_accident() {
    let output = bench(&["run", "write", "--set", "influx.url=http://192.0.2.1:8086"]);
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("--allow-remote"), "{told}");
}

#[test]
fn a_shown_scenario_is_one_that_runs() {
    let output = bench(&["show", "mixed"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("kind = \"mixed\""));
    assert_eq!(bench(&["show", "nothing"]).status.code(), Some(64));
}

#[test]
fn an_unreachable_server_is_a_failed_run_with_a_report() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!(
        "influx.url=http://{}",
        listener.local_addr().expect("it is bound")
    );
    drop(listener);
    let output = bench(&["run", "write", "--output", "json", "--set", &url]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a report on standard output");
    let told = report["runs"][0]["problems"][0]
        .as_str()
        .unwrap_or_default();
    assert!(told.contains("cannot be reached"), "{told}");
}

#[test]
fn the_list_is_for_scripts_too() {
    let output = bench(&["list", "--output", "json"]);
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(all.as_array().is_some_and(|all| all.len() > 10));
}

#[test]
fn every_key_is_explained_and_closed() {
    assert_eq!(
        reference::undocumented_keys::<Settings>(),
        Vec::<String>::new()
    );
    assert_eq!(reference::open_sections::<Settings>(), Vec::<String>::new());
}

#[test]
fn the_reference_page_is_current() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/configuration/bench.md"
    );
    let page = reference::markdown::<Settings>();
    if std::env::var("UPDATE_EXPECT").is_ok() {
        std::fs::write(path, &page).expect("it can be written");
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, page, "rewrite it with UPDATE_EXPECT=1");
}
