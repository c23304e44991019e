//! What continuous copies cost, and how far they are behind: the workload that the engine is measured by
//! ([`watchpost_testkit::workload`]), written at full speed with and without a follower, then at the pace of 200 hosts; and
//! the way back.
//!
//! `cargo bench -p watchpost-archive` prints one figure a line, `-- --output json` an object; `-- --hours 24` writes more,
//! `-- --seconds 5` follows the slow pace for less long.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use watchpost_archive::drill::into_folder;
use watchpost_archive::engine::Engine;
use watchpost_archive::envelope::{Identities, new_key};
use watchpost_archive::restore::{self, Options, plan::moments};
use watchpost_archive::vault::{self, Access, Vault};
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::workload::{CONNECTIONS, FIELDS, HOSTS, STEP, write_bodies};
use watchpost_testkit::{Daemon, Server, binary, temp_folder};

/// Ticks of a second in /proc/PID/stat; Linux has had no other number for decades.
const TICKS: f64 = 100.0;

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let found = arguments.windows(2).find(|pair| pair[0] == name);
        found.map(|pair| pair[1].clone())
    };
    let number = |name: &str, default: u64| {
        option(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (hours, seconds) = (number("--hours", 2) as usize, number("--seconds", 60));
    let mut report = Report::new(option("--output").as_deref() == Some("json"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(&mut report, hours, seconds));
    report.finish();
}

async fn measure(report: &mut Report, hours: usize, seconds: u64) {
    let bodies_folder = temp_folder();
    let (bodies, rows) = write_bodies(bodies_folder.path(), hours);
    let values = (rows * FIELDS) as f64;
    report.add("values", values, "");
    let bodies = Arc::new(bodies);

    let alone = watchpost_testkit::server().expect("the engine is built");
    let took = ingest(&client(&alone), &alone.bucket, &bodies).await;
    report.add(
        "written without a follower",
        values / took / 1e6,
        "Mvalues/s",
    );
    drop(alone);

    let site = Site::start();
    let began = site.cpu();
    let start = Instant::now();
    let took = ingest(&client(&site.server), &site.server.bucket, &bodies).await;
    report.add("written with a follower", values / took / 1e6, "Mvalues/s");
    let behind = site.caught_up().await;
    report.add("behind at the end", behind, "s");
    let share = (site.cpu() - began) / start.elapsed().as_secs_f64();
    report.add("processor meanwhile", share * 100.0, "%");
    let (log, segments) = site.sent();
    report.add("log sent", log / 1e6, "MB");
    report.add("segments sent", segments / 1e6, "MB");
    report.add("sent a value", (log + segments) / values, "bytes");

    pace(report, &site, seconds).await;
    way_back(report, &site).await;
}

/// The pace of 200 hosts that write each ten seconds.
async fn pace(report: &mut Report, site: &Site, seconds: u64) {
    let client = client(&site.server);
    let (cpu, sent, start) = (site.cpu(), site.sent().0, Instant::now());
    let mut ages = Vec::new();
    let mut written = 0;
    for second in 0..seconds {
        let lines: String = (0..HOSTS / STEP as usize)
            .map(|host| line(host, second))
            .collect();
        written += lines.len();
        write(&client, &site.server.bucket, lines.as_bytes()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ages.push(site.age().await);
    }
    let elapsed = start.elapsed().as_secs_f64();
    ages.sort_by(f64::total_cmp);
    report.add(
        "200 hosts: age of the copy, median",
        ages[ages.len() / 2],
        "s",
    );
    report.add("200 hosts: age of the copy, max", ages[ages.len() - 1], "s");
    report.add(
        "200 hosts: processor",
        (site.cpu() - cpu) / elapsed * 100.0,
        "%",
    );
    let sent = site.sent().0 - sent;
    report.add("200 hosts: sent", sent / elapsed, "bytes/s");
    report.add(
        "200 hosts: sent of what was written",
        sent / written as f64,
        "",
    );
}

fn line(host: usize, second: u64) -> String {
    let fields: Vec<String> = (0..FIELDS)
        .map(|field| {
            format!(
                "f{field:02}={}",
                (second as usize * 37 + host * 11 + field) % 1_000
            )
        })
        .collect();
    format!("paced,host=host-{host:03} {}\n", fields.join(","))
}

/// From the store to a server that answers.
async fn way_back(report: &mut Report, site: &Site) {
    let start = Instant::now();
    let (vault, keys) = (site.vault(), site.identities());
    let plan = restore::plan(&vault, &keys, None, false)
        .await
        .expect("planned");
    let folder = temp_folder();
    let data = folder.path().join("engine");
    let engine = Engine::find(binary("watchpost-engine").as_deref());
    let to = (&engine, data.as_path());
    let restored = into_folder(&vault, &keys, &plan, &Options::default(), to, &|_| {}).await;
    let restored = restored.expect("restored");
    let unpacked = start.elapsed().as_secs_f64();
    let serving = engine.serve(&data).expect("serves");
    let served = start.elapsed().as_secs_f64();
    drop(serving);
    report.add("restored", restored.bytes as f64 / 1e6, "MB");
    report.add(
        "restore rate",
        restored.bytes as f64 / 1e6 / unpacked,
        "MB/s",
    );
    report.add("until it serves", served, "s");
    report.add(
        "until it serves, a GB",
        served / (restored.bytes as f64 / 1e9),
        "s",
    );
}

fn client(server: &Server) -> Client {
    let token = TokenSource::fixed(server.token.as_str());
    let config = ClientConfig {
        timeout: Duration::from_secs(60),
        pool_idle_connections: CONNECTIONS,
        gzip: false,
        ..ClientConfig::new(&server.url, &server.org, token)
    };
    Client::new(config).expect("a client")
}

async fn write(client: &Client, bucket: &str, lines: &[u8]) {
    let done = client.write(bucket, Precision::Nanoseconds, lines).await;
    assert_eq!(done, Outcome::Done);
}

/// Writes all bodies over some connections; seconds until the last is durable.
async fn ingest(client: &Client, bucket: &str, bodies: &Arc<Vec<PathBuf>>) -> f64 {
    let start = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, bucket) = (client.clone(), bucket.to_owned());
        let (bodies, next) = (Arc::clone(bodies), Arc::clone(&next));
        writers.push(tokio::spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let lines = std::fs::read(body).expect("read");
                write(&client, &bucket, &lines).await;
            }
        }));
    }
    for writer in writers {
        writer.await.expect("ends well");
    }
    start.elapsed().as_secs_f64()
}

