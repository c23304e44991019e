//! `amtool`, Alertmanager's command line, against our API: its requests as they were recorded
//! (always), and the program itself where it is installed or `WATCHPOST_AMTOOL` names it.

use std::path::PathBuf;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use watchpost_testkit::skip;

use crate::binary::{Alerter, Site};

const RULES: &str = "[route]\nreceiver = \"ops\"\ngroup_by = [\"host\"]\n[[route.routes]]\n\
    match = ['severity=\"critical\"']\nreceiver = \"pager\"\n\
    [[receiver]]\nname = \"ops\"\nkind = \"file\"\npath = \"ops.log\"\n\
    [[receiver]]\nname = \"pager\"\nkind = \"file\"\npath = \"pager.log\"\n";

/// Labels of the alerts that a query finds, sorted.
fn hosts(alerts: &Value) -> Vec<&str> {
    let alerts = alerts.as_array().unwrap().iter();
    let mut hosts: Vec<&str> = alerts
        .map(|alert| alert["labels"]["host"].as_str().unwrap())
        .collect();
    hosts.sort_unstable();
    hosts
}

/// As `amtool alert add` sends it.
fn add(alerter: &Alerter, host: &str, severity: &str) {
    let zero = "0001-01-01T00:00:00.000Z";
    let alert = json!([{
        "annotations": { "summary": "hello there" }, "startsAt": zero, "endsAt": zero,
        "labels": { "alertname": "foo", "host": host, "severity": severity },
    }]);
    assert_eq!(alerter.post("/api/v2/alerts", Some(alert)).0, 200);
}

#[test]
fn its_recorded_requests_are_understood() {
    let site = Site::new(RULES);
    let Some(alerter) = site.start() else {
        return;
    };
    add(&alerter, "a", "critical");
    add(&alerter, "b", "info");
    let query = |parameters: &str| {
        let path = format!("/api/v2/alerts?{parameters}");
        alerter.call(Method::GET, &path, None, false)
    };
    let plain = "active=true&inhibited=false&silenced=false&unprocessed=false";
    assert_eq!(hosts(&query(plain).1), ["a", "b"]);
    let not_info = "active=true&filter=host%3D~%22a%7Cb%22&filter=severity%21%3Dinfo";
    assert_eq!(hosts(&query(not_info).1), ["a"]);
    assert_eq!(hosts(&query("receiver=pag.*").1), ["a"]);
    let (status, refused) = query("filter=host");
    assert_eq!(status, 400);
    assert!(
        refused.as_str().unwrap().contains("no operator"),
        "{refused}"
    );

    let silence = json!({
        "comment": "x y", "createdBy": "me",
        "startsAt": "2020-01-01T00:00:00.000Z", "endsAt": "2099-01-01T00:00:00.000Z",
        "matchers": [
            { "isEqual": true, "isRegex": false, "name": "host", "value": "a" },
            { "isEqual": true, "isRegex": true, "name": "alertname", "value": "fo.*" },
        ],
    });
    let (status, made) = alerter.post("/api/v2/silences", Some(silence));
    assert_eq!(status, 200, "{made}");
    assert_eq!(hosts(&query(plain).1), ["b"]);
    assert_eq!(hosts(&query("active=false&silenced=true").1), ["a"]);
    let found = alerter.get("/api/v2/silences?filter=host%3Da");
    assert_eq!(found[0]["id"], made["silenceID"]);
    assert_eq!(alerter.get("/api/v2/silences?filter=host%3Db"), json!([]));

    // `amtool silence update` sends the silence back as it was listed, with another end.
    let mut changed = found[0].clone();
    changed["endsAt"] = json!("2098-01-01T00:00:00.000Z");
    let (_, answer) = alerter.post("/api/v2/silences", Some(changed));
    assert_eq!(answer["silenceID"], made["silenceID"], "changed in place");
    let id = made["silenceID"].as_str().unwrap();
    for path in [id, id] {
        let path = format!("/api/v2/silence/{path}");
        assert_eq!(alerter.call(Method::DELETE, &path, None, true).0, 200);
    }
    assert_eq!(hosts(&query(plain).1), ["a", "b"]);
    let absent = alerter.call(Method::DELETE, "/api/v2/silence/absent", None, true);
    assert_eq!(absent, (404, json!("there is no silence absent")));
}

