//! The whole chain against a server: points are written, a rule sees them, people are told, and
//! the history is in its bucket.

use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::{HttpReceiver, wait};

use crate::binary::Site;

fn now() -> i64 {
    i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos(),
    )
    .unwrap()
}

#[test]
fn a_breach_is_told_and_written_to_history() {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = Client::new(ClientConfig::new(
        server.url.clone(),
        server.org.clone(),
        TokenSource::fixed(server.token.clone()),
    ))
    .unwrap();
    let measurement = format!("chain_{}", now());
    let hook = HttpReceiver::webhook();
    let rules = format!(
        "[defaults]\nbucket = \"{0}\"\nmeasurement = \"{measurement}\"\nevery = \"1s\"\n\
         [[rule]]\nname = \"cpu_high\"\nkind = \"threshold\"\nfield = \"cpu_usage_percent\"\nwhere = ['cpu=\"\"']\n\
         window = \"1m\"\nabove = {{ warn = 90, critical = 95 }}\n\
         summary = \"CPU of {{{{ labels.host }}}} at {{{{ value_text }}}} %\"\n\
         [[rule]]\nname = \"broken\"\nkind = \"flux\"\nquery = \"from(\"\nabove = {{ warn = 1 }}\n\
         [route]\nreceiver = \"hook\"\n[[receiver]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{1}\"\n",
        server.bucket,
        hook.url("/")
    );
    let mut site = Site::new(&rules);
    site.influx = Some((server.url.clone(), server.token.clone(), server.org.clone()));
    let Some(mut alerter) = site.start_with_history(&server.bucket) else {
        return;
    };
    let lines = format!(
        "{measurement},host=web-1 cpu_usage_percent=97.5,name=\"x\" {0}\n\
         {measurement},host=web-1,cpu=0 cpu_usage_percent=99 {0}\n{measurement},host=web-2 cpu_usage_percent=10 {0}\n",
        now()
    );
    let written =
        runtime.block_on(client.write(&server.bucket, Precision::Nanoseconds, lines.as_bytes()));
    assert_eq!(written, Outcome::Done);
    let request = hook.requests.wait(1)[0].clone();
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["alerts"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(
        body["alerts"][0]["annotations"]["summary"],
        "CPU of web-1 at 97.5 %"
    );
    assert_eq!(body["alerts"][0]["labels"]["severity"], "critical");
    // The broken rule fails alone.
    let failing = wait::until("the broken rule's error", || {
        let health = alerter.get("/api/v1/rules");
        let rules = health["rules"].as_array().unwrap().clone();
        let failing = rules.iter().filter(|rule| !rule["lastError"].is_null());
        let names: Vec<String> = failing.map(|rule| rule["name"].to_string()).collect();
        (!names.is_empty()).then_some(names)
    });
    assert_eq!(failing, ["\"broken\""]);
    let query = format!(
        "from(bucket: \"{}\") |> range(start: -1h) |> filter(fn: (r) => r._measurement == \"alerts\" and \
         r.rule == \"cpu_high\" and r.state == \"firing\" and r.event == \"notification\" and r._field == \"value\")",
        server.bucket
    );
    wait::until("the notification in alerts_history", || {
        let tables = runtime
            .block_on(client.query(&Query::new(query.clone())))
            .unwrap();
        tables
            .iter()
            .flat_map(|table| table.rows())
            .find_map(|row| row.f64("_value"))
            .filter(|v| *v == 97.5)
    });
    alerter.daemon.stop();
}
