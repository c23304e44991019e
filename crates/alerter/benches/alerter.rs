//! Measures what the alerter promises: `cargo bench -p watchpost-alerter -- [SECTION…] [--output json]`,
//! with the options of the profile that ships.
//!
//! - `pure`: series a second through state machine and stages, and memory of 50,000 alerts;
//! - `server`: wall and CPU of evaluating 200 rules over 1,000 hosts;
//! - `latency`: from the write of a breaching point to the receiver's socket, at 10 s.
//!
//! `server` and `latency` need a built `watchpost-engine` of the same profile, or `INFLUX_URL`. As JSON it
//! gives `{"benchmark": "alerter", "figures": [{"name", "value", "unit", "target"}]}` in its last line,
//! where `target` is there if at most that is promised.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use watchpost_alerter::alert::{Alert, Nanos, SECOND, Severity};
use watchpost_alerter::alerting::Alerting;
use watchpost_alerter::evaluation;
use watchpost_alerter::labels::Labels;
use watchpost_alerter::pipeline::snapshot::Snapshot;
use watchpost_alerter::rule_file::{RuleFile, parse};
use watchpost_alerter::rules::sample::Row;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::{Daemon, HttpReceiver, Server, temp_folder};

const NOW: Nanos = 1_767_225_600 * SECOND;
const HOSTS: usize = 1_000;
const RULES: usize = 200;
const ACTIVE_ALERTS: usize = 50_000;
const ROUTE: &str = "[route]\nreceiver = \"ops\"\n[[inhibit]]\nsource = ['alertname=\"down\"']\n\
    target = ['alertname!=\"down\"']\nequal = [\"host\"]\n[[receiver]]\nname = \"ops\"\nkind = \"file\"\n\
    path = \"x\"\nrate_limit = 100000\ndigest_over = 100000\n";

/// One interval and a second: what a page may take, in milliseconds.
const LATENCY_TARGET: f64 = 11_000.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments
        .windows(2)
        .any(|pair| pair[0] == "--output" && pair[1] == "json");
    let sections = ["pure", "server", "latency"];
    let named = arguments
        .iter()
        .any(|word| sections.contains(&word.as_str()));
    let runs = |name: &str| !named || arguments.iter().any(|word| word == name);
    let mut report = Report {
        json,
        figures: Vec::new(),
    };
    if runs("pure") {
        // First, so that no memory of the other is used again.
        stages(&mut report);
        state_machine(&mut report);
    }
    if runs("server") {
        server_evaluation(&mut report);
    }
    if runs("latency") {
        latency(&mut report);
    }
    if json {
        let figures = serde_json::json!({ "benchmark": "alerter", "figures": report.figures });
        println!("{figures}");
    }
}

/// The figures: a line each for people, one object at the end for scripts.
struct Report {
    json: bool,
    figures: Vec<serde_json::Value>,
}

impl Report {
    fn add(&mut self, name: &str, value: f64, unit: &str, target: Option<f64>) {
        let value = (value * 10.0).round() / 10.0;
        if !self.json {
            let promise = target.map(|target| format!("  (at most {target})"));
            let promise = promise.unwrap_or_default();
            println!("{:<52}{value:>12} {unit}{promise}", name.replace('_', " "));
        }
        let mut figure = serde_json::json!({ "name": name, "value": value, "unit": unit });
        if let Some(target) = target {
            figure["target"] = target.into();
        }
        self.figures.push(figure);
    }

    fn rate(&mut self, name: &str, count: usize, took: Duration, unit: &str) {
        self.add(name, count as f64 / took.as_secs_f64(), unit, None);
    }
}

fn rules(bucket: &str, measurement: &str) -> RuleFile {
    let fields = [
        "cpu_usage_percent",
        "memory_usage_percent",
        "disk_usage_percent",
        "swap_usage_percent",
        "load",
    ];
    let rule = |n: usize| {
        let (field, aggregate) = (
            fields[n % fields.len()],
            if n.is_multiple_of(2) { "mean" } else { "max" },
        );
        format!(
            "[[rule]]\nname = \"rule_{n}\"\nkind = \"threshold\"\nfield = \"{field}\"\naggregate = \"{aggregate}\"\n\
             window = \"5m\"\nabove = {{ warn = {}, critical = {} }}\n",
            90 + n % 5,
            95 + n % 5
        )
    };
    let defaults = format!("[defaults]\nbucket = \"{bucket}\"\nmeasurement = \"{measurement}\"\n");
    let text = defaults + &(0..RULES).map(rule).collect::<String>() + ROUTE;
    parse(&text).expect("the bench's own rules are valid")
}