#[test]
fn what_is_wrong_is_told_in_json() {
    let site = Site::new(RULES);
    let Some(alerter) = site.start() else {
        return;
    };
    let (status, told) = alerter.post("/api/v2/alerts", Some(json!([{ "labels": {} }])));
    assert_eq!(
        (status, told),
        (400, json!("an alert needs at least one label"))
    );
    let (status, told) = alerter.post("/api/v1/silences", Some(json!({ "matcher": "x" })));
    assert_eq!(status, 422);
    assert!(
        told["message"].as_str().unwrap().contains("unknown field"),
        "{told}"
    );
    let (status, told) = alerter.call(Method::GET, "/api/v1/alerts?state=all", None, false);
    assert_eq!(status, 400);
    assert!(
        told["message"].as_str().unwrap().contains("firing"),
        "{told}"
    );
}

/// As Alertmanager does: 400, and the reason as a JSON string, which is what `amtool` shows.
#[test]
fn what_cannot_be_read_is_refused_in_a_text() {
    let site = Site::new(RULES);
    let Some(alerter) = site.start() else {
        return;
    };
    let silence = |matcher: Value| {
        json!({
            "comment": "c", "createdBy": "me", "matchers": [matcher],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
        })
    };
    let no_name = json!({ "name": "", "value": "x", "isRegex": false });
    let no_regex = json!({ "name": "a", "value": "[", "isRegex": true });
    let too_long = json!({ "name": "a", "value": "x".repeat(140_000), "isRegex": true });
    for (path, body, reason) in [
        ("silences", silence(no_name), "no label name"),
        ("silences", silence(no_regex), "missing closing ]"),
        ("silences", silence(too_long), "longer than 131072 bytes"),
        ("silences", json!([]), "invalid"),
        ("silences", json!({}), "missing field"),
        ("alerts", json!({ "a": 1 }), "invalid type"),
        ("alerts", json!([{ "labels": { "a": 1 } }]), "invalid type"),
        ("alerts", json!([{ "labels": { "": "x" } }]), "has no name"),
    ] {
        let (status, told) = alerter.post(&format!("/api/v2/{path}"), Some(body.clone()));
        assert_eq!(status, 400, "{body}: {told}");
        let told = told.as_str().unwrap_or_else(|| panic!("{body}: {told}"));
        assert!(told.contains(reason), "{body}: {told}");
    }
}

/// The program, if it can be had.
fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("WATCHPOST_AMTOOL") {
        return Some(PathBuf::from(path));
    }
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| Some(folder.join("amtool")).filter(|file| file.is_file()))
}

#[test]
fn it_works_as_with_alertmanager() {
    let Some(program) = program() else {
        return skip("amtool is neither on PATH nor named by WATCHPOST_AMTOOL");
    };
    let site = Site::new(RULES);
    let Some(alerter) = site.start() else {
        return;
    };
    std::fs::write(
        site.path("http.yml"),
        "authorization:\n  type: Bearer\n  credentials: the-token-of-its-api\n",
    )
    .unwrap();
    let run = |arguments: &str| {
        let output = Command::new(&program)
            .arg(format!("--alertmanager.url={}", alerter.url))
            .arg(format!(
                "--http.config.file={}",
                site.path("http.yml").display()
            ))
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {error}");
        text
    };
    run("alert add alertname=foo host=a severity=critical");
    run("alert add alertname=bar host=b");
    assert!(run("alert query").contains("bar"));
    let critical = run("alert query severity=critical -o extended");
    assert!(
        critical.contains("foo") && !critical.contains("bar"),
        "{critical}"
    );
    let id = run("silence add host=a --comment=test --author=ann --duration=1h");
    let id = id.trim();
    assert!(!run("alert query").contains("foo"));
    assert!(run("alert query --silenced").contains("foo"));
    assert!(run("silence query host=a").contains(id));
    assert!(!run("silence query host=b").contains(id));
    let updated = run(&format!(
        "silence update {id} --comment=longer --duration=2h"
    ));
    assert!(
        updated.contains(id) && updated.contains("longer"),
        "{updated}"
    );
    run(&format!("silence expire {id}"));
    assert!(run("alert query").contains("foo"));
    assert!(run("silence query --expired").contains(id));
    assert!(run("config show").contains("pager"));
    assert_eq!(run("config routes test severity=critical").trim(), "pager");
    assert_eq!(run("config routes test host=a").trim(), "ops");
}

