//! The whole chain against a server: points are written, a rule sees them, people are told, and
//! the history is in its bucket.

use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::{Daemon, HttpReceiver, Server, wait};

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

/// A client of the server, and a measurement that no other test writes.
pub(crate) struct Bench {
    server: Server,
    pub(crate) client: Client,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) measurement: String,
}

impl Bench {
    pub(crate) fn new() -> Option<Bench> {
        let server = watchpost_testkit::server()?;
        let token = TokenSource::fixed(server.token.clone());
        let client = Client::new(ClientConfig::new(
            server.url.clone(),
            server.org.clone(),
            token,
        ))
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        Some(Bench {
            server,
            client,
            runtime,
            measurement: format!("chain_{}", now()),
        })
    }

    pub(crate) fn write(&self, lines: &str) {
        let bucket = &self.server.bucket;
        let written = self.runtime.block_on(self.client.write(
            bucket,
            Precision::Nanoseconds,
            lines.as_bytes(),
        ));
        assert_eq!(written, Outcome::Done);
    }

    /// The last full minute.
    pub(crate) fn minute(&self) -> i64 {
        let now = now();
        now - now.rem_euclid(60_000_000_000)
    }

    /// Rules read the measurement every second.
    pub(crate) fn defaults(&self) -> String {
        let (bucket, measurement) = (&self.server.bucket, &self.measurement);
        format!(
            "[defaults]\nbucket = \"{bucket}\"\nmeasurement = \"{measurement}\"\nevery = \"1s\"\n"
        )
    }

    fn site(&self, rules: &str) -> Site {
        let mut site = Site::new(&(self.defaults() + rules));
        site.influx = Some((
            self.server.url.clone(),
            self.server.token.clone(),
            self.server.org.clone(),
        ));
        site
    }
}

#[test]
fn the_heart_beats_while_everything_works() {
    let Some(bench) = Bench::new() else { return };
    let heart = HttpReceiver::webhook();
    bench.write(&format!("{},host=a x=1 {}", bench.measurement, now()));
    let site = bench.site(
        "[[rule]]\nname = \"r\"\nkind = \"threshold\"\nfield = \"x\"\nabove = { warn = 90 }\n[route]\n\
         receiver = \"f\"\n[[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"alerts.log\"\n",
    );
    let mut command = site.command().unwrap();
    command
        .env("WATCHPOST_HEARTBEAT__URL", heart.url("/beat"))
        .args(["--set", "heartbeat.interval=1s"]);
    let mut daemon = Daemon::start(command);
    daemon.wait_for_line("the alerter is running");
    assert_eq!(heart.requests.wait(2)[1].path, "/beat");
    daemon.stop();
}