fn host_rows(value: impl Fn(usize) -> f64) -> Vec<Row> {
    let row = |n: usize| {
        let labels = Labels::from([
            ("environment", "production"),
            ("region", "eu"),
            ("service", "web"),
        ]);
        Row::new(labels.with("host", format!("host-{n}")), value(n), None)
    };
    (0..HOSTS).map(row).collect()
}

/// 200 rules over 1,000 hosts, one series in a hundred breaching.
fn state_machine(report: &mut Report) {
    let file = rules("b", "m");
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
    let mut round = |name: &str, at: Nanos| {
        let rows = host_rows(|n| if n % 100 == 0 { 99.9 } else { 50.0 });
        let rows: Vec<&Row> = rows.iter().collect();
        let start = Instant::now();
        for rule in &file.rules {
            alerting.evaluate(rule, Ok(&rows), at);
        }
        drop(alerting.take_events());
        report.rate(name, RULES * HOSTS, start.elapsed(), "series/s");
    };
    round("state_machine_new_series", NOW);
    round("state_machine_known_series", NOW + 10 * SECOND);
}

/// 50,000 alerts through inhibition, silences, grouping, dedup and delivery.
fn stages(report: &mut Report) {
    let file = parse(ROUTE).expect("the bench's own route is valid");
    let before = resident();
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), NOW);
    let start = Instant::now();
    for n in 0..ACTIVE_ALERTS {
        let labels = Labels::from([
            ("alertname", "cpu_high"),
            ("environment", "production"),
            ("region", "eu"),
        ]);
        let alert = Alert::of_rule(
            labels.with("host", format!("host-{n}")),
            Severity::Warning,
            NOW,
        );
        alerting.dispatcher.put(alert, NOW);
    }
    alerting.dispatcher.tick(NOW);
    report.rate(
        "stages_taken_grouped_judged_composed",
        ACTIVE_ALERTS,
        start.elapsed(),
        "alerts/s",
    );
    let start = Instant::now();
    let mut sent = 0;
    loop {
        let deliveries = alerting.dispatcher.take_deliveries(NOW);
        if deliveries.is_empty() {
            break;
        }
        for delivery in deliveries {
            alerting.dispatcher.delivered(&delivery, NOW);
            sent += 1;
        }
    }
    report.rate("outbox_delivered", sent, start.elapsed(), "messages/s");
    drop(alerting.dispatcher.take_changes());
    let start = Instant::now();
    alerting.dispatcher.tick(NOW + 60 * SECOND);
    report.rate(
        "stages_next_group_interval",
        ACTIVE_ALERTS,
        start.elapsed(),
        "alerts/s",
    );
    let grown = resident().saturating_sub(before) as f64 / 1_048_576.0;
    report.add(
        "memory_of_50000_active_alerts_in_as_many_groups",
        grown,
        "MiB",
        None,
    );
}

/// Resident memory of this process in bytes; 0 where there is no /proc.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// User and system time of this process so far, in clock ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |n: usize| {
        fields
            .get(n)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn now() -> Nanos {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Nanos::try_from(elapsed.as_nanos()).unwrap_or(Nanos::MAX)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
}

fn client(server: &Server) -> Client {
    let token = TokenSource::fixed(server.token.clone());
    let config = ClientConfig {
        timeout: Duration::from_secs(120),
        ..ClientConfig::new(server.url.clone(), server.org.clone(), token)
    };
    Client::new(config).expect("the test server has a valid address")
}

