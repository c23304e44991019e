//! Commands answer with what they did: to whom, until when, who had it before, which flag is missing.

use std::process::Command;

use serde_json::json;
use watchpost_testkit::{Daemon, HttpReceiver, skip, wait};

use crate::binary::{Alerter, Site, rules};

/// Standard output and standard error of a command that asks the alerter.
fn ask(
    site: &Site,
    alerter: &Alerter,
    arguments: &[&str],
    token: bool,
) -> Option<(String, String)> {
    let mut command: Command = Daemon::command("watchpost-alerter")?;
    command
        .args(arguments)
        .args(["--api", &alerter.url])
        .env("TZ", "Europe/Berlin");
    if token {
        command.arg("--token-file").arg(site.path("token"));
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Some((text(output.stdout), text(output.stderr)))
}

#[test]
fn a_silence_says_what_it_matches_and_until_when() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    alerter.push("web-1", false);
    let add = [
        "silence",
        "add",
        "host=web-1",
        "--for",
        "1h",
        "--comment",
        "new disk",
    ];
    let (_, refused) = ask(&site, &alerter, &add, false).unwrap();
    assert!(
        refused.contains("401") && refused.contains("--token-file"),
        "{refused}"
    );
    let (said, _) = ask(&site, &alerter, &add, true).unwrap();
    let (id, rest) = said.split_once('\n').unwrap();
    assert_eq!(id.len(), 36, "{said}");
    assert!(
        rest.starts_with("host=\"web-1\" is silenced until "),
        "{rest}"
    );
    assert!(
        rest.contains(" CET; it matches 1 alert") || rest.contains(" CEST; it matches 1 alert"),
        "{rest}"
    );
    assert!(rest.contains("alertname=cpu,host=web-1"), "{rest}");
    let other = ["silence", "add", "host=web-2", "--comment", "c"];
    let (said, _) = ask(&site, &alerter, &other, true).unwrap();
    assert!(said.contains("matches no alert that fires now"), "{said}");
}

#[test]
fn an_acknowledgement_says_whose_it_was() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    alerter.push("web-1", false);
    let alerts = alerter.get("/api/v1/alerts");
    let fingerprint = alerts["alerts"][0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let add = |owner| ["ack", "add", &fingerprint, "--owner", owner];
    let (said, _) = ask(&site, &alerter, &add("ann"), true).unwrap();
    assert_eq!(
        said,
        format!("{fingerprint} is acknowledged by ann until it is resolved\n")
    );
    let (said, _) = ask(&site, &alerter, &add("bob"), true).unwrap();
    assert_eq!(
        said,
        format!(
            "{fingerprint} is acknowledged by bob until it is resolved; before, it was acknowledged by ann\n"
        )
    );
}

/// The port is no reason not to watch: the role goes on, and serves once the port is free.
#[test]
fn a_taken_port_ends_no_alerter() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(mut command) = site.command() else {
        return skip("watchpost-alerter is not built");
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    command
        .arg("--set")
        .arg(format!("api.listen.listen={address}"));
    let mut daemon = Daemon::start(command);
    let line = daemon.wait_for_line("cannot listen on");
    assert!(line.contains("api.listen.listen"), "{line}");
    daemon.wait_for_line("the alerter is running");
    drop(taken);
    let alerter = Alerter {
        daemon,
        url: format!("http://{address}"),
    };
    let pushed = json!([{ "labels": { "alertname": "cpu", "host": "a" } }]);
    wait::until("the port", || {
        let served = std::net::TcpStream::connect(address).is_ok();
        served.then_some(())
    });
    assert_eq!(alerter.post("/api/v2/alerts", Some(pushed)).0, 200);
    hook.requests.wait(1);
}

/// A host that is gone stops paging.
#[test]
fn a_host_that_nothing_watches_cannot_be_forgotten() {
    let hook = HttpReceiver::webhook();
    let site = Site::new(&rules(&hook));
    let Some(alerter) = site.start() else {
        return;
    };
    let path = "/api/v1/hosts/web-1";
    let delete = reqwest::Method::DELETE;
    assert_eq!(alerter.call(delete.clone(), path, None, false).0, 401);
    assert_eq!(alerter.call(delete, path, None, true).0, 404);
}
