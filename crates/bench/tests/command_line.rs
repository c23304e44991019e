//! The program as a user calls it.

use std::process::Output;

use watchpost_bench::settings::Settings;
use watchpost_service::config::reference;

fn bench(arguments: &[&str]) -> Output {
    let mut command = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-bench"));
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
fn what_the_bench_itself_can_drive_is_a_run_against_a_server_that_keeps_nothing() {
    let arguments = [
        "run",
        "self-drive-requests",
        "--duration",
        "2s",
        "--spawn",
        "null",
        "--output",
        "json",
    ];
    let output = bench(&arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a report on standard output");
    let run = &report["runs"][0];
    assert!(
        run["loads"]["write"]["operations"].as_u64() > Some(10),
        "{run}"
    );
    assert!(run["verification"].is_null());
    assert!(run["notes"].to_string().contains("keeps nothing"), "{run}");
}

#[test]
fn a_server_may_be_named_on_the_command_line_alone() {
    let told = |server: &str| {
        let output = bench(&["run", "write", "--server", server]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.code(),
            text + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let (code, text) = told(&format!("mine=http://{address},org=o,kind=victoriametrics"));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("mine (") && text.contains("cannot be reached"),
        "{text}"
    );
    for (server, words) in [
        ("mine=http://127.0.0.1:1,token=secret", "none of org"),
        ("mine=127.0.0.1:1", "is not a URL"),
        (
            "mine=http://127.0.0.1:1,token-file=/does/not/exist",
            "/does/not/exist",
        ),
        ("mine=http://192.0.2.1:8086", "--allow-remote"),
        ("mine", "--server mine=URL"),
    ] {
        let (code, text) = told(server);
        assert!(
            code != Some(0) && code != Some(1),
            "{server}: {code:?} {text}"
        );
        assert!(text.contains(words), "{server}: {text}");
    }
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
