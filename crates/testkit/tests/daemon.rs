//! Daemons, with shells in the place of the real ones.

use std::process::Command;

use watchpost_testkit::{Daemon, Signal};

/// A shell that may trap SIGHUP even where the tests were started under `nohup`, which has it ignored.
fn shell(script: &str) -> Daemon {
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", "/bin/sh", "-c", script]);
    Daemon::start(command)
}

#[test]
fn both_outputs_are_recorded() {
    let mut daemon = shell("echo to out; echo to err >&2; exec sleep 60");
    assert_eq!(daemon.wait_for_line("out"), "to out");
    assert_eq!(daemon.wait_for_line("err"), "to err");
    assert!(!daemon.has_ended());
    daemon.kill();
    assert!(daemon.has_ended());
}

#[test]
fn signals_reach_the_process() {
    let loops = "while :; do sleep 0.01; done";
    let script =
        format!("trap 'echo reloaded' HUP; trap 'echo bye; exit 3' TERM; echo up; {loops}");
    let mut daemon = shell(&script);
    daemon.wait_for_line("up");
    daemon.signal(Signal::Reload);
    daemon.wait_for_line("reloaded");
    assert_eq!(daemon.stop().code(), Some(3));
    daemon.wait_for_line("bye");
    // Nobody is there any more; nothing happens.
    daemon.signal(Signal::Interrupt);
}

#[test]
fn a_process_that_ends_early_is_not_waited_for() {
    let error = shell("echo something else").line("never said").unwrap_err();
    assert_eq!(
        error,
        "the process ended without \"never said\":\nsomething else"
    );
}

#[test]
fn a_port_is_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut daemon = shell("exec sleep 60");
    daemon.wait_for_port(listener.local_addr().unwrap());
    assert!(daemon.id() > 0);
    assert_eq!(daemon.text(), "");
}

#[test]
fn a_binary_that_is_not_built_has_no_command() {
    assert!(Daemon::command("watchpost-nonesuch").is_none());
}

/// Set for the run of this binary inside the test.
const INNER: &str = "WATCHPOST_INNER_RUN";

#[test]
fn variables_of_the_tests_do_not_reach_the_daemons() {
    if std::env::var_os(INNER).is_some() {
        let mut env = Daemon::start(watchpost_testkit::command("env"));
        assert!(env.wait_for_exit().success());
        assert!(env.text().contains("PATH="), "{}", env.text());
        assert!(!env.text().contains("WATCHPOST_"), "{}", env.text());
        return;
    }
    let mut inner = Command::new(std::env::current_exe().unwrap());
    inner.args([
        "--exact",
        "daemon::variables_of_the_tests_do_not_reach_the_daemons",
    ]);
    inner.env(INNER, "1");
    let mut inner = Daemon::start(inner);
    assert!(inner.wait_for_exit().success(), "{}", inner.text());
    assert!(inner.text().contains("1 passed"), "{}", inner.text());
}
