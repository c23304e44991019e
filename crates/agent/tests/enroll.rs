//! `enroll`: nothing changes unless the server takes a write; then token and configuration are what the unit reads.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::agent::PROGRAM;
use crate::fake_influx::{Answer, FakeInflux};

/// As a package lays it down.
const SHIPPED: &str = include_str!("../../../deploy/etc/agent.toml");

const TOKEN: &str = "a-token-of-some-length";

struct Host {
    folder: watchpost_testkit::TempFolder,
}

impl Host {
    fn new() -> Self {
        let folder = watchpost_testkit::temp_folder();
        let host = Self { folder };
        fs::write(host.configuration(), SHIPPED).unwrap();
        fs::set_permissions(host.configuration(), fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(host.path("given"), format!("{TOKEN}\n")).unwrap();
        fs::set_permissions(host.path("given"), fs::Permissions::from_mode(0o600)).unwrap();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configuration(&self) -> PathBuf {
        self.path("agent.toml")
    }

    fn enroll(&self, url: &str, more: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(["enroll", "--no-start", "--server", url, "--token-file"])
            .arg(self.path("given"))
            .arg("--config")
            .arg(self.configuration())
            .args(more)
            .env_clear()
            .output()
            .unwrap()
    }

    fn is_unchanged(&self) -> bool {
        fs::read_to_string(self.configuration()).unwrap() == SHIPPED
            && !self.path("tokens").exists()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_host_is_enrolled_with_its_tags_and_keeps_what_its_file_says() {
    let server = FakeInflux::start();
    let host = Host::new();
    let tags = ["--tag", "region=eu-west-1", "--tag", "rack=7"];
    let output = host.enroll(&server.url(), &tags);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("systemctl enable --now"),
        "{}",
        said(&output)
    );
    let text = fs::read_to_string(host.configuration()).unwrap();
    assert!(
        text.contains(&format!("url = \"{}\"\n", server.url())),
        "{text}"
    );
    assert!(text.contains("region = \"eu-west-1\"\nenvironment = \"production\"\n"));
    assert!(text.contains("[tags.more]\nrack = \"7\"\n"), "{text}");
    let comments = SHIPPED.lines().filter(|line| line.starts_with("# "));
    for comment in comments {
        assert!(text.contains(comment), "{comment} is gone");
    }
    assert_eq!(mode(&host.configuration()), 0o644, "the service reads it");
    let token = host.path("tokens/agent.token");
    assert_eq!(fs::read_to_string(&token).unwrap(), TOKEN);
    assert_eq!((mode(&token), mode(&host.path("tokens"))), (0o600, 0o700));
}

#[test]
fn enrolling_again_changes_the_server_and_nothing_else() {
    let (first, second) = (FakeInflux::start(), FakeInflux::start());
    let host = Host::new();
    assert!(host.enroll(&first.url(), &[]).status.success());
    let before = fs::read_to_string(host.configuration()).unwrap();
    assert!(host.enroll(&second.url(), &[]).status.success());
    let after = fs::read_to_string(host.configuration()).unwrap();
    assert_eq!(after, before.replace(&first.url(), &second.url()));
}

#[test]
fn what_the_server_refuses_changes_nothing_and_is_explained() {
    for (status, hint) in [(401, "Bad token"), (403, "No permission"), (404, "bucket")] {
        let server = FakeInflux::start();
        server.answer(move |_, _| Answer::error(status, "no"));
        let host = Host::new();
        let output = host.enroll(&server.url(), &[]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(hint), "{status}: {said}");
        assert!(said.contains("Nothing was changed."), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
        assert!(host.is_unchanged());
    }
    let host = Host::new();
    let output = host.enroll(&FakeInflux::away().url(), &[]);
    assert!(said(&output).contains("No route"), "{}", said(&output));
    assert!(host.is_unchanged());
}

#[test]
fn mistakes_are_named_before_anything_is_asked() {
    let server = FakeInflux::start();
    for (more, mistake) in [
        (["--tag", "region"].as_slice(), "KEY=VALUE"),
        (&["--tag", "_x=1"], "_x"),
        (&["--ca-file", "/nowhere.pem"], "/nowhere.pem"),
    ] {
        let host = Host::new();
        // Over plain HTTP no authority is asked for.
        let url = server.url().replace("http://", "https://");
        let output = host.enroll(&url, more);
        assert!(said(&output).contains(mistake), "{}", said(&output));
        assert!(!output.status.success() && host.is_unchanged());
    }
    for (content, mistake) in [("", "empty"), ("two words\n", "visible ASCII")] {
        let host = Host::new();
        fs::write(host.path("given"), content).unwrap();
        let output = host.enroll(&server.url(), &[]);
        assert!(said(&output).contains(mistake), "{}", said(&output));
        assert!(!output.status.success() && host.is_unchanged());
    }
    let host = Host::new();
    let dotted = "influx.url = \"http://old\"\n";
    fs::write(host.configuration(), dotted).unwrap();
    let output = host.enroll(&server.url(), &[]);
    assert!(!output.status.success(), "{}", said(&output));
    let text = fs::read_to_string(host.configuration()).unwrap();
    assert_eq!(text, dotted);
}
