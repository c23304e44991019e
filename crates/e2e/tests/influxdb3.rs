//! The platform on a fake of InfluxDB 3 Core, which answers as the recorded one does and computes nothing.

use serde_json::{Value, json};
use watchpost_e2e::platform::{Named, Server, Site};
use watchpost_testkit::{InfluxDb3, wait};

use crate::living_chain::RULES;

const WANTED: [&str; 5] = [
    "alerts_history",
    "platform_health",
    "system_metrics_1d",
    "system_metrics_1h",
    "system_metrics_raw",
];

#[test]
fn the_roles_run_on_influxdb_3() {
    let Some(site) = Site::new(|_| RULES.to_owned()) else {
        return;
    };
    let server = InfluxDb3::start();
    let named = Named {
        kind: "influxdb3".into(),
        url: server.url.clone(),
        ..Named::default()
    };
    let site = site.on(Server::named(named, |_| None).unwrap());
    let platform = site.up(&["--hosts", "2"]);
    // The five that Core can keep, and no sixth by a write.
    let names = server.databases(|it| it.keys().cloned().collect::<Vec<_>>());
    assert_eq!(names, WANTED);
    let write = wait::until("a write", || {
        server
            .writes
            .find(|it| it.contains("db=system_metrics_raw"))
    });
    assert!(write.contains("accept_partial=true"), "{write}");
    assert!(write.contains("precision="), "{write}");
    for part in ["information_schema.columns", "system.databases"] {
        wait::until(part, || server.queries.find(|it| it.contains(part)));
    }
    // A rule over a table that is not there yet is no error.
    wait::until("an evaluation", || {
        let (_, body) = platform.get("/api/v1/rules");
        let rules: Value = serde_json::from_str(&body).ok()?;
        let rule = &rules["rules"][0];
        (rule["lastEvaluatedAt"].is_string() && rule["lastError"].is_null()).then_some(())
    });
    let note = ureq::post(format!("{}/api/v1/annotations", platform.address("web")))
        .header("Content-Type", "application/json")
        .send(json!({ "text": "a note" }).to_string());
    assert!(note.is_ok(), "{note:?}");
    assert!(platform.get("/api/v1/annotations").1.contains("a note"));
    assert_eq!(server.databases(|it| it.len()), WANTED.len());
    platform.stop();
}