#[test]
fn a_backtest_counts_what_would_have_been_sent() {
    let Some(bench) = Bench::new() else { return };
    // Six hours at one point a minute, with one hour of breach.
    let end = bench.minute();
    let line = |minute: i64| {
        let value = if (120..180).contains(&minute) { 97 } else { 20 };
        format!(
            "{},host=a x={value} {}\n",
            bench.measurement,
            end - (360 - minute) * 60_000_000_000
        )
    };
    bench.write(&(0..360).map(line).collect::<String>());
    let site = bench.site(
        "[[rule]]\nname = \"high\"\nkind = \"threshold\"\nfield = \"x\"\nwindow = \"5m\"\n\
         above = { warn = 90 }\nfor = \"5m\"\n[route]\nreceiver = \"f\"\nrepeat_interval = \"20m\"\n\
         [[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"alerts.log\"\n",
    );
    let mut command = site.command().unwrap();
    let output = command
        .args(["backtest", "high", "--from", "-5h", "--output", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    assert_eq!(
        (&result["pages"], &result["series"]),
        (&1.into(), &1.into()),
        "{result}"
    );
    let statuses: Vec<&str> = result["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses,
        ["firing", "firing", "firing", "resolved"],
        "{result}"
    );
    let Some(alerter) = site.start() else { return };
    let (status, over_http) = alerter.post("/api/v1/rules/high/backtest?from=-5h", None);
    assert_eq!(status, 200, "{over_http}");
    assert_eq!(over_http["messages"], result["messages"]);
    for (query, status) in [
        ("high/backtest?from=-40d", 400),
        ("high/backtest?from=-7d&step=1s", 400),
        ("high/backtest?from=1h", 400),
        ("absent/backtest", 404),
    ] {
        let (given, answer) = alerter.post(&format!("/api/v1/rules/{query}"), None);
        assert_eq!(given, status, "{query}: {answer}");
    }
}

#[test]
fn a_backtest_sees_what_each_aggregate_is_of_all_points() {
    let Some(bench) = Bench::new() else { return };
    // 49 points of 10 in one minute, one of 90 in the next: means of means would be 50.
    let end = bench.minute();
    let lines = (1..=60_i64).flat_map(|minute| {
        let start = end - minute * 60_000_000_000;
        let (points, value) = if minute % 2 == 1 { (49, 10) } else { (1, 90) };
        let measurement = &bench.measurement;
        (0..points).map(move |n| {
            let time = start + n * 1_000_000_000;
            format!("{measurement},host=a,cpu={n} x={value} {time}\n")
        })
    });
    bench.write(&lines.collect::<String>());
    let cases = [
        ("mean", 11, 1),
        ("mean", 13, 0),
        ("p95", 9, 1),
        ("p95", 40, 0),
        ("count", 48, 1),
        ("count", 51, 0),
        ("sum", 570, 1),
        ("sum", 590, 0),
        ("max", 80, 1),
        ("min", 9, 1),
        ("min", 11, 0),
    ];
    let rule = |(aggregate, level, _): &(&str, i64, usize)| {
        format!(
            "[[rule]]\nname = \"{aggregate}_{level}\"\nkind = \"threshold\"\nfield = \"x\"\nwindow = \"2m\"\n\
             group_by = [\"host\"]\nwhere = ['cpu!=\"\"']\naggregate = \"{aggregate}\"\nabove = {{ warn = {level} }}\n"
        )
    };
    let rules: String = cases.iter().map(rule).collect();
    let site = bench.site(&format!(
        "{rules}[route]\nreceiver = \"f\"\n[[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"alerts.log\"\n"
    ));
    let Some(alerter) = site.start() else { return };
    for (aggregate, level, pages) in cases {
        let path = format!("/api/v1/rules/{aggregate}_{level}/backtest?from=-40m");
        let (status, result) = alerter.post(&path, None);
        assert_eq!(
            (status, &result["pages"], &result["series"]),
            (200, &pages.into(), &1.into()),
            "{aggregate} above {level}: {result}"
        );
    }
}

/// Backtests of one rule each over what `lines` gives for the time `end`: pages and times.
fn backtest(bench: &Bench, rule: &str, from: &str) -> (u64, Vec<i64>) {
    let text = format!(
        "[[rule]]\nname = \"r\"\n{rule}\n[route]\nreceiver = \"f\"\n\
         [[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"alerts.log\"\n"
    );
    let site = bench.site(&text);
    let mut command = site.command().unwrap();
    let output = command
        .args(["backtest", "r", "--from", from, "--output", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    let messages = result["messages"].as_array().unwrap().iter();
    let at = |message: &serde_json::Value| {
        watchpost_core::time::parse_rfc3339(message["at"].as_str().unwrap()).unwrap()
    };
    (
        result["pages"].as_u64().unwrap(),
        messages.map(at).collect(),
    )
}

#[test]
fn a_backtest_of_a_rate_sees_every_point() {
    let Some(bench) = Bench::new() else { return };
    // A counter of one a second that begins again at each full minute: whoever looks once a
    // minute sees it stand still. Two cores, whose rates are added.
    let end = bench.minute();
    let lines = (0..360_i64).flat_map(|n| {
        let measurement = &bench.measurement;
        (0..2).map(move |cpu| {
            let time = end - n * 10_000_000_000;
            let value = time.rem_euclid(60_000_000_000) / 1_000_000_000;
            format!("{measurement},host=a,cpu={cpu} x={value} {time}\n")
        })
    });
    bench.write(&lines.collect::<String>());
    let rule = |level: f64, more: &str| {
        format!(
            "kind = \"rate\"\nfield = \"x\"\nwindow = \"5m\"\nabove = {{ warn = {level} }}\n{more}"
        )
    };
    let merged = "group_by = [\"host\"]";
    assert_eq!(backtest(&bench, &rule(0.99, ""), "-40m").0, 1);
    assert_eq!(backtest(&bench, &rule(1.01, ""), "-40m").0, 0);
    assert_eq!(backtest(&bench, &rule(1.99, merged), "-40m").0, 1);
    assert_eq!(backtest(&bench, &rule(2.01, merged), "-40m").0, 0);
}

#[test]
fn a_backtest_of_a_forecast_sees_the_means_of_its_own_steps() {
    let Some(bench) = Bench::new() else { return };
    // In each five minutes fifty points rise by one a step; single ones in the other minutes fall,
    // so that a mean of each minute's mean stands still.
    let step = 300_000_000_000;
    let end = bench.minute().div_euclid(step) * step;
    let lines = (1..=24_i64).flat_map(|back| {
        let (start, rise) = (end - back * step, 24 - back);
        let measurement = &bench.measurement;
        let many = (0..50).map(move |n| (start + n * 1_000_000_000, rise as f64));
        let single = (1..5).map(move |n| (start + n * 60_000_000_000, 10.0 - rise as f64 / 4.0));
        many.chain(single)
            .map(move |(time, value)| format!("{measurement},host=a x={value} {time}\n"))
    });
    bench.write(&lines.collect::<String>());
    let rule = |within: &str| {
        format!(
            "kind = \"forecast\"\nfield = \"x\"\nwindow = \"1h\"\nstep = \"5m\"\nlevel = 100\n\
             within = {{ warn = \"{within}\" }}"
        )
    };
    // 0.9 a step: between 84 and 96 steps of five minutes away.
    assert_eq!(backtest(&bench, &rule("10h"), "-40m").0, 1);
    assert_eq!(backtest(&bench, &rule("6h"), "-40m").0, 0);
}

#[test]
fn a_backtest_of_no_data_knows_when_the_last_point_was() {
    let Some(bench) = Bench::new() else { return };
    // Silent from five seconds after a full minute for four minutes: noticed in the one minute
    // between, by whoever knows the time of the point and not only its minute.
    let end = bench.minute();
    let (quiet, back) = (end - 1_200_000_000_000 + 5_000_000_000, 240_000_000_000);
    let lines = (0..360_i64).map(|n| end - n * 10_000_000_000 + 5_000_000_000);
    let lines = lines.filter(|time| *time <= quiet || *time >= quiet + back);
    let line = |time| format!("{},host=a,kind=text s=\"up\" {time}\n", bench.measurement);
    bench.write(&lines.map(line).collect::<String>());
    let rule = "kind = \"no_data\"\nfield = \"s\"\ngroup_by = [\"host\"]\nafter = \"3m30s\"";
    let (pages, times) = backtest(&bench, rule, "-40m");
    let minute = 60_000_000_000;
    let noticed = quiet - 5_000_000_000 + 4 * minute;
    assert_eq!(
        (pages, times.as_slice()),
        (1, &[noticed, noticed + minute][..])
    );
}

#[test]
fn annotations_come_from_the_history() {
    let Some(bench) = Bench::new() else { return };
    let hook = HttpReceiver::webhook();
    let site = bench.site(&format!(
        "[[rule]]\nname = \"high\"\nkind = \"threshold\"\nfield = \"x\"\naggregate = \"last\"\nwindow = \"1m\"\n\
         above = {{ warn = 90 }}\n[route]\nreceiver = \"hook\"\ngroup_interval = \"1s\"\n\
         [[receiver]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n",
        hook.url("/")
    ));
    let Some(alerter) = site.start_with_history(&bench.server.bucket) else {
        return;
    };
    let host = &bench.measurement;
    bench.write(&format!("{},host={host} x=99 {}", bench.measurement, now()));
    hook.requests.wait(1);
    let path = format!("/api/v1/annotations?from=-1h&rule=high&host={host}");
    let found = alerter.get(&path);
    assert!(found["annotations"][0]["endsAt"].is_null(), "{found}");
    bench.write(&format!("{},host={host} x=1 {}", bench.measurement, now()));
    hook.requests.wait(2);
    let ended = wait::until("the end in the history", || {
        let found = alerter.get(&path)["annotations"][0].clone();
        found["endsAt"].is_string().then_some(found)
    });
    let start = |annotation: &serde_json::Value| {
        let text = annotation["startsAt"].as_str().unwrap();
        watchpost_core::time::parse_rfc3339(text).unwrap()
    };
    // The history keeps milliseconds.
    let difference = start(&ended) - start(&found["annotations"][0]);
    assert!(difference.abs() <= 2_000_000, "{found} {ended}");
    assert_eq!(
        (&ended["severity"], &ended["threshold"]),
        (&"warning".into(), &90.0.into())
    );
}

#[test]
fn a_breach_is_told_and_written_to_history() {
    let Some(bench) = Bench::new() else { return };
    let Bench {
        server,
        client,
        runtime,
        measurement,
    } = &bench;
    let hook = HttpReceiver::webhook();
    let rules = format!(
        "[[rule]]\nname = \"cpu_high\"\nkind = \"threshold\"\nfield = \"cpu_usage_percent\"\nwhere = ['cpu=\"\"']\n\
         window = \"1m\"\nabove = {{ warn = 90, critical = 95 }}\n\
         summary = \"CPU of {{{{ labels.host }}}} at {{{{ value_text }}}} %\"\n\
         [[rule]]\nname = \"broken\"\nkind = \"flux\"\nquery = \"from(\"\nabove = {{ warn = 1 }}\n\
         [route]\nreceiver = \"hook\"\n[[receiver]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n",
        hook.url("/")
    );
    let site = bench.site(&rules);
    let Some(mut alerter) = site.start_with_history(&server.bucket) else {
        return;
    };
    let lines = format!(
        "{measurement},host=web-1 cpu_usage_percent=97.5,name=\"x\" {0}\n\
         {measurement},host=web-1,cpu=0 cpu_usage_percent=99 {0}\n{measurement},host=web-2 cpu_usage_percent=10 {0}\n\
         {measurement},host=web-1 cpu_usage_percent=97.5 {1}\n",
        now(),
        // It was there before the window, which is whole therefore.
        now() - 120_000_000_000
    );
    bench.write(&lines);
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
    // What people do is written, too.
    let fingerprint = body["alerts"][0]["fingerprint"].as_str().unwrap();
    let path = format!("/api/v1/alerts/{fingerprint}/acknowledgement");
    let owner = serde_json::json!({ "owner": measurement });
    assert_eq!(alerter.post(&path, Some(owner)).0, 200);
    let silence = serde_json::json!({ "matchers": ["host=\"web-1\""], "for": "1h",
        "createdBy": measurement, "comment": "test" });
    assert_eq!(alerter.post("/api/v1/silences", Some(silence)).0, 200);
    let people = format!(
        "from(bucket: \"{}\") |> range(start: -1h) |> filter(fn: (r) => r._measurement == \"alerts\" and \
         r._field == \"message\" and r._value =~ /by {measurement}/) |> keep(columns: [\"event\", \"state\"])",
        server.bucket
    );
    wait::until("silence and acknowledgement in alerts_history", || {
        let query = Query::new(people.clone());
        let tables = runtime.block_on(client.query(&query)).unwrap();
        let rows = tables.iter().flat_map(|table| table.rows());
        let states: std::collections::BTreeSet<String> = rows
            .filter_map(|row| Some(format!("{} {}", row.str("event")?, row.str("state")?)))
            .collect();
        let expected = ["acknowledgement acknowledged", "silence created"];
        states.iter().eq(expected).then_some(())
    });
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

#[test]
fn the_server_understands_every_kind_of_rule() {
    let Some(bench) = Bench::new() else { return };
    let line = |n: i64| {
        let time = now() - n * 10_000_000_000;
        format!(
            "{},host=a,cpu=0 x={n},y={}i {time}\n{},host=a x={n} {time}\n",
            bench.measurement,
            1_000 - n,
            bench.measurement
        )
    };
    bench.write(&(0..30).map(line).collect::<String>());
    let kinds = [
        "kind = \"threshold\"\naggregate = \"p95\"\nfield = \"x\"\nwhere = ['cpu!=\"1\"', 'host=~\"a|b\"', 'r!~\"x.*\"']\nabove = { warn = 1000 }",
        "kind = \"threshold\"\naggregate = \"max\"\nfield = \"y\"\ngroup_by = [\"host\"]\nabove = { warn = 1000 }",
        "kind = \"threshold\"\naggregate = \"count\"\nfield = \"x\"\nwhere = ['cpu=\"\"']\nabove = { warn = 1000 }",
        "kind = \"rate\"\nfield = \"y\"\nabove = { warn = 1000 }",
        "kind = \"rate\"\nfield = \"y\"\ngroup_by = [\"host\"]\nabove = { warn = 1000 }",
        "kind = \"no_data\"\nfield = \"x\"\ngroup_by = [\"host\"]\nafter = \"1h\"",
        "kind = \"forecast\"\nfield = \"x\"\nwindow = \"10m\"\nlevel = 100\nwithin = { warn = \"1s\" }\nevery = \"1s\"",
        "kind = \"anomaly\"\nfield = \"x\"\nwindow = \"10s\"\naggregate = \"p95\"\nscore = { warn = 1000 }",
        "kind = \"anomaly\"\nfield = \"x\"\nbaseline = \"same_hour_of_week\"\nscore = { warn = 1000 }",
    ];
    let rules: String = kinds
        .iter()
        .enumerate()
        .map(|(n, kind)| format!("[[rule]]\nname = \"r{n}\"\n{kind}\n"))
        .collect();
    let site = bench.site(&format!(
        "{rules}[route]\nreceiver = \"f\"\n[[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"alerts.log\"\n"
    ));
    let Some(mut alerter) = site.start() else {
        return;
    };
    let rules = wait::until("an evaluation of every rule", || {
        let rules = alerter.get("/api/v1/rules")["rules"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let all = rules.len() == kinds.len()
            && rules.iter().all(|rule| !rule["lastEvaluatedAt"].is_null());
        all.then_some(rules)
    });
    for (rule, kind) in rules.iter().zip(kinds) {
        assert!(rule["lastError"].is_null(), "{kind}\n{rule}");
        assert_ne!(rule["series"], 0, "{kind}\n{rule}");
    }
    alerter.daemon.stop();
}
