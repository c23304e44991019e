//! `up --engine docker` by a stand-in for docker, which writes down what it is asked, and what is said
//! where there is none. No container engine is needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use watchpost_e2e::platform::{Site, workspace};

use crate::lifecycle::text;
use crate::living_chain::RULES;

/// Answers as docker does; fails where `fails` names the beginning of what it is asked.
fn docker(site: &Site, fails: &str) -> PathBuf {
    let folder = site.path("bin");
    fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$WATCHPOST_WEB_PORT $*\" >> {log}\n\
         case \"$*\" in\n'{fails}'*) echo 'Cannot connect to the Docker daemon' >&2; exit 1;;\nesac\n\
         echo \"(docker $*)\"\n",
        log = site.path("asked").display(),
    );
    fs::write(folder.join("docker"), script).unwrap();
    fs::set_permissions(folder.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn site() -> Option<Arc<Site>> {
    Site::new(|_| RULES.to_owned())
}

fn up(site: &Site, path: &str) -> Command {
    let mut command = site.xtask("up", &["--engine", "docker", "--free-ports", "--detach"]);
    command.env("PATH", path);
    command
}

fn with_docker(site: &Site, fails: &str) -> String {
    format!("{}:/usr/bin:/bin", docker(site, fails).display())
}

#[test]
fn compose_is_started_looked_at_and_stopped() {
    let Some(site) = site() else { return };
    let path = with_docker(&site, "nothing");
    let started = up(&site, &path).output().unwrap();
    let screen = text(&started);
    assert!(started.status.success(), "{screen}");
    for word in [
        "Watchpost is running",
        "Dashboard",
        "Grafana",
        "Ready after",
    ] {
        assert!(screen.contains(word), "{screen}");
    }
    let web = site.state()["roles"][0]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, port) = web.rsplit_once(':').unwrap();
    let file = workspace().canonicalize().unwrap();
    let file = file.join("deploy/docker-compose.yml").display().to_string();
    let asked = || fs::read_to_string(site.path("asked")).unwrap();
    let wanted = format!("{port} compose --file {file} up --build --detach --wait");
    assert!(asked().contains(&wanted), "{}", asked());

    // The secrets are behind a door that only their owner opens.
    let secrets = site.path("state/compose-secrets");
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&secrets), 0o700);
    let names: Vec<PathBuf> = fs::read_dir(&secrets)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let secret = fs::read_to_string(&name).unwrap();
        assert!(secret.len() >= 32 && !screen.contains(&secret) && !asked().contains(&secret));
    }

    for (name, arguments, wanted) in [
        ("status", vec![], "ps --all"),
        ("logs", vec!["web"], "logs web"),
        ("down", vec!["--volumes"], "down --volumes"),
    ] {
        let output = site.xtask(name, &arguments).env("PATH", &path).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output));
        assert!(asked().contains(wanted), "{}", asked());
    }
    assert!(!site.path("state").exists());
}

#[test]
fn a_machine_without_docker_is_told_what_to_do() {
    let Some(site) = site() else { return };
    for (fails, word) in [
        (None, "docker cannot be started"),
        (Some("compose version"), "compose plugin"),
        (Some("info"), "no Docker engine answers: Cannot connect"),
    ] {
        let path = fails.map_or("/nonexistent".to_owned(), |it| with_docker(&site, it));
        let output = up(&site, &path).output().unwrap();
        let said = text(&output);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains(word), "{said}");
        assert!(said.contains("embedded engine"), "a way out: {said}");
    }
}

#[test]
fn a_stack_that_does_not_come_up_is_told() {
    let Some(site) = site() else { return };
    let file = workspace().canonicalize().unwrap();
    let file = file.join("deploy/docker-compose.yml");
    let fails = format!("compose --file {} up", file.display());
    let output = up(&site, &with_docker(&site, &fails)).output().unwrap();
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("compose did not bring the stack up"),
        "{said}"
    );
}
