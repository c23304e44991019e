//! What can be wrong with a machine or a command line is said before anything is started.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use watchpost_e2e::platform::{Site, workspace};
use watchpost_testkit::{Daemon, skip, temp_folder};

use crate::lifecycle::text;
use crate::living_chain::RULES;

/// What `up` says when it ends badly.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    text
}

fn site() -> Option<std::sync::Arc<Site>> {
    Site::new(|_| RULES.to_owned())
}

#[test]
fn a_port_that_is_taken_is_named_with_its_holder() {
    let Some(site) = site() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (role, option) in [("engine", "--engine-port"), ("web", "--web-port")] {
        let said = refused(&mut site.xtask("up", &[option, &port]));
        let number = std::process::id();
        assert!(
            said.contains(&format!("port {port} of the {role} is taken by ")),
            "{said}"
        );
        assert!(said.contains(&format!("(process {number})")), "{said}");
        assert!(
            said.contains(option) && said.contains("--free-ports"),
            "{said}"
        );
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let Some(site) = site() else { return };
    let mut command = Daemon::command("xtask").unwrap();
    let said = refused(command.args(["up", "--folder", "/proc/nowhere/watchpost"]));
    assert!(
        said.contains("cannot make the folder /proc/nowhere/watchpost"),
        "{said}"
    );
    // A file where the folder should be.
    std::fs::write(site.path("state"), "").unwrap();
    let said = refused(&mut site.command(&[]));
    assert!(said.contains("cannot make the folder"), "{said}");
}

#[test]
fn a_full_disk_is_told_before_anything_is_written() {
    let Some(_) = site() else { return };
    // A small file system that every Linux has, where it is small enough.
    let small = Command::new("stat")
        .args(["-f", "-c", "%a %S", "/dev/shm"])
        .output();
    let numbers = small.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let free: u64 = numbers
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|it| it.parse::<u64>().ok())
        .product();
    if free == 0 || free >= 512 << 20 {
        return skip("/dev/shm is not a small file system here");
    }
    let folder = format!("/dev/shm/watchpost-{}", std::process::id());
    let mut command = Daemon::command("xtask").unwrap();
    let said = refused(command.args(["up", "--folder", &folder]));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(said.contains("MiB are free where"), "{said}");
    assert!(said.contains("--folder"), "{said}");
}

#[test]
fn crates_that_cannot_be_fetched_are_told() {
    let Some(site) = site() else { return };
    let home = temp_folder();
    let mut command = site.xtask("up", &["--free-ports"]);
    command
        .env("CARGO_HOME", home.path())
        .env("CARGO_TARGET_DIR", home.path().join("target"))
        .env("CARGO_NET_OFFLINE", "true");
    let said = refused(&mut command);
    assert!(
        said.contains("the first build needs the network once"),
        "{said}"
    );
    assert!(said.contains("--binaries"), "{said}");
}

#[test]
fn a_role_that_cannot_start_is_named_with_its_last_words() {
    let Some(site) = site() else { return };
    std::fs::write(site.path("broken.toml"), "[[rule]]\nname = 3\n").unwrap();
    let rules = site.path("broken.toml");
    let said = refused(&mut site.command(&["--hosts", "0", "--rules", rules.to_str().unwrap()]));
    assert!(said.contains("the alerter ended while starting"), "{said}");
    assert!(said.contains("broken.toml"), "{said}");
    assert!(said.contains("logs/alerter.log"), "{said}");
    assert!(
        !site.path("state/up.json").exists(),
        "nothing is left behind"
    );
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let Some(site) = site() else { return };
    for (arguments, word) in [
        (
            vec!["--engine", "sqlite"],
            "expected auto, embedded, docker, external, victoriametrics or influxdb3",
        ),
        (vec!["--quick"], "--quick and --output go with --check"),
        (vec!["--hosts", "many"], "many"),
        (vec!["--nonsense"], "--nonsense"),
    ] {
        let said = refused(&mut site.xtask("up", &arguments));
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
}

#[test]
fn an_ordinary_user_runs_it() {
    const NOBODY: u32 = 65_534;
    let Some(site) = site() else { return };
    // As an ordinary user every other test shows it already.
    let root = std::fs::metadata("/proc/self").is_ok_and(|it| {
        use std::os::unix::fs::MetadataExt;
        it.uid() == 0
    });
    if !root {
        return;
    }
    let folder = site.path("");
    chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
    let rules = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(site.path("rules.toml"), rules).unwrap();
    let up = site.command(&["--detach", "--hosts", "0"]);
    let as_nobody = |command: &Command| {
        let mut other = Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        other.arg(command.get_program()).args(command.get_args());
        other.current_dir("/");
        other
    };
    let reachable = as_nobody(&{
        let mut command = Command::new("test");
        command
            .arg("-r")
            .arg(workspace().join("deploy/platform.toml"));
        command
    })
    .status();
    if !reachable.is_ok_and(|it| it.success()) {
        return skip("setpriv is missing, or nobody cannot read this folder");
    }
    let started = as_nobody(&up).output().unwrap();
    assert!(started.status.success(), "{}", text(&started));
    let down = as_nobody(&site.xtask("down", &[])).output().unwrap();
    assert!(down.status.success(), "{}", text(&down));
    assert!(text(&down).contains("Stopped."), "{}", text(&down));
}
