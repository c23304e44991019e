//! Alerts through a running alerter: listed, explained, silenced, acknowledged, replayed, drawn.

use std::path::PathBuf;

use serde_json::json;
use watchpost_testkit::{Browser, Daemon, skip};
use watchpost_web::config::WebConfig;

use crate::fixture::{Fixture, write_secret};

/// A rule that looks every second, and a receiver that writes a file.
const RULES: &str = r#"
[defaults]
bucket = "BUCKET"
measurement = "system_metrics"
every = "1s"

[[rule]]
name = "cpu_high"
kind = "threshold"
field = "cpu_usage_percent"
where = ['cpu=""']
aggregate = "mean"
window = "1m"
above = { warn = 80, critical = 95, recover = 70 }
summary = "CPU of {{ labels.host }} at {{ value_text }} %"

[route]
receiver = "local"
group_by = ["alertname", "host"]
group_wait = "0s"

[[receiver]]
name = "local"
kind = "file"
path = "alerts.log"
"#;

/// The web server before an alerter that watches its bucket.
pub(crate) struct Watched {
    pub(crate) fixture: Fixture,
    _alerter: Daemon,
}

impl Watched {
    /// `None` after the test was skipped.
    pub(crate) fn start() -> Option<Watched> {
        let Some(mut command) = Daemon::command("watchpost-alerter") else {
            skip("watchpost-alerter is not built");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?;
        let address = port.local_addr().ok()?;
        drop(port);
        let mut alerter: Option<(WebConfig, PathBuf)> = None;
        let fixture = Fixture::start_with(|config, folder| {
            config.alerter.url = format!("http://{address}");
            config.alerter.token_file =
                Some(write_secret(folder, "alerter", "a-token-of-the-alerter"));
            alerter = Some((config.clone(), folder.to_owned()));
        })?;
        let (config, folder) = alerter?;
        let rules = RULES.replace("BUCKET", &config.influx.bucket);
        command
            .arg("run")
            .current_dir(&folder)
            .env("INFLUX_URL", &config.influx.url)
            .env("INFLUX_ORG", &config.influx.org)
            .env("INFLUX_TOKEN_FILE", config.influx.token_file.as_ref()?)
            .env("INFLUX_BUCKET", &config.influx.bucket)
            .env("WATCHPOST_API__LISTEN__LISTEN", address.to_string())
            .env(
                "WATCHPOST_API__TOKEN_FILE",
                config.alerter.token_file.as_ref()?,
            )
            .env(
                "WATCHPOST_RULES__FILE",
                write_secret(&folder, "rules.toml", &rules),
            )
            .env("WATCHPOST_STORE__FOLDER", folder.join("alerter-data"))
            .env("WATCHPOST_HISTORY__BUCKET", &config.tiers.alerts_bucket);
        let alerter = Daemon::start(command);
        for ago in [90, 60, 30, 20, 10, 1] {
            fixture.write_host("web-1", 90.0, 40.0, ago);
            fixture.write_host("web-2", 20.0, 40.0, ago);
        }
        fixture.wait_for_host("web-1");
        fixture.wait_for("an alert", "/api/v1/alerts?state=firing", |answer| {
            answer.status == 200 && answer.body.contains("cpu_high")
        });
        Some(Watched {
            fixture,
            _alerter: alerter,
        })
    }
}

#[test]
fn alerts_are_listed_explained_silenced_and_replayed() {
    let Some(Watched { fixture, _alerter }) = Watched::start() else {
        return;
    };
    let alerts = fixture.get("/api/v1/alerts?state=firing&host=web-1").json();
    let alert = &alerts["alerts"][0];
    assert_eq!(alert["labels"]["host"], "web-1");
    assert_eq!(
        fixture.get("/api/v1/alerts?host=web-2").json()["alerts"],
        json!([])
    );
    let fingerprint = alert["fingerprint"].as_str().unwrap();
    let explanation = fixture.get(&format!("/api/v1/alerts/{fingerprint}/explanation"));
    assert_eq!(explanation.json()["receivers"][0]["receiver"], "local");

    // Per host, in the API and on the page.
    let hosts = fixture.wait_for("the host's alert", "/api/v1/hosts", |answer| {
        answer.json()["hosts"][0]["alerts"][0]["name"] == "cpu_high"
    });
    assert_eq!(hosts.json()["hosts"][1]["alerts"], json!([]));
    let fleet = fixture.get("/?state=alerting").body;
    assert!(fleet.contains("data-host=\"web-1\"") && !fleet.contains("data-host=\"web-2\""));
    assert!(
        fleet.contains("class=\"severity warning\">cpu_high") && fleet.contains("CPU of web-1 at")
    );

    // What the history in the database says, for charts.
    let spans = fixture.wait_for("the span", "/api/v1/alerts/spans?host=web-1", |answer| {
        answer.status == 200 && answer.body.contains("cpu_high")
    });
    let span = &spans.json()["spans"][0];
    assert_eq!(
        (&span["severity"], &span["stop"]),
        (&json!("warning"), &json!(null))
    );
    assert_eq!(
        fixture.get("/api/v1/alerts/spans?rule=other").json()["spans"],
        json!([])
    );

    let post = |path: &str, body: serde_json::Value| {
        fixture.send(fixture.http.post(fixture.url(path)).json(&body))
    };
    let silence = json!({ "matchers": ["host=\"web-1\""], "comment": "repair", "for": "1h" });
    assert_eq!(post("/api/v1/silences", silence).status, 201);
    let silences = fixture.get("/api/v1/silences").json();
    assert_eq!(silences["silences"][0]["createdBy"], "anonymous");
    let id = silences["silences"][0]["id"].as_str().unwrap().to_owned();
    let ended = fixture
        .http
        .delete(fixture.url(&format!("/api/v1/silences/{id}")));
    assert_eq!(fixture.send(ended).status, 200);
    assert_eq!(
        fixture.get("/api/v1/silences").json()["silences"],
        json!([])
    );

    let path = format!("/api/v1/alerts/{fingerprint}/acknowledgement");
    let taken = post(&path, json!({ "comment": "mine", "for": "1h" }));
    assert_eq!(taken.status, 200, "{}", taken.body);
    let owner = &fixture.get("/api/v1/alerts").json()["alerts"][0]["acknowledgement"]["owner"];
    assert_eq!(*owner, "anonymous");
    assert_eq!(
        fixture.send(fixture.http.delete(fixture.url(&path))).status,
        200
    );

    let replayed = fixture.send(
        fixture
            .http
            .post(fixture.url("/api/v1/rules/cpu_high/backtest?range=10m&step=10s")),
    );
    assert_eq!(replayed.status, 200, "{}", replayed.body);
    assert!(
        replayed.json()["pages"].as_u64() >= Some(1),
        "{}",
        replayed.body
    );
    let refused = fixture.send(
        fixture
            .http
            .post(fixture.url("/api/v1/rules/cpu_high/backtest?range=90d")),
    );
    assert_eq!(refused.json()["error"]["field"], "range");
    assert_eq!(fixture.get("/api/v1/rules/nothing").status, 404);
    assert_eq!(fixture.get("/rules/nothing").status, 404);
    let page = fixture.get("/rules/cpu_high").body;
    assert!(
        page.contains("&quot;value&quot;:80.0") || page.contains("&#34;value&#34;:80.0"),
        "{page}"
    );
}

/// Silence, acknowledge, explain and replay as a person does, in a browser.
pub(crate) fn by_hand(browser: &Browser) {
    let Some(Watched { fixture, _alerter }) = Watched::start() else {
        return;
    };
    browser.open(&fixture.url("/"));
    browser.wait(
        "the host's alert",
        "document.querySelector('[data-host=web-1] .alerts .severity')?.textContent === 'cpu_high'",
    );
    browser.wait(
        "the count",
        "document.getElementById('count-alerts').textContent === '1'",
    );
    browser.picture("fleet-alerting.png");
    browser.open(&fixture.url("/alerts"));
    browser.run("document.querySelector('[data-do=explain]').click()");
    browser.wait(
        "why",
        "document.getElementById('explanation').innerText.includes('Receiver local')",
    );
    browser.picture("explanation.png");
    browser.run("document.querySelector('#dialog [value=cancel]').click()");
    browser.run("document.querySelector('[data-do=acknowledge]').click(); document.querySelector('#dialog [name=comment]').value = 'I look'; document.querySelector('#dialog [value=save]').click()");
    browser.wait(
        "who looks",
        "document.body.innerText.includes('acknowledged by anonymous')",
    );
    browser.run("document.querySelector('[data-do=silence]').click(); document.querySelector('#dialog [name=comment]').value = 'repair'; document.querySelector('#dialog [value=save]').click()");
    browser.wait(
        "the silence",
        "document.querySelector('#silences td')?.textContent === 'repair'",
    );
    browser.wait(
        "nobody is told",
        "document.querySelector('#active tr.suppressed') || (location.reload(), false)",
    );
    browser.picture("alerts.png");
    browser.run("document.querySelector('[data-do=expire]').click()");
    browser.wait(
        "the end of the silence",
        "document.body.innerText.includes('No silences.')",
    );
    browser.open(&fixture.url("/rules/cpu_high?range=1h"));
    browser.wait("its levels", "document.querySelector('.plot')?.dataset.drawn && document.querySelectorAll('.legend button').length === 2");
    browser.run("document.querySelector('#backtest [name=range]').value = '24h'; document.querySelector('#backtest button').click()");
    browser.wait(
        "what it would have sent",
        "/Would have sent \\d+ page/.test(document.getElementById('verdict').textContent)",
    );
    browser.run("document.querySelector('#level [name=level]').value = 10; document.querySelector('#level button').click()");
    browser.wait(
        "another level",
        "document.getElementById('tried').textContent.includes('10.0 %')",
    );
    browser.picture("rule.png");
    assert_eq!(browser.complaints(), "");
}
