//! The workload the store is judged by: 200 hosts, 40 fields, a row every 10 s for 2 h (5.76 million
//! values), 1 % of the rows late, 0.5 % written twice, in bodies of 5,000 lines over 4 connections.
//!
//! `cargo bench -p watchpost-storage` prints one figure a line; ratios are against the parse-only
//! rate of the same run. `-- --hours 24` runs longer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_storage::{
    Aggregate, Batch, Options, Predicate, ScanRequest, Storage, TimeRange, Windowing,
};
use watchpost_testkit::workload::{BEGIN, CONNECTIONS, FIELDS, HOSTS, SECOND, STEP, write_bodies};

const BUCKET: u64 = 1;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let hours = arguments
        .windows(2)
        .find(|pair| pair[0] == "--hours")
        .map_or(2, |pair| pair[1].parse().expect("hours"));
    let body_file = tempfile::tempdir().expect("a folder");
    let (bodies, rows) = write_bodies(body_file.path(), hours);
    let values = rows * FIELDS;
    println!(
        "rows                       {rows} ({values} values, {} bodies)",
        bodies.len()
    );
    let parse = parse_only(&bodies);
    println!(
        "parse only, 1 thread       {:.2} Mvalues/s",
        mega(values, parse.0)
    );
    println!(
        "parse to batch, 1 thread   {:.2} Mvalues/s",
        mega(values, parse.1)
    );

    let folder = tempfile::tempdir().expect("a folder");
    let storage = Arc::new(Storage::open(folder.path(), Options::default(), 0).expect("opens"));
    let before = resident("VmRSS");
    let elapsed = ingest(&storage, &bodies);
    println!(
        "ingest, parse to durable   {:.2} Mvalues/s, {CONNECTIONS} connections, {:.2} of parse only",
        mega(values, elapsed),
        parse.0.as_secs_f64() / elapsed.as_secs_f64()
    );
    println!(
        "peak memory of ingest      {} MB ({before} MB before)",
        resident("VmHWM")
    );
    println!(
        "folder before compaction   {:.1} MB",
        folder_bytes(folder.path()) as f64 / 1e6
    );
    let all_in_log = reopen_after_kill(&bodies);
    println!(
        "reopen after kill          {:.0} ms, log of {:.0} MB, nothing sealed",
        all_in_log.0, all_in_log.1
    );
    settle(&storage, folder.path(), hours);
    queries(&storage, hours);
    drop(storage);
    let start = Instant::now();
    let storage = Storage::open(folder.path(), Options::default(), 0).expect("reopens");
    println!(
        "reopen when sealed         {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    drop(storage);
}

