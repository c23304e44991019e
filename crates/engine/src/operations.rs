//! What an operator does to a data folder: back up, restore, verify, and look at its statistics.

use std::fs::{File, OpenOptions};
use std::io::BufReader;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use watchpost_storage::{BucketStats, Storage};

use crate::app::App;
use crate::cli::{Command, Output, Serve};
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::meta::MetaStore;

/// The name under which a backup holds the management state.
const META_DOCUMENT: &str = "meta-journal";

/// Does a command.
///
/// # Errors
/// The folder or file cannot be used.
pub fn run(command: &Command, serve: &Serve) -> anyhow::Result<ExitCode> {
    match command {
        Command::Backup { file } => backup(serve, file),
        Command::Restore { file } => restore(serve, file),
        Command::Verify { repair, output } => verify(serve, *repair, *output),
        Command::Stats { output } => stats(serve, *output),
    }
}

fn open(serve: &Serve) -> anyhow::Result<Storage> {
    if !serve.data_dir.join("data").is_dir() {
        bail!(
            "{} is no data folder (--data-dir)",
            serve.data_dir.display()
        );
    }
    Ok(App::open_storage(
        &serve.data_dir,
        &serve.limits,
        SystemClock.now(),
    )?)
}

/// Writes a backup of an open server: points and management state as they are at one moment.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn write_backup(storage: &Storage, meta: &MetaStore, file: &Path) -> anyhow::Result<u64> {
    let mut options = OpenOptions::new();
    let mut target = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| file.display().to_string())?;
    storage.put_document(META_DOCUMENT, &meta.snapshot()?)?;
    let bytes = storage.backup(&mut target)?;
    target.sync_all()?;
    Ok(bytes)
}

fn backup(serve: &Serve, file: &Path) -> anyhow::Result<ExitCode> {
    let storage = open(serve)?;
    let bytes = write_backup(&storage, &MetaStore::open(&serve.data_dir)?, file)?;
    println!("wrote {} ({bytes} bytes)", file.display());
    Ok(ExitCode::SUCCESS)
}

fn restore(serve: &Serve, file: &Path) -> anyhow::Result<ExitCode> {
    let folder = &serve.data_dir;
    if folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        bail!(
            "{} is not empty; restore into a new folder (--data-dir)",
            folder.display()
        );
    }
    std::fs::create_dir_all(folder)?;
    let mut source = BufReader::new(File::open(file).with_context(|| file.display().to_string())?);
    let bytes = Storage::restore(&mut source, &folder.join("data"))?;
    let storage = open(serve)?;
    let meta = storage
        .document(META_DOCUMENT)?
        .context("the backup holds no management state")?;
    let path = folder.join("meta.journal");
    std::fs::write(&path, meta)?;
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    MetaStore::open(folder)?;
    println!("restored {bytes} bytes into {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

fn verify(serve: &Serve, repair: bool, output: Output) -> anyhow::Result<ExitCode> {
    let storage = open(serve)?;
    let meta = MetaStore::open(&serve.data_dir)
        .err()
        .map(|error| error.to_string());
    let report = storage.verify()?;
    let mut damages: Vec<String> = storage
        .damages()
        .iter()
        .chain(&report.damages)
        .map(ToString::to_string)
        .collect();
    damages.dedup();
    damages.extend(meta);
    let repaired: Vec<String> = match repair && !damages.is_empty() {
        true => storage.repair()?.iter().map(ToString::to_string).collect(),
        false => Vec::new(),
    };
    match output {
        Output::Json => println!(
            "{}",
            json!({
                "files": report.files,
                "bytes": report.bytes,
                "chunks": report.chunks,
                "damages": damages,
                "repaired": repaired,
            })
        ),
        Output::Text => {
            println!(
                "{} files, {} bytes, {} chunks checked",
                report.files, report.bytes, report.chunks
            );
            damages
                .iter()
                .for_each(|damage| println!("damaged: {damage}"));
            repaired
                .iter()
                .for_each(|damage| println!("repaired: {damage}"));
        }
    }
    Ok(ExitCode::from(u8::from(
        !damages.is_empty() && repaired.len() < damages.len(),
    )))
}

fn stats(serve: &Serve, output: Output) -> anyhow::Result<ExitCode> {
    let storage = open(serve)?;
    let meta = MetaStore::open(&serve.data_dir)?;
    let stats = storage.stats();
    let state = meta.read();
    let name = |bucket: &BucketStats| {
        let found = state
            .buckets
            .values()
            .find(|found| found.id.number() == bucket.bucket);
        found.map_or_else(
            || format!("{:016x}", bucket.bucket),
            |found| found.name.clone(),
        )
    };
    match output {
        Output::Json => {
            let buckets: Vec<_> = stats
                .buckets
                .iter()
                .map(|bucket| bucket_json(&name(bucket), bucket))
                .collect();
            println!(
                "{}",
                json!({
                    "log_bytes": stats.log_bytes,
                    "memory_bytes": stats.memory_bytes,
                    "segment_bytes": stats.segment_bytes,
                    "buckets": buckets,
                })
            );
        }
        Output::Text => {
            println!(
                "{} bytes in segments, {} in the log",
                stats.segment_bytes, stats.log_bytes
            );
            stats
                .buckets
                .iter()
                .for_each(|bucket| print_bucket(&name(bucket), bucket));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn bucket_json(name: &str, bucket: &BucketStats) -> serde_json::Value {
    let measurements: Vec<_> = bucket
        .measurements
        .iter()
        .map(|one| {
            let tags: Vec<_> = one
                .tags
                .iter()
                .map(|tag| json!({ "key": tag.key, "values": tag.values }))
                .collect();
            json!({ "name": one.name, "series": one.series, "fields": one.fields, "tags": tags })
        })
        .collect();
    json!({
        "bucket": name,
        "series": bucket.series,
        "rows": bucket.rows,
        "bytes": bucket.bytes,
        "shards": bucket.shards,
        "segments": bucket.segments,
        "oldest": bucket.range.map(|range| rfc3339(range.start)),
        "newest": bucket.range.map(|range| rfc3339(range.stop - 1)),
        "measurements": measurements,
    })
}

fn print_bucket(name: &str, bucket: &BucketStats) {
    println!(
        "\n{name}: {} series, {} rows, {} bytes, {} shards",
        bucket.series, bucket.rows, bucket.bytes, bucket.shards
    );
    if let Some(range) = bucket.range {
        println!(
            "  from {} to {}",
            rfc3339(range.start),
            rfc3339(range.stop - 1)
        );
    }
    for measurement in &bucket.measurements {
        println!(
            "  {}: {} series, {} fields",
            measurement.name, measurement.series, measurement.fields
        );
        for tag in &measurement.tags {
            println!("    {}: {} values", tag.key, tag.values);
        }
    }
}
