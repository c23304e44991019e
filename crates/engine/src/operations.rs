//! What an operator does to a data folder: back up, restore, verify, and look at its statistics.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
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

/// Writes a backup of an open server: points and management state as they are at one moment. Answers its bytes.
///
/// # Errors
/// The target cannot be written.
pub fn write_backup(
    storage: &Storage,
    meta: &MetaStore,
    target: &mut dyn Write,
) -> anyhow::Result<u64> {
    storage.put_document(META_DOCUMENT, &meta.snapshot()?)?;
    Ok(storage.backup(target)?)
}

fn backup(serve: &Serve, file: &Path) -> anyhow::Result<ExitCode> {
    let storage = open(serve)?;
    let meta = MetaStore::open(&serve.data_dir)?;
    let draft = BackupDraft::create(file)?;
    let bytes = draft.fill(|target| write_backup(&storage, &meta, target))?;
    print(&format!("wrote {} ({bytes} bytes)\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A backup that is not complete yet, beside the file that it becomes: what fails leaves nothing behind.
struct BackupDraft<'a> {
    file: &'a Path,
    path: PathBuf,
    target: File,
}

impl<'a> BackupDraft<'a> {
    fn create(file: &'a Path) -> anyhow::Result<Self> {
        if file.exists() {
            bail!("{} is there already; choose another name", file.display());
        }
        let mut path = file.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        let target = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        Ok(Self { file, path, target })
    }

    fn fill(
        mut self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<u64>,
    ) -> anyhow::Result<u64> {
        let bytes = write(&mut self.target)?;
        self.target.sync_all()?;
        std::fs::rename(&self.path, self.file).with_context(|| self.file.display().to_string())?;
        Ok(bytes)
    }
}

impl Drop for BackupDraft<'_> {
    fn drop(&mut self) {
        // Gone if the backup is complete; one that stays is overwritten by the next backup to this file.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes to standard output. A reader that has read enough (`| head`) is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
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
    print(&format!(
        "restored {bytes} bytes into {}\n",
        folder.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn verify(serve: &Serve, repair: bool, output: Output) -> anyhow::Result<ExitCode> {
    let storage = open(serve)?;
    let meta = MetaStore::open(&serve.data_dir)
        .err()
        .map(|error| error.to_string());
    let report = storage.verify()?;
    // Damage met while the folder was opened may be what `verify` finds, too.
    let mut found = report.damages.clone();
    for damage in storage.damages() {
        if !found.contains(&damage) {
            found.push(damage);
        }
    }
    let mut damages: Vec<String> = found.iter().map(ToString::to_string).collect();
    damages.extend(meta);
    let repaired: Vec<String> = match repair && !damages.is_empty() {
        true => storage.repair()?.iter().map(ToString::to_string).collect(),
        false => Vec::new(),
    };
    print(&match output {
        Output::Json => format!(
            "{}\n",
            json!({
                "files": report.files,
                "bytes": report.bytes,
                "chunks": report.chunks,
                "damages": damages,
                "repaired": repaired,
            })
        ),
        Output::Text => {
            let mut text = format!(
                "{} files, {} bytes, {} chunks checked\n",
                report.files, report.bytes, report.chunks
            );
            for damage in &damages {
                text.push_str(&format!("damaged: {damage}\n"));
            }
            for damage in &repaired {
                text.push_str(&format!("repaired: {damage}\n"));
            }
            text
        }
    })?;
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
    print(&match output {
        Output::Json => {
            let buckets: Vec<_> = stats
                .buckets
                .iter()
                .map(|bucket| bucket_json(&name(bucket), bucket))
                .collect();
            format!(
                "{}\n",
                json!({
                    "log_bytes": stats.log_bytes,
                    "memory_bytes": stats.memory_bytes,
                    "segment_bytes": stats.segment_bytes,
                    "buckets": buckets,
                })
            )
        }
        Output::Text => {
            let mut text = format!(
                "{} bytes in segments, {} in the log\n",
                stats.segment_bytes, stats.log_bytes
            );
            for bucket in &stats.buckets {
                text.push_str(&bucket_text(&name(bucket), bucket));
            }
            text
        }
    })?;
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

fn bucket_text(name: &str, bucket: &BucketStats) -> String {
    let mut text = format!(
        "\n{name}: {} series, {} rows, {} bytes, {} shards\n",
        bucket.series, bucket.rows, bucket.bytes, bucket.shards
    );
    if let Some(range) = bucket.range {
        text.push_str(&format!(
            "  from {} to {}\n",
            rfc3339(range.start),
            rfc3339(range.stop - 1)
        ));
    }
    for measurement in &bucket.measurements {
        text.push_str(&format!(
            "  {}: {} series, {} fields\n",
            measurement.name, measurement.series, measurement.fields
        ));
        for tag in &measurement.tags {
            text.push_str(&format!("    {}: {} values\n", tag.key, tag.values));
        }
    }
    text
}