/// Seals, merges, measures what is on disk and verifies it.
fn settle(storage: &Storage, folder: &Path, hours: usize) {
    let start = Instant::now();
    storage.seal().expect("seals");
    println!(
        "seal                       {:.0} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let start = Instant::now();
    storage.compact().expect("compacts");
    println!(
        "compact                    {:.0} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let unique = HOSTS * FIELDS * (hours * 3600 / STEP as usize);
    let bytes = folder_bytes(folder);
    println!(
        "bytes per value            {:.3} (whole folder, {:.1} MB)",
        bytes as f64 / unique as f64,
        bytes as f64 / 1e6
    );
    println!("peak memory of all         {} MB", resident("VmHWM"));
    let start = Instant::now();
    let report = storage.verify().expect("verifies");
    println!(
        "verify                     {:.0} ms, {} chunks",
        start.elapsed().as_secs_f64() * 1e3,
        report.chunks
    );
}

/// Milliseconds to open a folder whose log holds as much as one portion may, and the log's size.
fn reopen_after_kill(bodies: &[std::path::PathBuf]) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::open(folder.path(), Options::default(), 0).expect("opens");
    for path in bodies {
        storage
            .write(BUCKET, batch_of(&std::fs::read(path).expect("reads")), 0)
            .expect("writes");
        if storage.stats().memory_bytes as usize >= Options::default().memory_bytes {
            break;
        }
    }
    let log = storage.stats().log_bytes as f64 / 1e6;
    // Dropping a store leaves its folder as a kill does: nothing is sealed or flushed.
    drop(storage);
    let start = Instant::now();
    let reopened = Storage::open(folder.path(), Options::default(), 0).expect("reopens");
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    assert!(reopened.stats().memory_bytes > 0);
    (elapsed, log)
}

fn mega(values: usize, elapsed: Duration) -> f64 {
    values as f64 / elapsed.as_secs_f64() / 1e6
}

fn parse_only(bodies: &[std::path::PathBuf]) -> (Duration, Duration) {
    let (mut alone, mut batched) = (Duration::ZERO, Duration::ZERO);
    for path in bodies {
        let body = std::fs::read(path).expect("reads");
        let start = Instant::now();
        let mut lines = Lines::new(&body, Precision::Nanoseconds, 0);
        let mut fields = 0;
        while let Some(line) = lines.next_line() {
            fields += line.expect("a good line").fields.len();
        }
        alone += start.elapsed();
        assert!(fields > 0);
        let start = Instant::now();
        let batch = batch_of(&body);
        batched += start.elapsed();
        assert_eq!(batch.values(), fields);
    }
    (alone, batched)
}

fn batch_of(body: &[u8]) -> Batch {
    let mut batch = Batch::new();
    let mut lines = Lines::new(body, Precision::Nanoseconds, 0);
    while let Some(line) = lines.next_line() {
        batch.push(&line.expect("a good line"));
    }
    batch
}

/// Several connections, one body after the other each, and the background thread.
fn ingest(storage: &Arc<Storage>, bodies: &[std::path::PathBuf]) -> Duration {
    let next = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let background = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                storage.wait_for_work(Duration::from_millis(100));
                storage.maintain(0).expect("maintains");
            }
        });
        let start = Instant::now();
        let connection = || {
            while let Some(path) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let body = std::fs::read(path).expect("reads");
                storage.write(BUCKET, batch_of(&body), 0).expect("writes");
            }
        };
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        connections
            .into_iter()
            .for_each(|connection| connection.join().expect("ends"));
        let elapsed = start.elapsed();
        done.store(true, Ordering::Relaxed);
        storage.wait_for_work(Duration::ZERO);
        background.join().expect("ends");
        elapsed
    })
}

fn queries(storage: &Storage, hours: usize) {
    let end = (BEGIN + hours as i64 * 3600) * SECOND;
    let all = TimeRange::new(BEGIN * SECOND, end);
    let request = |predicate: Predicate| ScanRequest {
        range: all,
        predicate,
    };
    let median = |name: &str, run: &dyn Fn() -> usize| {
        let mut times: Vec<f64> = (0..9)
            .map(|_| {
                let start = Instant::now();
                assert!(run() > 0);
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{name:26} {:.2} ms", times[times.len() / 2]);
    };
    let aggregate = |predicate: Predicate, windowing: Windowing, aggregate: Aggregate| {
        storage
            .aggregate(BUCKET, &request(predicate), &windowing, aggregate)
            .expect("aggregates")
            .map(|batch| batch.expect("a batch").values.len())
            .sum()
    };
    let field = "cpu_usage_0_percent";
    median("Q1 last of all fields", &|| {
        aggregate(Predicate::default(), Windowing::Whole, Aggregate::Last)
    });
    let five_minutes = Windowing::Every {
        every: 300 * SECOND,
        offset: 0,
    };
    median("Q2 mean 5 min, 1 field", &|| {
        aggregate(
            Predicate::field(field),
            five_minutes.clone(),
            Aggregate::Mean,
        )
    });
    median("Q3 raw, 1 host", &|| {
        let scan = storage
            .scan(BUCKET, &request(Predicate::tag("host", "host-007")))
            .expect("scans");
        scan.map(|batch| batch.expect("a batch").times.len()).sum()
    });
    median("Q4 mean by decoding", &|| {
        let scan = storage
            .scan(BUCKET, &request(Predicate::field(field)))
            .expect("scans");
        scan.map(|batch| batch.expect("a batch").times.len()).sum()
    });
    median("Q4 mean by statistics", &|| {
        aggregate(Predicate::field(field), Windowing::Whole, Aggregate::Mean)
    });
}

/// `VmHWM` (peak) or `VmRSS` of this process in MB.
fn resident(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kilobytes| kilobytes.parse::<usize>().ok())
        .unwrap_or(0)
        / 1024
}

fn folder_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path)
        .expect("lists")
        .map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| {
            if path.is_dir() {
                folder_bytes(&path)
            } else {
                path.metadata().expect("metadata").len()
            }
        })
        .sum()
}
