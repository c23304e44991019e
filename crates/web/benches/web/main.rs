//! The web server over the embedded database, as its users meet it: the fleet page and a day's series
//! with 5 and with 1,000 hosts that write once a second, bytes of the first load, memory, and the time
//! from a point's write to its pixel in a browser.
//!
//!     cargo build --release --bins && cargo bench -p watchpost-web
//!
//! `-- --output json` prints one object, `-- --hosts 100` measures that number of hosts alone.
#![allow(clippy::unwrap_used, reason = "a bench may fail")]

mod fleet;
mod report;
mod site;

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use watchpost_testkit::Browser;

use fleet::Fleet;
use report::Report;
use site::{FLEET_PAGE, HOST_PAGE, Site};

/// Numbers of hosts.
const HOSTS: [usize; 2] = [5, 1_000];

/// Requests of each measurement.
const REQUESTS: usize = 200;

/// On the way at a time when requests per second are measured.
const AT_ONCE: usize = 8;

/// Points that are followed from their write to the screen.
const PIXELS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let found = arguments.windows(2).find(|pair| pair[0] == name);
        found.map(|pair| pair[1].clone())
    };
    let mut report = Report::new(option("--output").as_deref() == Some("json"));
    let hosts = match option("--hosts") {
        Some(hosts) => vec![hosts.parse().expect("--hosts takes a number")],
        None => HOSTS.to_vec(),
    };
    for hosts in hosts {
        measure(&mut report, hosts);
    }
    report.finish();
}

fn measure(report: &mut Report, hosts: usize) {
    let Some(site) = Site::start() else { return };
    let began = Instant::now();
    let fleet = Fleet::write(&site, hosts);
    eprintln!(
        "{} values of a day of {hosts} hosts, written in {:.1} s",
        fleet.values,
        began.elapsed().as_secs_f64()
    );
    site.wait_for_hosts(hosts);
    let writing = fleet.go_on(&site);
    let name = |what: &str| format!("{what}, {hosts} hosts");
    let paths = [
        ("fleet page", "/".to_owned()),
        ("fleet as JSON", "/api/v1/hosts".to_owned()),
        ("host page", HOST_PAGE.0.to_owned()),
        (
            "24 h series of 1,000 points",
            day("cpu_usage_percent", "host-3"),
        ),
        (
            "24 h rate of 1,000 points",
            day("network_bytes_sent", "host-3"),
        ),
        (
            "24 h of a page of hosts",
            "/api/v1/series?metric=cpu_usage_percent&range=24h&max_points=1000".to_owned(),
        ),
        (
            "all charts of a host, 1 h",
            format!("/api/v1/series/batch?metrics={BATCH}&host=host-3&range=1h&max_points=600"),
        ),
    ];
    for (what, path) in paths {
        let heavy = what.contains("page of hosts");
        let requests = if heavy { REQUESTS / 10 } else { REQUESTS };
        let found = site.block_on(times(&site, &path, requests));
        report.add(&name(&format!("{what} p50")), found.p50, "ms");
        report.add(&name(&format!("{what} p99")), found.p99, "ms");
        report.add(&name(&format!("{what} rate")), found.rate, "requests/s");
        report.add(&name(&format!("{what} size")), found.bytes, "bytes");
    }
    for (what, page) in [("fleet page", FLEET_PAGE), ("host page", HOST_PAGE)] {
        let bytes = site.first_load(page);
        report.add(
            &name(&format!("first load of the {what}, gzip")),
            bytes,
            "bytes",
        );
    }
    if let Ok(browser) = Browser::launch() {
        let (p50, most) = pixels(&site, &fleet, &browser);
        report.add(&name("write to pixel p50"), p50, "ms");
        report.add(&name("write to pixel most"), most, "ms");
    }
    report.add(&name("memory"), site.megabytes("VmRSS"), "MB");
    report.add(&name("peak memory"), site.megabytes("VmHWM"), "MB");
    site.block_on(writing.stop());
}

/// What the host page asks for.
const BATCH: &str = "cpu_usage_percent,cpu_user_percent,cpu_system_percent,cpu_load_1m,\
    memory_usage_percent,swap_usage_percent,memory_used_bytes,disk_usage_percent,\
    network_bytes_recv,network_bytes_sent";

fn day(metric: &str, host: &str) -> String {
    format!("/api/v1/series?metric={metric}&host={host}&range=24h&max_points=1000")
}

struct Times {
    p50: f64,
    p99: f64,
    rate: f64,
    bytes: f64,
}

/// Milliseconds to the last byte of requests one after the other, then how many a second go at once.
async fn times(site: &Site, path: &str, requests: usize) -> Times {
    let mut times = Vec::with_capacity(requests);
    let mut bytes = 0;
    for _ in 0..requests {
        let began = Instant::now();
        bytes = site.get(path).await.len();
        times.push(milliseconds(began.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    let began = Instant::now();
    let all = stream::iter(0..requests)
        .map(|_| site.get(path))
        .buffer_unordered(AT_ONCE);
    let answered = all.count().await;
    Times {
        p50: times[requests / 2],
        p99: times[requests * 99 / 100],
        rate: answered as f64 / began.elapsed().as_secs_f64(),
        bytes: bytes as f64,
    }
}

/// Milliseconds from before a point is written until the page shows it: median and most.
fn pixels(site: &Site, fleet: &Fleet, browser: &Browser) -> (f64, f64) {
    browser.open(&site.url("/?sort=host"));
    browser.wait(
        "live",
        "document.getElementById('live').dataset.state === 'on' && document.body.dataset.updates > 2",
    );
    let cell = "document.querySelector('[data-host=a-probe] [data-metric=cpu_usage_percent]')";
    let mut times = Vec::new();
    for round in 0..PIXELS {
        let value = 10.0 + round as f64;
        let began = Instant::now();
        site.block_on(fleet.write_probe(site, value));
        browser.wait(
            "its pixel",
            &format!("{cell}?.textContent.trim() === '{value:.1} %'"),
        );
        times.push(milliseconds(began.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    (times[PIXELS / 2], times[PIXELS - 1])
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
