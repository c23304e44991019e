//! The binary under signals: SIGHUP reads again what can be, SIGTERM ends it.

use std::process::Command;

use watchpost_testkit::{Daemon, Signal};
use watchpost_web::sign_in::users::hash_password;

use crate::fixture::write_secret;

fn users(name: &str) -> String {
    let hash = hash_password("correct horse").unwrap();
    format!("[[users]]\nname = \"{name}\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n")
}

/// The binary over a database that is not there.
fn command(folder: &std::path::Path) -> Command {
    let mut command = watchpost_testkit::command(env!("CARGO_BIN_EXE_watchpost-web"));
    command
        .args(["--listen", "127.0.0.1:0"])
        .env("INFLUX_URL", "http://127.0.0.1:9")
        .env("INFLUX_TOKEN_FILE", write_secret(folder, "token", "none"));
    command
}

#[test]
fn a_hangup_does_not_end_a_server_that_has_nothing_to_read_again() {
    let folder = watchpost_testkit::temp_folder();
    let mut web = Daemon::start(command(folder.path()));
    web.wait_for_line("listening on http://");
    for _ in 0..2 {
        web.output.clear();
        web.signal(Signal::Reload);
        web.wait_for_line("SIGHUP");
    }
    assert!(web.stop().success(), "{}", web.text());
}

#[test]
fn a_hangup_reads_the_users_file_and_a_wrong_one_changes_nothing() {
    let folder = watchpost_testkit::temp_folder();
    let file = write_secret(folder.path(), "users.toml", &users("ada"));
    let mut command = command(folder.path());
    command
        .arg("--set")
        .arg(format!("http.users_file={}", file.display()));
    let mut web = Daemon::start(command);
    web.wait_for_line("listening on http://");
    web.signal(Signal::Reload);
    web.wait_for_line("the users file was read again");
    std::fs::write(&file, "[[users]]\nname = 1").unwrap();
    web.signal(Signal::Reload);
    web.wait_for_line("the users known before stay");
    assert!(web.stop().success(), "{}", web.text());
}
