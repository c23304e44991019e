//! The engine under the workload it is judged by ([`watchpost_testkit::workload`]), over HTTP against the built binary:
//! writes that are durable when they are answered, bytes on disk, memory, a start after kill -9, ten queries, and
//! the platform's hourly task.
//!
//! `cargo bench -p watchpost-engine` prints one figure a line, `-- --output json` an object, `-- --hours 24` runs
//! longer. `-- --folder PATH` keeps the data there, and asks only the queries where there is some already.
//! Rates are best read against the parse-only rate of the same run: machines differ.

mod downsample;
mod queries;
mod report;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_storage::{Options, Storage};
use watchpost_testkit::temp_folder;
use watchpost_testkit::workload::{CONNECTIONS, FIELDS, HOSTS, STEP, write_bodies};

use report::Report;
use server::{Client, Server, folder_bytes};

fn main() {
    // Fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let found = arguments.windows(2).find(|pair| pair[0] == name);
        found.map(|pair| pair[1].clone())
    };
    let hours = option("--hours").map_or(2, |hours| hours.parse().expect("--hours takes a number"));
    let mut report = Report::new(option("--output").as_deref() == Some("json"));
    let temporary = temp_folder();
    let folder = option("--folder").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if !folder.join("token").exists() {
        write(&mut report, &runtime, &folder, hours);
    }
    let (server, start) = Server::start(&folder);
    report.add("start when sealed", milliseconds(start), "ms");
    let client = server.client();
    for query in queries::all(hours) {
        let (bytes, median) = runtime.block_on(queries::median(&client, &query));
        assert!(bytes > 2, "{}: an empty answer", query.name);
        report.add(query.name, milliseconds(median), "ms");
    }
    let (first, again) = runtime.block_on(downsample::measure(&client));
    report.add(
        "hourly task, 20 hosts, new series",
        milliseconds(first),
        "ms",
    );
    report.add("hourly task, 20 hosts, again", milliseconds(again), "ms");
    report.add("peak memory of queries", server.megabytes("VmHWM"), "MB");
    report.finish();
}

/// Fills a folder, kills the server on the way, and leaves the data as a server that runs for long has it.
fn write(report: &mut Report, runtime: &tokio::runtime::Runtime, folder: &Path, hours: usize) {
    let bodies_folder = temp_folder();
    let (bodies, rows) = write_bodies(bodies_folder.path(), hours);
    let values = rows * FIELDS;
    report.add("values", values as f64, "");
    let parse = mega(values, parse_only(&bodies));
    report.add("parse only, 1 thread", parse, "Mvalues/s");

    let (mut server, start) = Server::start(folder);
    report.add("start of a fresh folder", milliseconds(start), "ms");
    let written = mega(values, runtime.block_on(ingest(&server.client(), bodies)));
    report.add("written, 204 when durable", written, "Mvalues/s");
    report.add("  of parse only", written / parse, "");
    report.add("peak memory of ingest", server.megabytes("VmHWM"), "MB");

    server.kill();
    let (again, reopen) = Server::start(folder);
    report.add("start after kill -9", milliseconds(reopen), "ms");
    server = again;
    let counted = runtime.block_on(server.client().query(&queries::count_of_one_field(hours)));
    let rows_once = (HOSTS * hours * 3600) / STEP as usize;
    assert!(
        counted.contains(&format!(",{rows_once}\r\n")),
        "not {rows_once} values after kill -9: {counted}"
    );
    server.stop();
    let unique = (HOSTS * FIELDS * (hours * 3600 / STEP as usize)) as f64;
    let per_value = || folder_bytes(folder) as f64 / unique;
    report.add("bytes per value, as stopped", per_value(), "");
    let elapsed = compact(&folder.join("data").join("data"));
    report.add("compaction", milliseconds(elapsed), "ms");
    report.add("bytes per value, compacted", per_value(), "");
}

/// The time to read all lines, and to do nothing with them.
fn parse_only(bodies: &[PathBuf]) -> Duration {
    let mut elapsed = Duration::ZERO;
    for path in bodies {
        let body = std::fs::read(path).expect("a body can be read");
        let start = Instant::now();
        let mut lines = Lines::new(&body, Precision::Nanoseconds, 0);
        let mut fields = 0;
        while let Some(line) = lines.next_line() {
            fields += line.expect("a good line").fields.len();
        }
        elapsed += start.elapsed();
        assert!(fields > 0);
    }
    elapsed
}

/// Sends every body, over several connections, one after the other each.
async fn ingest(client: &Client, bodies: Vec<PathBuf>) -> Duration {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (client, bodies, next) = (client.clone(), Arc::clone(&bodies), Arc::clone(&next));
            tokio::spawn(async move {
                while let Some(path) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let body = std::fs::read(path).expect("a body can be read");
                    client.write(body).await;
                }
            })
        })
        .collect();
    for connection in connections {
        connection.await.expect("a connection ends well");
    }
    start.elapsed()
}

/// What the server does by itself in time, done now: few and large segments.
fn compact(folder: &Path) -> Duration {
    let start = Instant::now();
    let storage = Storage::open(folder, Options::default(), 0).expect("the folder opens");
    assert!(storage.stats().segment_bytes > 0, "no data was found");
    storage.seal().expect("seals");
    storage.compact().expect("compacts");
    storage.close().expect("closes");
    start.elapsed()
}

fn mega(values: usize, elapsed: Duration) -> f64 {
    values as f64 / elapsed.as_secs_f64() / 1e6
}

fn milliseconds(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e3
}
