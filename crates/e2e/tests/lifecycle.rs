//! A platform's life on the command line: in the background, looked at, restarted, killed, taken down.

use std::process::Output;

use serde_json::Value;
use watchpost_e2e::platform::Site;
use watchpost_testkit::wait;

use crate::living_chain::RULES;

pub(crate) fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Runs a command about the folder; what it printed, if it ended as wanted.
fn xtask(site: &Site, name: &str, arguments: &[&str], success: bool) -> String {
    let output = site.xtask(name, arguments).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.success(), success, "{name}: {text}");
    text
}

fn is_alive(process: u64) -> bool {
    std::path::Path::new(&format!("/proc/{process}/exe")).exists()
        && std::fs::read_link(format!("/proc/{process}/exe")).is_ok()
}

fn processes(state: &Value) -> Vec<u64> {
    let roles = state["roles"].as_array().unwrap();
    roles
        .iter()
        .map(|it| it["process"].as_u64().unwrap())
        .collect()
}

fn kill(process: u64) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &process.to_string()])
        .status();
    assert!(killed.unwrap().success());
}

#[test]
fn a_platform_in_the_background_is_looked_at_heals_and_goes() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let started = site
        .command(&["--detach", "--hosts", "0"])
        .output()
        .unwrap();
    let screen = text(&started);
    assert!(started.status.success(), "{screen}");
    for word in [
        "Dashboard",
        "Server",
        "Alerts",
        "Logs",
        "Secrets",
        "Try next",
    ] {
        assert!(screen.contains(word), "{screen}");
    }
    assert!(
        xtask(&site, "up", &["--free-ports"], false).contains("Watchpost already runs from"),
        "one platform a folder"
    );

    // A role that dies is started again, and both `up` and `status` tell.
    let before = site.state();
    kill(before["roles"][0]["process"].as_u64().unwrap());
    let healed = wait::until("the engine to run again", || {
        let output = site.xtask("status", &["--output", "json"]).output().ok()?;
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        (status["roles"][0]["restarts"] == 1 && output.status.success()).then_some(status)
    });
    assert_eq!(healed["roles"][0]["name"], "engine");
    assert!(healed["memory_bytes"].as_u64().unwrap() > 10 << 20);
    assert!(healed["cpu_percent"].as_f64().is_some());
    let status = xtask(&site, "status", &[], true);
    assert!(status.contains("5 processes, "), "{status}");
    let log = xtask(&site, "logs", &["up"], true);
    assert!(log.contains("The engine ended (signal: 9"), "{log}");
    assert!(log.contains("it is started again in 1 s"), "{log}");
    assert!(log.contains("The engine runs again"), "{log}");
    let wrong = xtask(&site, "logs", &["nobody"], false);
    assert!(
        wrong.contains("there are: agent, alerter, engine"),
        "{wrong}"
    );

    // Everything goes, and with `--volumes` what it knew, too.
    let (state, left) = (site.state(), site.path("state"));
    assert!(xtask(&site, "down", &["--volumes"], true).contains("Stopped."));
    assert!(!left.exists());
    for process in processes(&state) {
        assert!(!is_alive(process), "process {process} was left behind");
    }
    assert!(xtask(&site, "status", &[], false).contains("not running here"));
}

#[test]
fn what_a_killed_up_left_is_ended() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let half_dead = || {
        let started = site.command(&["--detach", "--hosts", "0"]).output();
        let started = started.unwrap();
        assert!(started.status.success(), "{}", text(&started));
        let state = site.state();
        kill(state["supervisor"].as_u64().unwrap());
        wait::until("the end of up", || {
            (!is_alive(state["supervisor"].as_u64().unwrap())).then_some(())
        });
        state
    };
    let state = half_dead();
    let status = xtask(&site, "status", &[], false);
    assert!(status.contains("`up` itself was killed"), "{status}");
    assert!(status.contains("running"), "{status}");
    // One of the roles is dead as well, and the next `up` puts all of it right.
    kill(processes(&state)[1]);
    let again = half_dead();
    for process in processes(&state) {
        assert!(!is_alive(process), "process {process} of the first run");
    }
    let down = xtask(&site, "down", &[], true);
    assert!(down.contains("Stopped 5 processes of an `up`"), "{down}");
    for process in processes(&again) {
        assert!(!is_alive(process), "process {process} was left behind");
    }
    assert!(xtask(&site, "down", &[], true).contains("Nothing was running."));
}
