//! The API over a running database.

use serde_json::json;
use watchpost_testkit::{HttpReceiver, Server};

use crate::fixture::{Fixture, now};

#[test]
fn hosts_series_and_the_older_tools_rows() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for ago in [300, 200, 100, 3] {
        fixture.write_host("web-1", 20.0, 40.0, ago);
        fixture.write_host("web-2", 60.0, 80.0, ago);
    }
    fixture.write_host("gone", 10.0, 10.0, 3_000);
    fixture.wait_for_host("gone");

    let hosts = fixture.get("/api/v1/hosts?limit=2").json();
    assert_eq!(hosts["hosts"][0]["host"], "gone");
    assert_eq!(
        hosts["hosts"][0]["state"], "offline",
        "an offline host keeps its last values: {hosts}"
    );
    assert_eq!(hosts["hosts"][0]["values"]["cpu_usage_percent"], 10.0);
    assert_eq!(hosts["next_cursor"], "web-1");
    let rest = fixture.get("/api/v1/hosts?limit=2&cursor=web-1").json();
    assert_eq!(rest["hosts"][0]["host"], "web-2");
    assert_eq!(rest["next_cursor"], json!(null));

    let series = fixture.get(
        "/api/v1/series?metric=cpu_usage_percent&host=web-1&range=10m&resolution=10m&band=true",
    );
    assert_eq!(series.headers["x-tier"], "raw");
    let document = series.json();
    assert_eq!(
        document["series"].as_array().unwrap().len(),
        1,
        "without the cores: {document}"
    );
    assert_eq!(document["series"][0]["value"][0], 20.0);
    let cores = fixture
        .get("/api/v1/series?metric=cpu_usage_percent&host=web-1&range=10m&each=true")
        .json();
    assert_eq!(cores["series"][0]["tags"]["cpu"], "0");
    let csv = fixture
        .get("/api/v1/series?metric=memory_usage_percent&hosts=web-1,web-2&range=10m&format=csv");
    assert!(
        csv.body.starts_with("time,host,metric,value\r\n"),
        "{}",
        csv.body
    );
    assert_eq!(csv.body.lines().count(), 9);
    let compared = fixture
        .get("/api/v1/compare?metric=memory_usage_percent&hosts=web-1,web-2&range=10m")
        .json();
    assert_eq!(compared["series"][1]["summary"]["max"], 80.0);

    let rows = fixture.get("/metrics?start=10&end=0&host=web-1&limit=3");
    let first = rows.json();
    assert_eq!(first[0]["cpu_usage_overall"], 20.0);
    assert_eq!(first[0]["cpu_usage_1"], 20.0);
    assert_eq!(first[0]["memory_usage"], 40.0);
    assert_eq!(first.as_array().unwrap().len(), 3);
    let cursor = rows.headers["x-next-cursor"].to_str().unwrap();
    let next = fixture
        .get(&format!(
            "/metrics?start=10&end=0&host=web-1&limit=3&cursor={cursor}"
        ))
        .json();
    assert_eq!(
        next.as_array().unwrap().len(),
        1,
        "the rest, nothing twice: {next}"
    );
    let average = fixture
        .get("/metrics/aggregate?metric=cpu_usage_overall&start=10&end=0")
        .json();
    assert_eq!(average["average"], 40.0, "{average}");
}

#[test]
fn a_rate_survives_a_counter_that_begins_again() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let at = now() / 10_000_000_000 * 10_000_000_000;
    for (ago, value) in [(40, 1_000), (30, 2_000), (20, 500), (10, 1_500)] {
        let time = at - ago * 1_000_000_000;
        fixture.write(&format!(
            "system_metrics,host=h,metric_type=network network_bytes_sent={value}i {time}"
        ));
    }
    let found = fixture
        .get("/api/v1/series?metric=network_bytes_sent&host=h&range=60s&resolution=10s")
        .json();
    assert_eq!(
        found["series"][0]["value"],
        json!([100.0, 50.0, 100.0]),
        "{found}"
    );
    assert_eq!(found["unit"], "bytes/s");
}

#[test]
fn mistakes_are_json_with_the_field() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let refused = [
        ("/metrics?start=2&end=10", "start"),
        ("/metrics?start=-1", "start"),
        ("/metrics?limit=0", "limit"),
        ("/metrics?cursor=x", "cursor"),
        ("/metrics/aggregate?metric=nonsense", "metric"),
        ("/metrics/aggregate", "metric"),
        ("/api/v1/series", "metric"),
        ("/api/v1/series?metric=cpu_load_1m&start=tomorrow", "start"),
        (
            "/api/v1/series?metric=cpu_load_1m&range=1y&resolution=1s",
            "resolution",
        ),
        ("/api/v1/series?metric=cpu_load_1m&tier=2h", "tier"),
        ("/api/v1/hosts?state=dead", "state"),
        ("/api/v1/hosts?nonsense=1", "nonsense"),
        ("/api/v1/hosts/x/processes?by=size", "by"),
        ("/api/v1/annotations?cursor=x", "cursor"),
    ];
    for (path, field) in refused {
        let answer = fixture.get(path);
        assert_eq!(
            (answer.status, &answer.json()["error"]["field"]),
            (400, &json!(field)),
            "{path}: {}",
            answer.body
        );
    }
    assert_eq!(
        fixture.get("/api/v1/alerts").json()["error"]["code"],
        "not_configured"
    );
    assert_eq!(fixture.get("/api/v2/nothing").status, 404);
}