/// Five minutes of five fields of 1,000 hosts at 10 s, then evaluations of 200 rules.
fn server_evaluation(report: &mut Report) {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let (client, runtime) = (client(&server), runtime());
    let measurement = format!("bench_{}", now());
    let end = now();
    for step in 0..30 {
        let time = end - step * 10 * SECOND;
        for hosts in (0..HOSTS).collect::<Vec<_>>().chunks(500) {
            let line = |n: &usize| {
                let value = (n * 7 + usize::try_from(step).unwrap_or(0)) % 97;
                format!(
                    "{measurement},host=host-{n},region=eu,environment=production,service=web \
                     cpu_usage_percent={value}.5,memory_usage_percent=50.5,disk_usage_percent=40.5,\
                     swap_usage_percent=1.5,load={value}.1 {time}\n"
                )
            };
            let lines: String = hosts.iter().map(line).collect();
            let written = runtime.block_on(client.write(
                &server.bucket,
                Precision::Nanoseconds,
                lines.as_bytes(),
            ));
            assert_eq!(written, Outcome::Done);
        }
    }
    let file = rules(&server.bucket, &measurement);
    let mut alerting = Alerting::new(&file, Snapshot::default(), Vec::new(), now());
    let mut rounds = Vec::new();
    for _ in 1..=5 {
        let (start, cpu, at) = (Instant::now(), cpu_time(), now());
        let mut answers = Vec::new();
        runtime.block_on(evaluation::run(
            client.clone(),
            file.rules.clone(),
            Vec::new(),
            at,
            |found| {
                answers.extend(found);
            },
        ));
        let queried = start.elapsed();
        for answer in &answers {
            let found: Vec<&Row> = answer
                .rows
                .as_ref()
                .map(|rows| rows.iter().collect())
                .unwrap_or_default();
            alerting.evaluate(&answer.rule, Ok(&found), at);
        }
        drop(alerting.take_events());
        rounds.push((start.elapsed(), queried, cpu_time() - cpu));
    }
    rounds.sort();
    let (wall, queried, cpu) = rounds[rounds.len() / 2];
    for (name, took) in [("wall", wall), ("queries", queried), ("cpu", cpu)] {
        let name = format!("evaluation_of_200_rules_over_1000_hosts_{name}");
        report.add(&name, took.as_secs_f64() * 1e3, "ms", None);
    }
}

/// 200 hosts breach one after the other, every 100 ms, while rules are evaluated every 10 s.
fn latency(report: &mut Report) {
    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let Some(mut command) = Daemon::command("watchpost-alerter") else {
        return;
    };
    let (client, runtime) = (client(&server), runtime());
    let measurement = format!("latency_{}", now());
    let hook = HttpReceiver::webhook();
    let folder = temp_folder();
    let rules = format!(
        "[defaults]\nbucket = \"{}\"\nmeasurement = \"{measurement}\"\nevery = \"10s\"\n[[rule]]\nname = \"cpu_high\"\n\
         kind = \"threshold\"\nfield = \"cpu\"\nwindow = \"1m\"\nabove = {{ warn = 90 }}\n[route]\nreceiver = \"hook\"\n\
         [[receiver]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\nrate_limit = 100000\ndigest_over = 100000\n",
        server.bucket,
        hook.url("/")
    );
    let file = folder.path().join("rules.toml");
    std::fs::write(&file, rules).expect("the folder is ours");
    command
        .env("INFLUX_URL", &server.url)
        .env("INFLUX_TOKEN", &server.token)
        .env("INFLUX_ORG", &server.org);
    for set in [
        format!("rules.file={}", file.display()),
        format!("store.folder={}", folder.path().join("data").display()),
        "api.listen.listen=127.0.0.1:0".to_owned(),
        "history.enabled=false".to_owned(),
    ] {
        command.arg("--set").arg(set);
    }
    let mut daemon = Daemon::start(command);
    daemon.wait_for_line("the alerter is running");
    let mut written: Vec<(String, Instant)> = Vec::new();
    let mut seen = 0;
    let mut latencies: Vec<Duration> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    while latencies.len() < 200 && Instant::now() < deadline {
        if written.len() < 200 {
            let host = format!("host-{}", written.len());
            let line = format!("{measurement},host={host} cpu=99.5 {}", now());
            runtime.block_on(client.write(&server.bucket, Precision::Nanoseconds, line.as_bytes()));
            written.push((format!("\"{host}\""), Instant::now()));
        }
        let pause = Instant::now() + Duration::from_millis(100);
        while Instant::now() < pause {
            let requests = hook.requests.all();
            for request in &requests[seen..] {
                let text = request.text();
                let found = written
                    .iter()
                    .find(|(host, _)| text.contains(host.as_str()));
                latencies.extend(found.map(|(_, at)| at.elapsed()));
            }
            seen = requests.len();
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }
    daemon.stop();
    latencies.sort();
    assert_eq!(latencies.len(), 200, "every breach is told within a minute");
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("worst", 1.0)] {
        let place = ((latencies.len() - 1) as f64 * share) as usize;
        let name = format!("write_to_socket_at_10s_{name}");
        let milliseconds = latencies[place].as_secs_f64() * 1e3;
        report.add(&name, milliseconds, "ms", Some(LATENCY_TARGET));
    }
}