#[test]
fn names_that_need_quotes_long_matchers_and_errors_are_as_alertmanagers() {
    let site = Site::new(RULES);
    let Some(alerter) = site.start() else {
        return;
    };
    let odd = json!([{ "labels": { "alertname": "spc", "my tag": "a b", "host.name": "w1", "host": "w" } }]);
    assert_eq!(alerter.post("/api/v2/alerts", Some(odd)).0, 200);
    let query = |list: &str, matcher: &str| {
        let filter: String = form_urlencoded::byte_serialize(matcher.as_bytes()).collect();
        let path = format!("/api/v2/{list}?filter={filter}");
        alerter.call(Method::GET, &path, None, false)
    };
    for matcher in [r#""my tag"="a b""#, r#""host.name"=w1"#, "host.name=w1"] {
        assert_eq!(hosts(&query("alerts", matcher).1), ["w"], "{matcher}");
    }
    let (status, refused) = query("alerts", r#"severity == "critical""#);
    assert_eq!(status, 400);
    assert!(refused.is_string(), "{refused}");

    let names: Vec<String> = (0..60)
        .map(|n| format!("host-{n:04}.example.org"))
        .collect();
    let silence = |name: &str, value: &str, is_regex: bool| {
        json!({
            "comment": "x", "createdBy": "me",
            "startsAt": "2020-01-01T00:00:00.000Z", "endsAt": "2099-01-01T00:00:00.000Z",
            "matchers": [{ "isEqual": true, "isRegex": is_regex, "name": name, "value": value }],
        })
    };
    let post = |body| alerter.post("/api/v2/silences", Some(body));
    assert_eq!(post(silence("host", &names.join("|"), true)).0, 200);
    assert_eq!(post(silence("my tag", "a b", false)).0, 200);
    let found = query("silences", r#""my tag"="a b""#).1;
    assert_eq!(found.as_array().unwrap().len(), 1);
    for wrong in [
        silence("host", "(", true),
        json!([]),
        json!({ "matchers": 1 }),
    ] {
        let (status, reason) = post(wrong);
        assert!((400..500).contains(&status), "{status}");
        assert!(reason.is_string(), "{reason}");
    }
    let nameless = json!([{ "labels": { "": "x", "alertname": "a" } }]);
    let (status, reason) = alerter.post("/api/v2/alerts", Some(nameless));
    assert_eq!((status, reason.is_string()), (400, true));
}

#[test]
fn probes_and_reloads_find_its_routes() {
    let site = Site::new(RULES);
    let Some(alerter) = site.start() else {
        return;
    };
    assert_eq!(
        alerter.get("/api/v2/receivers"),
        json!([{ "name": "ops" }, { "name": "pager" }])
    );
    for path in ["/-/healthy", "/-/ready"] {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(alerter.call(method, path, None, false).0, 200, "{path}");
        }
    }
    assert_eq!(alerter.call(Method::POST, "/-/reload", None, false).0, 200);
    std::fs::write(site.path("rules.toml"), "[rout]\n").unwrap();
    assert_eq!(alerter.call(Method::POST, "/-/reload", None, false).0, 500);
}