#[test]
fn annotations_are_made_listed_and_deleted() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let path = fixture.url("/api/v1/annotations");
    let note = json!({ "text": "<b>deployed</b>, \"v2\"", "host": "web-1" });
    let made = fixture.send(fixture.http.post(&path).json(&note));
    assert_eq!(made.status, 201, "{}", made.body);
    fixture.send(
        fixture
            .http
            .post(&path)
            .json(&json!({ "text": "everywhere" })),
    );
    let listed = fixture.get("/api/v1/annotations?host=web-1").json();
    assert_eq!(
        listed["annotations"].as_array().unwrap().len(),
        2,
        "{listed}"
    );
    let other = fixture.get("/api/v1/annotations?host=web-2").json();
    assert_eq!(other["annotations"][0]["text"], "everywhere");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let deleted = fixture.send(
        fixture
            .http
            .delete(fixture.url(&format!("/api/v1/annotations/{id}"))),
    );
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert_eq!(
        fixture.get("/api/v1/annotations").json()["annotations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let bad = fixture.send(fixture.http.post(&path).json(&json!({ "txt": "x" })));
    assert_eq!(
        (bad.status, bad.json()["error"]["field"].clone()),
        (400, json!("txt"))
    );
}

#[test]
fn a_database_that_goes_is_told_and_comes_back() {
    let Some(mut fixture) = Fixture::start() else {
        return;
    };
    if !fixture.server.is_embedded() {
        return watchpost_testkit::skip("only the engine can be stopped by a test");
    }
    fixture.write_host("web-1", 20.0, 40.0, 1);
    fixture.wait_for_host("web-1");
    Server::kill(&mut fixture.server);
    fixture.wait_for("not ready", "/ready", |answer| answer.status == 503);
    let hosts = fixture.get("/api/v1/hosts").json();
    assert_eq!(hosts["database"]["code"], "database_down");
    assert_eq!(hosts["hosts"][0]["host"], "web-1", "what was known is kept");
    let series = fixture.get("/api/v1/series?metric=cpu_load_1m");
    assert_eq!(
        (series.status, series.json()["error"]["code"].clone()),
        (503, json!("database_down"))
    );
    let page = fixture.get("/").body;
    assert!(page.contains("The database has not answered for "));
    fixture.server.start_again();
    fixture.wait_for("ready again", "/ready", |answer| answer.status == 200);
}

/// The command to forget a host is pasted into a shell: its name is quoted, whatever it holds.
#[test]
fn the_page_of_a_host_that_is_gone_says_how_to_forget_it() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let name = "it's;reboot";
    fixture.write_host(name, 10.0, 10.0, 3_000);
    fixture.wait_for_host(name);
    let page = fixture.get("/hosts/it's;reboot").body;
    let hint = page.split("host forget ").nth(1).expect("the command");
    let hint = hint.split("</code>").next().unwrap();
    let hint = hint.replace("&#x27;", "'").replace("&#x2f;", "/");
    assert_eq!(hint, r"'it'\''s;reboot'", "{page}");
}

#[test]
fn silences_go_through_the_alerter_with_its_token() {
    let alerter = HttpReceiver::webhook();
    let url = alerter.url("");
    let changed = |config: &mut watchpost_web::config::WebConfig, folder: &std::path::Path| {
        config.alerter.url = url;
        config.alerter.token_file = Some(crate::fixture::write_secret(
            folder,
            "alerter",
            "secret-of-the-alerter",
        ));
    };
    let Some(fixture) = Fixture::start_with(changed) else {
        return;
    };
    let silence = json!({ "matchers": ["host=\"web-1\""], "comment": "repair", "for": "2h" });
    let made = fixture.send(
        fixture
            .http
            .post(fixture.url("/api/v1/silences"))
            .json(&silence),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let request = alerter
        .requests
        .find(|request| request.header("authorization").is_some());
    let request = request.expect("the silence goes to the alerter");
    assert_eq!(
        request.header("authorization"),
        Some("Bearer secret-of-the-alerter")
    );
    assert!(!made.body.contains("secret-of-the-alerter"));
    for (field, body) in [
        (
            "comment",
            json!({ "matchers": ["a=b"], "comment": " ", "for": "1h" }),
        ),
        (
            "for",
            json!({ "matchers": ["a=b"], "comment": "c", "for": "soon" }),
        ),
        (
            "matchers",
            json!({ "matchers": [], "comment": "c", "for": "1h" }),
        ),
    ] {
        let answer = fixture.send(
            fixture
                .http
                .post(fixture.url("/api/v1/silences"))
                .json(&body),
        );
        assert_eq!(
            (answer.status, answer.json()["error"]["field"].clone()),
            (400, json!(field)),
            "{}",
            answer.body
        );
    }
}
