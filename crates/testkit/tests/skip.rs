//! A skipped test says so past the capture of the harness.

use std::process::Command;

use watchpost_testkit::{Daemon, skip};

/// Set for the run of this binary inside the test.
const INNER: &str = "TESTKIT_INNER_RUN";

#[test]
fn the_reason_is_told_though_the_test_passes() {
    if std::env::var_os(INNER).is_some() {
        println!("captured");
        return skip("an example");
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "skip::the_reason_is_told_though_the_test_passes"]);
    command.env(INNER, "1");
    let mut inner = Daemon::start(command);
    let reason = "skipped: skip::the_reason_is_told_though_the_test_passes: an example";
    assert_eq!(inner.wait_for_line("skipped"), reason);
    assert!(inner.wait_for_exit().success());
    assert!(!inner.text().contains("captured"), "{}", inner.text());
}
