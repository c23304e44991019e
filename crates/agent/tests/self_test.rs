//! `self-test`: what worked, what did not, and the likely cause.

use std::process::Command;

use watchpost_client::management::{NewAuthorization, Permission, Resource};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::skip;

use crate::agent::{self, Setup};
use crate::fake_influx::FakeInflux;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn no_route_and_no_token_are_named() {
    let away = FakeInflux::away();
    let setup = Setup::new(&away.url(), "");
    let output = setup.command().arg("self-test").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("No route"),
        "{}",
        text(&output.stdout)
    );
    setup.configure("");
    let output = setup.command().arg("self-test").output().unwrap();
    let report = text(&output.stdout);
    assert!(report.contains("no token is configured"), "{report}");
}

/// An agent set up for the server of the tests, with its token.
fn set_up(server: &watchpost_testkit::Server) -> Setup {
    let setup = Setup::new(&server.url, "");
    setup.set_token(&server.token);
    setup.configure(&setup.config().replace(
        "[influx]",
        &format!(
            "[influx]\norg = \"{}\"\nbucket = \"{}\"",
            server.org, server.bucket
        ),
    ));
    setup
}

/// Whether it passed, and what it said.
fn run(mut command: Command) -> (bool, String) {
    let output = command.arg("self-test").output().unwrap();
    (output.status.success(), text(&output.stdout))
}

#[test]
fn it_passes_where_all_is_well_and_names_a_missing_bucket_and_a_bad_token() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let setup = set_up(&server);
    let (passed, report) = run(setup.command());
    assert!(passed, "{report}");
    let mut missing = setup.command();
    missing.args(["--set", "influx.bucket=no-such-bucket"]);
    let (passed, report) = run(missing);
    assert!(!passed && report.contains("Missing bucket"), "{report}");
    let mut missing = setup.command();
    missing.args(["--set", "influx.org=no-such-org"]);
    let (passed, report) = run(missing);
    assert!(!passed && report.contains("organization"), "{report}");
    setup.set_token("not-a-token");
    let (passed, report) = run(setup.command());
    assert!(!passed && report.contains("Bad token"), "{report}");
}

/// A token that may do one thing with the bucket of the tests.
fn token_for(server: &watchpost_testkit::Server, action: &str) -> String {
    let token = TokenSource::fixed(server.token.as_str());
    let client = Client::new(ClientConfig::new(&server.url, &server.org, token)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let bucket = client.find_bucket(&server.bucket).await.unwrap().unwrap();
        let authorization = NewAuthorization {
            org_id: bucket.org_id.clone(),
            description: format!("may {action}"),
            permissions: vec![Permission {
                action: action.to_owned(),
                resource: Resource {
                    kind: "buckets".to_owned(),
                    id: Some(bucket.id),
                    org_id: Some(bucket.org_id),
                    name: None,
                },
            }],
        };
        let made = client.create_authorization(&authorization).await.unwrap();
        made.token
    })
}

#[test]
fn a_token_that_may_write_is_enough_and_one_that_may_only_read_is_not() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let setup = set_up(&server);
    setup.set_token(&token_for(&server, "write"));
    let (passed, report) = run(setup.command());
    assert!(
        passed && report.contains("may write but not read"),
        "{report}"
    );
    setup.set_token(&token_for(&server, "read"));
    let (passed, report) = run(setup.command());
    assert!(!passed && report.contains("No permission"), "{report}");
}

#[test]
fn a_clock_that_is_off_is_told() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let setup = set_up(&server);
    let Some(library) = agent::preload("clock_offset.c", &setup.path("")) else {
        return skip("no C compiler to make a clock of our own");
    };
    std::fs::write(setup.path("offset"), "120").unwrap();
    let mut command = setup.command();
    command
        .env("LD_PRELOAD", library)
        .env("CLOCK_OFFSET_FILE", setup.path("offset"));
    let (passed, report) = run(command);
    assert!(
        !passed && report.contains("ahead of the server") && report.contains("NTP"),
        "{report}"
    );
}

#[test]
fn http_is_told_from_https() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let Some(address) = server.url.strip_prefix("http://") else {
        return skip("the server of the tests speaks TLS");
    };
    let setup = set_up(&server);
    let url = format!("influx.url=https://{address}");
    let mut command = setup.command();
    command.args(["--output", "json", "--set", &url]);
    let (passed, report) = run(command);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(!passed && report["ok"] == false, "{report}");
    let hint = report["steps"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("no TLS"), "{report}");
}
