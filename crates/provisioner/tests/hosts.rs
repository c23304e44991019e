//! Hosts that are gone stop being waited for, renamed ones keep their history, and `health` is for people.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_client::flux_text;
use watchpost_provisioner::secret_file;
use watchpost_testkit::{Daemon, skip, wait};

use crate::site::{Ran, Site, block_on};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3_600 * SECOND;
const RAW: &str = "system_metrics_raw";
const HOURLY: &str = "system_metrics_1h";

/// A server with the shipped buckets, and points of three hosts, one of a hostile name.
fn site() -> Option<Site> {
    let site = Site::new()?;
    site.desire_shipped();
    let applied = site.run(&["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.text);
    fill(&site);
    Some(site)
}

/// The same with hours that are kept for ever.
fn site_of_all_times() -> Option<Site> {
    let site = site()?;
    site.change_retention(HOURLY, 0);
    Some(site)
}

fn nanoseconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// A tag's value in line protocol.
fn escaped(text: &str) -> String {
    text.replace(' ', "\\ ")
        .replace(',', "\\,")
        .replace('=', "\\=")
}

fn fill(site: &Site) {
    let now = nanoseconds_now();
    for host in ["web-1", "web-2", "a\\ b\"c"] {
        let time = now - 60_000_000_000;
        site.write(
            RAW,
            &format!("system_metrics,host={host} uptime_seconds=5 {time}\n"),
        );
        let hour = format!("system_metrics_hourly,host={host} uptime_seconds_last=5 {time}\n");
        site.write(HOURLY, &hour);
    }
}

/// How many points a bucket has of a host, of the last hour.
fn points(site: &Site, bucket: &str, host: &str) -> usize {
    points_since(site, bucket, host, "-1h")
}

fn all_points(site: &Site, bucket: &str, host: &str) -> usize {
    points_since(site, bucket, host, "0")
}

fn points_since(site: &Site, bucket: &str, host: &str, start: &str) -> usize {
    let host = flux_text::equals("host", host);
    let tables = site.query(&format!(
        "from(bucket: \"{bucket}\") |> range(start: {start}, stop: 1h) |> filter(fn: (r) => {host})"
    ));
    tables.iter().flat_map(|table| table.rows()).count()
}

#[test]
fn a_host_that_is_gone_is_forgotten_and_its_history_stays() {
    let Some(site) = site() else { return };
    let listed = site.run(&["host", "list"]);
    assert!(
        listed.text.contains("  web-1\n") && listed.text.contains("  web-2\n"),
        "{}",
        listed.text
    );

    let unknown = site.run(&["host", "forget", "web-7", "--yes"]);
    assert_eq!(unknown.code, 1, "{}", unknown.text);
    assert!(unknown.text.contains("web-1"), "{}", unknown.text);

    let forgotten = site.run(&["host", "forget", "web-1", "--yes"]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.text);
    assert!(
        forgotten.text.contains("hourly and daily history stays"),
        "{}",
        forgotten.text
    );
    assert!(
        forgotten.text.contains("--alerter-token-file"),
        "{}",
        forgotten.text
    );
    assert_eq!(
        (points(&site, RAW, "web-1"), points(&site, HOURLY, "web-1")),
        (0, 1)
    );
    assert_eq!(points(&site, RAW, "web-2"), 1);

    let all = site.run(&["host", "forget", "a b\"c", "--with-history", "--yes"]);
    assert_eq!(all.code, 0, "{}", all.text);
    assert_eq!(
        (
            points(&site, RAW, "a b\"c"),
            points(&site, HOURLY, "a b\"c")
        ),
        (0, 0)
    );
    assert_eq!(
        (points(&site, RAW, "web-2"), points(&site, HOURLY, "web-2")),
        (1, 1)
    );
}

/// Names that a query, a predicate or an address could take for its own: a path, quotes, a backslash, a
/// right-to-left script, what looks like Flux.
const ODD: [&str; 6] = [
    "a/b",
    "it's \"the\" one",
    "back\\slash",
    "مضيف-١",
    "${x} |> drop()",
    "50%25?#é\u{301}",
];

/// A host's points of long ago, in line protocol: hours and days of three years, beside a text and a truth.
fn write_past(site: &Site, host: &str) -> usize {
    let now = nanoseconds_now();
    let mut lines = String::new();
    for days in [1_000, 400, 61, 60, 31, 29, 0] {
        let time = now - days * DAY - 60 * SECOND;
        let host = escaped(host);
        lines += &format!(
            "system_metrics_hourly,host={host},disk=a cpu=1,note=\"x\",well=true,n=3i {time}\n"
        );
    }
    site.write(HOURLY, &lines);
    7 * 4
}

#[test]
fn a_renamed_host_keeps_all_its_points_however_old() {
    let Some(site) = site_of_all_times() else {
        return;
    };
    let written = write_past(&site, "web-1");
    let renamed = site.run(&["host", "rename", "web-1", "shop-1", "--yes"]);
    assert_eq!(renamed.code, 0, "{}", renamed.text);
    assert_eq!(all_points(&site, HOURLY, "shop-1"), written + 1);
    assert_eq!(all_points(&site, HOURLY, "web-1"), 0);
    assert_eq!(points(&site, RAW, "shop-1"), 1);
    assert_eq!(points(&site, RAW, "web-1"), 0);
    assert!(
        renamed
            .text
            .contains(&format!("{HOURLY}: {} points are there", written + 1)),
        "{}",
        renamed.text
    );
    // The others are as they were.
    assert_eq!(points(&site, RAW, "web-2"), 1);
    assert_eq!(all_points(&site, HOURLY, "web-2"), 1);
    // Once more: nothing is left, and nothing is lost.
    let again = site.run(&["host", "rename", "web-1", "shop-1", "--yes"]);
    assert_eq!(again.code, 1, "{}", again.text);
    assert!(again.text.contains("shop-1"), "{}", again.text);
    assert_eq!(all_points(&site, HOURLY, "shop-1"), written + 1);
}

/// A run may end between any two steps: some copied, all copied, the raw bucket removed already.
#[test]
fn an_interrupted_rename_is_run_again() {
    let Some(site) = site_of_all_times() else {
        return;
    };
    let written = write_past(&site, "web-1");
    // Some is there under the new name, and the new name has points of its own.
    let time = nanoseconds_now() - 60 * SECOND;
    site.write(
        RAW,
        &format!(
            "system_metrics,host=shop-1 uptime_seconds=9 {}\n",
            time + SECOND
        ),
    );
    site.write(
        HOURLY,
        &format!(
            "system_metrics_hourly,host=shop-1,disk=a cpu=1 {}\n",
            time - 400 * DAY
        ),
    );
    let forgotten = site.run(&["host", "forget", "web-1", "--yes"]);
    assert_eq!(forgotten.code, 0, "{}", forgotten.text);
    let renamed = site.run(&["host", "rename", "web-1", "shop-1", "--yes"]);
    assert_eq!(renamed.code, 0, "{}", renamed.text);
    assert!(
        all_points(&site, HOURLY, "shop-1") > written,
        "{}",
        renamed.text
    );
    assert_eq!(all_points(&site, HOURLY, "web-1"), 0);
    assert_eq!(points(&site, RAW, "shop-1"), 1);
}

#[test]
fn odd_names_are_forgotten_and_renamed_like_others() {
    let Some(site) = site_of_all_times() else {
        return;
    };
    for host in ODD {
        write_past(&site, host);
        let time = nanoseconds_now() - SECOND;
        site.write(
            RAW,
            &format!(
                "system_metrics,host={} uptime_seconds=5 {time}\n",
                escaped(host)
            ),
        );
    }
    for host in ODD {
        let new = format!("{host} of old");
        let renamed = site.run(&["host", "rename", host, &new, "--yes"]);
        assert_eq!(renamed.code, 0, "{host}: {}", renamed.text);
        assert_eq!(all_points(&site, HOURLY, &new), 28, "{host}");
        assert_eq!(all_points(&site, HOURLY, host), 0, "{host}");
        let forgotten = site.run(&["host", "forget", &new, "--yes"]);
        assert_eq!(forgotten.code, 0, "{host}: {}", forgotten.text);
        assert_eq!(
            (points(&site, RAW, &new), all_points(&site, HOURLY, &new)),
            (0, 28),
            "{host}"
        );
        let forgotten = site.run(&["host", "forget", &new, "--with-history", "--yes"]);
        assert_eq!(forgotten.code, 0, "{host}: {}", forgotten.text);
        assert_eq!(all_points(&site, HOURLY, &new), 0, "{host}");
        let gone = site.run(&["host", "forget", &new, "--yes"]);
        assert_eq!(gone.code, 1, "{host}: {}", gone.text);
    }
    assert_eq!(
        (points(&site, RAW, "web-2"), points(&site, HOURLY, "web-2")),
        (1, 1)
    );
}

#[test]
fn an_agent_that_still_sends_is_named() {
    let Some(site) = site_of_all_times() else {
        return;
    };
    let ahead = nanoseconds_now() + 600 * SECOND;
    site.write(
        RAW,
        &format!("system_metrics,host=web-1 uptime_seconds=6 {ahead}\n"),
    );
    let renamed = site.run(&["host", "rename", "web-1", "shop-1", "--yes"]);
    assert_eq!(renamed.code, 0, "{}", renamed.text);
    assert!(
        renamed.text.contains("still sends as \"web-1\""),
        "{}",
        renamed.text
    );
    assert_eq!(all_points(&site, RAW, "web-1"), 1);
}

/// The alerts of a host that is forgotten or renamed end; those of others stay.
#[test]
fn what_is_forgotten_or_renamed_pages_no_longer() {
    let Some(site) = site() else { return };
    let Some(alerter) = Alerter::start(&site) else {
        return;
    };
    alerter.wait(&["a b\"c", "web-1", "web-2"]);
    let forgotten = alerter.change(&site, &["forget", "web-1"]);
    assert!(
        forgotten.text.contains("no longer watches it"),
        "{}",
        forgotten.text
    );
    let renamed = alerter.change(&site, &["rename", "a b\"c", "d/e f"]);
    assert!(
        renamed.text.contains("no longer watches it"),
        "{}",
        renamed.text
    );
    // A later evaluation has been made when the new name is there; it brings nothing old back.
    alerter.wait(&["d/e f", "web-2"]);
    // A run that did not reach the alerter is made up for, even when no point is left.
    let unheard = ["host", "forget", "d/e f", "--with-history", "--yes"];
    let unheard = site.run(&unheard);
    assert!(unheard.text.contains("was not asked"), "{}", unheard.text);
    let again = alerter.change(&site, &["forget", "d/e f"]);
    assert!(
        again.text.contains("no longer watches it"),
        "{}",
        again.text
    );
    alerter.wait(&["web-2"]);
}

/// A running alerter with a rule that every host breaks.
struct Alerter {
    url: String,
    token: PathBuf,
    _daemon: Daemon,
}

impl Alerter {
    /// `None`, and said so, where it is not built.
    fn start(site: &Site) -> Option<Alerter> {
        let Some(mut command) = Daemon::command("watchpost-alerter") else {
            skip("watchpost-alerter is not built");
            return None;
        };
        let token = site.path("alerter-api.token");
        secret_file::write(&token, "the-token-of-its-api").unwrap();
        let rules = "[[rule]]\nname = \"up\"\nkind = \"threshold\"\nfield = \"uptime_seconds\"\n\
            group_by = [\"host\"]\nevery = \"1s\"\nwindow = \"10m\"\naggregate = \"max\"\nabove = { critical = 1 }\n\
            [route]\nreceiver = \"file\"\n[[receiver]]\nname = \"file\"\nkind = \"file\"\npath = \"alerts.log\"\n";
        std::fs::write(site.path("rules.toml"), rules).unwrap();
        let file = |name: &str| site.path(name).display().to_string();
        for set in [
            format!("rules.file={}", file("rules.toml")),
            format!("store.folder={}", file("alerter")),
            format!("api.token_file={}", token.display()),
            "api.listen.listen=127.0.0.1:0".to_owned(),
            "history.enabled=false".to_owned(),
        ] {
            command.arg("--set").arg(set);
        }
        command
            .env("INFLUX_URL", &site.server.url)
            .env("INFLUX_TOKEN", &site.server.token)
            .env("INFLUX_ORG", &site.server.org);
        let mut daemon = Daemon::start(command);
        let line = daemon.wait_for_line("the alerter is running");
        let address = line.split("http://").nth(1).unwrap();
        let end = address.find(['"', ' ']).unwrap_or(address.len());
        Some(Alerter {
            url: format!("http://{}", &address[..end]),
            token,
            _daemon: daemon,
        })
    }

    /// Until these hosts, and no others, have an alert.
    fn wait(&self, hosts: &[&str]) {
        wait::until(&format!("alerts of {hosts:?}"), || {
            (self.alerting() == hosts).then_some(())
        });
    }

    fn alerting(&self) -> Vec<String> {
        let answer = block_on(async {
            let url = format!("{}/api/v2/alerts", self.url);
            let tls = watchpost_client::tls::no_trust().unwrap();
            let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
            let client = client.build().unwrap();
            let request = client.get(url).bearer_auth("the-token");
            request
                .send()
                .await
                .unwrap()
                .json::<serde_json::Value>()
                .await
                .unwrap()
        });
        let alerts = answer.as_array().unwrap().iter();
        let mut hosts: Vec<String> = alerts
            .map(|alert| alert["labels"]["host"].as_str().unwrap_or("").to_owned())
            .collect();
        hosts.sort();
        hosts
    }

    fn change(&self, site: &Site, arguments: &[&str]) -> Ran {
        let token = self.token.display().to_string();
        let mut all = vec!["host"];
        all.extend(arguments);
        all.extend([
            "--yes",
            "--alerter",
            &self.url,
            "--alerter-token-file",
            &token,
        ]);
        let ran = site.run(&all);
        assert_eq!(ran.code, 0, "{}", ran.text);
        ran
    }
}

#[test]
fn health_is_read_by_people_and_line_protocol_by_flag() {
    let Some(site) = site() else { return };
    let text = site.run(&["health"]).text;
    assert!(
        text.lines()
            .any(|line| line.starts_with("server ") && line.contains("passing yes")),
        "{text}"
    );
    assert!(
        text.lines().any(|line| line.starts_with("host web-1 ")),
        "{text}"
    );
    let lines = site.run(&["health", "--line-protocol"]).text;
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("platform_health,")),
        "{lines}"
    );
}
