//! A million series: 500,000 short-lived containers of two fields, four points each, in five regions.
//!
//! `cargo bench -p watchpost-storage --bench cardinality` prints one figure a line. `-- --containers 50000` is quicker.

use std::path::Path;
use std::time::{Duration, Instant};

use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_core::regular_expression::Regex;
use watchpost_storage::{
    Aggregate, Batch, Options, Predicate, ScanRequest, Storage, TimeRange, Windowing,
};

const BUCKET: u64 = 1;
const FIELDS: usize = 2;
const POINTS: usize = 4;
const LINES_PER_BODY: usize = 5_000;
const SECOND: i64 = 1_000_000_000;
const BEGIN: i64 = 1_700_000_000 * SECOND;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let containers: usize = arguments
        .windows(2)
        .find(|pair| pair[0] == "--containers")
        .map_or(500_000, |pair| pair[1].parse().expect("a number"));
    let values = containers * FIELDS * POINTS;
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let storage = Storage::open(folder.path(), Options::default(), 0).expect("opens");
    ingest(&storage, containers);
    let elapsed = begun.elapsed();
    say(
        "ingest",
        format!(
            "{:.2} Mvalues/s",
            values as f64 / 1e6 / elapsed.as_secs_f64()
        ),
    );
    say("memory after ingest", format!("{} MB", resident()));
    // As a kill -9 leaves it: the log is not sealed.
    drop(storage);
    let (storage, elapsed) =
        timed(|| Storage::open(folder.path(), Options::default(), 0).expect("opens"));
    say("restart after a kill", milliseconds(elapsed));
    let (_, elapsed) = timed(|| storage.compact().expect("compacts"));
    say("compaction", milliseconds(elapsed));
    let bytes = folder_bytes(folder.path());
    say(
        "disk",
        format!("{:.1} bytes a value", bytes as f64 / values as f64),
    );
    drop(storage);
    let (storage, elapsed) =
        timed(|| Storage::open(folder.path(), Options::default(), 0).expect("opens"));
    say("restart, all sealed", milliseconds(elapsed));
    say("memory after it", format!("{} MB", resident()));
    read(&storage);
}

fn read(storage: &Storage) {
    let matches = Predicate::Matches {
        subject: watchpost_storage::predicate::Subject::Tag("container".into()),
        pattern: std::sync::Arc::new(Regex::new("^c00[0-9]*7$").expect("a pattern")),
        negated: false,
    };
    let (found, elapsed) = timed(|| {
        storage
            .series(BUCKET, TimeRange::ALL, &matches)
            .expect("reads")
    });
    say(
        "regular expression",
        format!("{} ({} series)", milliseconds(elapsed), found.len()),
    );
    let request = ScanRequest {
        range: TimeRange::ALL,
        predicate: Predicate::field("cpu"),
    };
    let (rows, elapsed) = timed(|| {
        let scan = storage
            .aggregate(BUCKET, &request, &Windowing::Whole, Aggregate::Mean)
            .expect("reads");
        scan.map(|batch| batch.expect("reads").times.len())
            .sum::<usize>()
    });
    say(
        "mean of each series",
        format!("{} ({rows} rows)", milliseconds(elapsed)),
    );
}

fn ingest(storage: &Storage, containers: usize) {
    let lines = (0..POINTS).flat_map(|point| (0..containers).map(move |number| (point, number)));
    let mut body = String::new();
    for (count, (point, number)) in lines.enumerate() {
        let time = BEGIN + point as i64 * 10 * SECOND;
        body.push_str(&format!(
            "containers,container=c{number:07},region=r{} cpu={}.{},memory={}i {time}\n",
            number % 5,
            number % 100,
            point,
            number * 4_096,
        ));
        if (count + 1) % LINES_PER_BODY == 0 {
            write(storage, &std::mem::take(&mut body));
        }
    }
    write(storage, &body);
}

fn write(storage: &Storage, body: &str) {
    let mut batch = Batch::new();
    let mut lines = Lines::new(body.as_bytes(), Precision::Nanoseconds, 0);
    while let Some(line) = lines.next_line() {
        batch.push(&line.expect("a good line"));
    }
    storage.write(BUCKET, batch, BEGIN).expect("written");
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let made = run();
    (made, begun.elapsed())
}

fn say(what: &str, figure: String) {
    println!("{what:<24} {figure}");
}

fn milliseconds(elapsed: Duration) -> String {
    format!("{} ms", elapsed.as_millis())
}

fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let bytes = |path: std::path::PathBuf| match path.is_dir() {
        true => folder_bytes(&path),
        false => path.metadata().map_or(0, |found| found.len()),
    };
    entries.map(|entry| bytes(entry.path())).sum()
}

/// Megabytes of the process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1_000
}