/// A server that is followed into a folder.
struct Site {
    server: Server,
    folder: watchpost_testkit::TempFolder,
    follower: Daemon,
}

impl Site {
    fn start() -> Site {
        let server = watchpost_testkit::server().expect("the engine is built");
        let folder = temp_folder();
        let (private, public) = new_key();
        std::fs::write(folder.path().join("key"), private).expect("written");
        let below = |name: &str| folder.path().join(name).display().to_string();
        let Server {
            url,
            org,
            bucket,
            token,
            ..
        } = &server;
        let text = format!(
            "[influx]\nurl = \"{url}\"\norg = \"{org}\"\nbucket = \"{bucket}\"\ntoken = \"{token}\"\n\n\
             [telemetry]\nenabled = false\n\n[backup]\nto = \"{}\"\nrecipients = [\"{public}\"]\n\
             snapshot_every = \"30s\"\nstate_directory = \"{}\"\n",
            below("copies"),
            below("state")
        );
        std::fs::write(folder.path().join("archive.toml"), text).expect("written");
        let mut command = Daemon::command("watchpost-archive").expect("built");
        command
            .arg("--config")
            .arg(folder.path().join("archive.toml"));
        let mut follower = Daemon::start(command);
        follower.wait_for_line("a snapshot was published");
        Site {
            server,
            folder,
            follower,
        }
    }

    fn vault(&self) -> Vault {
        let place = self.folder.path().join("copies").display().to_string();
        vault::open(&place, &Access::default(), 0).expect("a place")
    }

    fn identities(&self) -> Identities {
        Identities::from_file(&self.folder.path().join("key")).expect("a key")
    }

    /// Seconds since the moment up to which all can be restored.
    async fn age(&self) -> f64 {
        let found = moments(&self.vault()).await.unwrap_or_default();
        let until = found.iter().map(|it| it.until.0).max().unwrap_or_default();
        (now() - until) as f64 / 1_000.0
    }

    /// Waits until what is written by now can be restored; seconds.
    async fn caught_up(&self) -> f64 {
        let (start, written) = (Instant::now(), now());
        let client = client(&self.server);
        loop {
            // An idle server has no new moments.
            write(&client, &self.server.bucket, b"idle v=1").await;
            let found = moments(&self.vault()).await.unwrap_or_default();
            if found.iter().any(|it| it.until.0 > written) {
                return start.elapsed().as_secs_f64();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Bytes of the log's parts and of the segments in the store.
    fn sent(&self) -> (f64, f64) {
        let copies = self.folder.path().join("copies");
        (bytes(&copies.join("log")), bytes(&copies.join("segments")))
    }

    /// Seconds of processor that the follower used.
    fn cpu(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.follower.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let after = text.rsplit_once(')').map_or("", |(_, after)| after);
        let fields: Vec<f64> = after
            .split_whitespace()
            .filter_map(|it| it.parse().ok())
            .collect();
        // Of the fields after the name the first is a letter, which is left out: utime and stime are the 11th and 12th.
        fields
            .get(10)
            .zip(fields.get(11))
            .map_or(0.0, |(user, system)| (user + system) / TICKS)
    }
}

fn now() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.expect("after 1970").as_millis() as i64
}

fn bytes(folder: &Path) -> f64 {
    let entries = watchpost_durable::list(folder).unwrap_or_default();
    let sizes = entries.iter().map(|path| match path.is_dir() {
        true => bytes(path),
        false => std::fs::metadata(path).map_or(0.0, |it| it.len() as f64),
    });
    sizes.sum()
}

/// The figures: a line each as they come, or one JSON object at the end.
struct Report {
    as_json: bool,
    figures: Map<String, Value>,
}

impl Report {
    fn new(as_json: bool) -> Self {
        Self {
            as_json,
            figures: Map::new(),
        }
    }

    fn add(&mut self, name: &str, figure: f64, unit: &str) {
        if self.as_json {
            let about = json!({ "value": figure, "unit": unit });
            self.figures.insert(name.to_owned(), about);
        } else {
            println!("{name:36} {figure:>12.2} {unit}");
        }
    }

    fn finish(self) {
        if self.as_json {
            println!("{}", Value::Object(self.figures));
        }
    }
}
