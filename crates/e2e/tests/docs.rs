//! The commands of the documents, run as they stand.
//!
//! A block marked `sh` runs, block after block of a document in one shell, from a folder that looks like
//! the repository while `up` runs. A block marked `console` does not, and says why behind the word:
//! ```` ```console docker ````. The reasons are [`REASONS`].

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use watchpost_e2e::platform::{Platform, Site, workspace};
use watchpost_testkit::{binary, skip};

use crate::living_chain::RULES;

/// Why a block of commands is not run here.
const REASONS: [(&str, &str); 9] = [
    ("docker", "needs a container engine"),
    ("systemd", "needs root and an init system"),
    ("influx", "needs InfluxDB or its command-line tool"),
    ("grafana", "needs a Grafana"),
    ("site", "names hosts, files or tools of the reader's own"),
    ("build", "builds, which takes minutes, or runs until Ctrl-C"),
    ("slow", "measures for minutes"),
    ("rules", "is run by the alerter's own tests"),
    (
        "victoriametrics",
        "is run beside a VictoriaMetrics by a test of its own",
    ),
];

/// A fenced block of a document.
pub(crate) struct Block {
    line: usize,
    pub(crate) info: String,
    pub(crate) text: String,
}

fn documents() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(workspace().join("docs"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "md"))
        .collect();
    files.sort();
    files.extend(["README.md", "CONTRIBUTING.md"].map(|it| workspace().join(it)));
    files
}

/// The fenced blocks of a document; those within lists are indented.
pub(crate) fn blocks(path: &Path) -> Vec<Block> {
    let text = fs::read_to_string(path).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let fence: String = bare.chars().take_while(|it| *it == '`').collect();
        match &open {
            None if fence.len() >= 3 => {
                let indent = line[..line.len() - bare.len()].to_owned();
                let info = bare[fence.len()..].trim().to_owned();
                blocks.push(Block {
                    line: index + 1,
                    info,
                    text: String::new(),
                });
                open = Some((fence, indent));
            }
            Some((opened, _)) if fence == *opened => open = None,
            Some((_, indent)) => {
                let block = blocks.last_mut().unwrap();
                block.text += line.strip_prefix(indent.as_str()).unwrap_or(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn each_block_of_commands_runs_or_says_why_not() {
    let mut wrong = String::new();
    for path in documents() {
        for block in blocks(&path) {
            let mut words = block.info.split_whitespace();
            let (kind, reason) = (words.next().unwrap_or_default(), words.next());
            let known = reason.is_some_and(|it| REASONS.iter().any(|(word, _)| *word == it));
            let fine = match kind {
                "sh" => reason.is_none(),
                "console" => known,
                "bash" | "shell" => false,
                _ => true,
            };
            if !fine {
                let file = path.display();
                writeln!(wrong, "{file}:{}: ```{}", block.line, block.info).unwrap();
            }
        }
    }
    let words: Vec<&str> = REASONS.iter().map(|(word, _)| *word).collect();
    assert!(
        wrong.is_empty(),
        "commands are marked `sh`, or `console REASON` with one of {}:\n{wrong}",
        words.join(", ")
    );
}

#[test]
fn the_commands_of_the_documents_work() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let missing = |program: &str| Command::new(program).arg("--version").output().is_err();
    if let Some(program) = ["curl", "sh"].iter().find(|it| missing(it)) {
        return skip(&format!("{program} is not installed"));
    }
    let platform = site.up(&["--hosts", "2"]);
    // A day to look at, and to restore.
    let past = "simulate --hosts 3 --seed 7 --from -25h --for 24h --interval 5m";
    let past: Vec<&str> = past.split(' ').collect();
    platform.run("watchpost-agent", "agent", &past);
    let folder = repository(&site, &platform);
    let preamble = blocks(&workspace().join("docs/README.md"))
        .into_iter()
        .find(|it| it.info == "sh")
        .expect("docs/README.md says how to read the commands");
    let (mut run, mut restores, mut wrong) = (0, 0, String::new());
    for path in documents() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut script = format!("set -eu\n{}", preamble.text);
        for block in blocks(&path).iter().filter(|it| it.info == "sh") {
            writeln!(script, "echo '--- {name}:{}'\n{}", block.line, block.text).unwrap();
            run += 1;
        }
        if !script.contains("echo '--- ") {
            continue;
        }
        let output = shell(&platform, &folder).arg(script).output().unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        // What curl gets from a server that refuses does not end a shell.
        let refused = said.contains("{\"code\":\"");
        if !output.status.success() || refused {
            writeln!(wrong, "{name} ({}):\n{said}", output.status).unwrap();
        }
        if let Some(restored) = said.lines().find(|it| it.starts_with("restored, ")) {
            writeln!(std::io::stderr(), "drill: {restored}").ok();
            restores += usize::from(said.contains("the copy holds the same points:"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(restores, 1, "the drill restores and compares");
    assert!(run >= 10, "only {run} blocks were run");
    platform.stop();
}

/// A folder in which the documents' paths lead where they lead in the repository after `up`.
fn repository(site: &Site, platform: &Platform) -> PathBuf {
    let (folder, root) = (site.path("repository"), workspace().canonicalize().unwrap());
    fs::create_dir_all(folder.join("target/release")).unwrap();
    for name in ["docs", "deploy", "dashboards", "flux-tasks", "crates"] {
        symlink(root.join(name), folder.join(name)).unwrap();
    }
    symlink(site.path("state"), folder.join(".watchpost")).unwrap();
    let program = |path: PathBuf, text: String| {
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // The binaries as they are, but for the ports on which two of them find their daemons.
    let port = |role: &str| platform.address(role).replace("http://", "");
    for (role, setting) in [
        (
            "agent",
            format!("WATCHPOST_TELEMETRY__LISTEN={}", port("agent")),
        ),
        (
            "alerter",
            format!("WATCHPOST_API__LISTEN__LISTEN={}", port("alerter")),
        ),
        ("engine", String::new()),
        ("provisioner", String::new()),
    ] {
        let name = format!("watchpost-{role}");
        let real = binary(&name).unwrap();
        let text = format!("{setting} exec {} \"$@\"", real.display());
        program(folder.join("target/release").join(name), text);
    }
    // `cargo xtask status` without cargo, which would build, and about this folder.
    let cargo = format!(
        "[ \"$1\" = xtask ] || {{ echo \"cargo $* is not for this test\" >&2; exit 1; }}\n\
         shift\nexec {} \"$@\" --folder {}",
        binary("xtask").unwrap().display(),
        site.path("state").display()
    );
    fs::create_dir_all(folder.join("bin")).unwrap();
    program(folder.join("bin/cargo"), cargo);
    folder
}

/// A shell in that folder. The ports are this platform's own instead of the usual ones.
fn shell(platform: &Platform, folder: &Path) -> Command {
    let mut command = watchpost_testkit::command("sh");
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .arg("-c")
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        // The agents of this test read the new secret within a second.
        .env("ROTATION_WAIT", "2s")
        .env("DRILL_PORT", free_port().to_string())
        .env("INFLUX_URL", platform.server())
        .env("WEB_URL", platform.address("web"));
    command
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
