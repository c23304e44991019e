//! The systemd units of `deploy/systemd`: how closed they are, that systemd takes them, and that all they name exists.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The worst exposure that `systemd-analyze security` may find, from 0 (closed) to 10 (open). The agent has more, for it sees
/// every process and every file system of its host.
const THRESHOLDS: [(&str, f64); 8] = [
    ("agent", 3.5),
    ("alerter", 2.0),
    ("archive", 2.0),
    ("drill", 2.0),
    ("engine", 2.0),
    ("health", 2.0),
    ("provisioner", 2.0),
    ("web", 2.0),
];

/// Tokens that no line of `platform.toml` makes: packages do, when they are installed.
const MADE_BY_PACKAGES: [&str; 2] = ["operator", "alerter-api"];

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn path_of(unit: &str) -> PathBuf {
    deploy().join(format!("systemd/watchpost-{unit}.service"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All values of a directive, in the order of the file.
fn values(unit: &str, directive: &str) -> Vec<String> {
    let text = read(&path_of(unit));
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(key, _)| *key == directive)
        .map(|(_, value)| value.to_owned())
        .collect()
}

fn value(unit: &str, directive: &str) -> String {
    let found = values(unit, directive);
    assert_eq!(found.len(), 1, "{unit}: {directive}= {found:?}");
    found.into_iter().next().unwrap()
}

/// `None`, with the reason printed, where there is no systemd that judges files.
fn systemd_analyze(arguments: &[&str], files: &[PathBuf]) -> Option<Output> {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .args(files)
        .output();
    let Ok(output) = output else {
        println!("skipped: systemd-analyze is not on the PATH");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("unrecognized option") {
        println!(
            "skipped: systemd-analyze is older than 250: {}",
            errors.trim()
        );
        return None;
    }
    Some(output)
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Copies whose programs exist on every machine, for `verify` looks for them.
fn with_programs_that_exist(folder: &Path) -> Vec<PathBuf> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(deploy().join("systemd")).unwrap() {
        let path = entry.unwrap().path();
        let lines = read(&path);
        let lines = lines
            .lines()
            .map(|line| match line.strip_prefix("ExecStart=") {
                Some(command) => {
                    let (_, arguments) = command.split_once(' ').unwrap();
                    format!("ExecStart=/bin/true {arguments}\n")
                }
                None => format!("{line}\n"),
            });
        let copy = folder.join(path.file_name().unwrap());
        fs::write(&copy, lines.collect::<String>()).unwrap();
        copies.push(copy);
    }
    copies
}

#[test]
fn no_unit_is_more_exposed_than_it_has_to_be() {
    for (unit, threshold) in THRESHOLDS {
        let arguments = ["security", "--offline=true", "--no-pager"];
        let Some(output) = systemd_analyze(&arguments, &[path_of(unit)]) else {
            return;
        };
        let text = said(&output);
        let level = text
            .split("Overall exposure level for ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().nth(1))
            .and_then(|word| word.parse::<f64>().ok());
        let level = level.unwrap_or_else(|| panic!("{unit}: {text}"));
        println!("{unit}: {level} of at most {threshold}");
        assert!(
            level <= threshold,
            "{unit}: {level} is over {threshold}\n{text}"
        );
    }
}

#[test]
fn systemd_takes_every_unit_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let units = with_programs_that_exist(folder.path());
    assert!(units.len() > THRESHOLDS.len(), "the timer is there, too");
    let Some(output) = systemd_analyze(&["verify", "--man=no"], &units) else {
        return;
    };
    let text = said(&output);
    assert!(output.status.success() && text.trim().is_empty(), "{text}");
}

#[test]
fn every_unit_has_its_user_its_folder_its_mask_and_its_limits() {
    for (unit, _) in THRESHOLDS {
        let user = value(unit, "User");
        let role = user.strip_prefix("watchpost-").unwrap();
        assert_eq!(value(unit, "Group"), user);
        let made = read(&deploy().join(format!("sysusers.d/{user}.conf")));
        assert!(made.starts_with(&format!("u {user} - ")), "{made}");
        assert_eq!(value(unit, "StateDirectory"), format!("watchpost/{role}"));
        assert_eq!(value(unit, "StateDirectoryMode"), "0700");
        let folders = read(&deploy().join(format!("tmpfiles.d/{user}.conf")));
        let own = format!("d /var/lib/watchpost/{role} 0700 {user} {user} -");
        assert!(folders.lines().any(|line| line == own), "{folders}");
        assert_eq!(value(unit, "UMask"), "0077");
        assert_eq!(value(unit, "CapabilityBoundingSet"), "", "{unit}");
        for limit in ["MemoryMax", "TasksMax"] {
            assert!(!value(unit, limit).is_empty());
        }
        let is_daemon = value(unit, "Type") == "notify";
        assert_eq!(
            values(unit, "WatchdogSec").len(),
            usize::from(is_daemon),
            "{unit}"
        );
    }
}

#[test]
fn every_token_that_a_unit_loads_is_made_and_every_one_it_uses_is_loaded() {
    let platform = read(&deploy().join("platform.toml"));
    for (unit, _) in THRESHOLDS {
        let mut loaded = Vec::new();
        for credential in values(unit, "LoadCredential") {
            let (name, path) = credential.split_once(':').unwrap();
            assert_eq!(path, format!("/etc/watchpost/tokens/{name}"), "{unit}");
            let token = name.strip_suffix(".token").unwrap();
            let is_made = MADE_BY_PACKAGES.contains(&token)
                || platform.contains(&format!("file = \"{name}\""));
            assert!(is_made, "{unit}: {name}");
            loaded.push(format!("%d/{name}"));
        }
        let text = read(&path_of(unit));
        let words = text.split(['=', ' ', '\n']);
        let used: Vec<&str> = words.filter(|word| word.starts_with("%d/")).collect();
        assert!(!used.is_empty(), "{unit} uses no token");
        for word in &used {
            assert!(
                loaded.iter().any(|it| it == word),
                "{unit}: {word} is not loaded"
            );
        }
        assert_eq!(
            used.len(),
            loaded.len(),
            "{unit} loads a token that it does not use"
        );
    }
}

/// The binary that was built beside this test, if it was.
fn built(program: &str) -> Option<PathBuf> {
    let name = Path::new(program).file_name().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name(name);
    if !binary.exists() {
        println!("skipped: {} is not built", binary.display());
        return None;
    }
    Some(binary)
}

#[test]
fn every_flag_exists() {
    for (unit, _) in THRESHOLDS {
        let line = value(unit, "ExecStart");
        let mut words = line.split(' ');
        let Some(binary) = built(words.next().unwrap()) else {
            continue;
        };
        // `--help` at the end is only answered if all before it was understood.
        let flags = words.filter(|word| !word.starts_with('$'));
        let output = Command::new(binary)
            .env_clear()
            .args(flags)
            .arg("--help")
            .output()
            .unwrap();
        assert!(output.status.success(), "{unit}: {}", said(&output));
    }
}

#[test]
fn every_variable_and_every_key_of_the_shipped_files_exists() {
    for unit in [
        "agent",
        "alerter",
        "archive",
        "health",
        "provisioner",
        "web",
    ] {
        let line = value(unit, "ExecStart");
        let Some(binary) = built(line.split(' ').next().unwrap()) else {
            continue;
        };
        let shipped = line
            .split(' ')
            .skip_while(|it| *it != "--config")
            .nth(1)
            .unwrap();
        let shipped = shipped.strip_prefix("/etc/watchpost/").unwrap();
        let mut command = Command::new(binary);
        command.env_clear();
        for assignment in values(unit, "Environment") {
            let (name, value) = assignment.split_once('=').unwrap();
            command.env(name, value);
        }
        command
            .arg("--config")
            .arg(deploy().join("etc").join(shipped));
        // The rules lie where packages put them; here they lie in the repository.
        if unit == "alerter" {
            let rules = deploy().join("rules.toml");
            command
                .arg("--set")
                .arg(format!("rules.file={}", rules.display()));
        }
        let output = command.arg("print-config").output().unwrap();
        let text = said(&output);
        let known = !text.contains("names no key")
            && !text.contains("unknown")
            && !text.contains("expected");
        assert!(known, "{unit}: {text}");
    }
}
