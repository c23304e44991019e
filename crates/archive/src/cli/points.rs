//! `export` and `import`.

use std::path::PathBuf;

use clap::Args;
use watchpost_service::cli::print;

use super::moment;
use crate::config::{ArchiveConfig, client};
use crate::error::{Error, Result};
use crate::export::{self, Format};
use crate::import::{self, Imported};
use crate::influxdb::folder::manifest;
use crate::layout::Stamp;
use crate::transfer::extent;

/// What is exported.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// What the files hold
    #[arg(value_enum)]
    format: Format,

    /// Folder of the files: FOLDER/BUCKET/date=YYYY-MM-DD/HH
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,

    /// This bucket alone (repeatable) [default: all but the server's own]
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,

    /// From this moment on [default: the first point]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: Option<Stamp>,

    /// Up to this moment [default: the last point]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    stop: Option<Stamp>,
}

/// What is imported.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Files (.lp, .csv, each also .gz), or the folder that `influx backup` wrote
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The bucket that files go to; made, and kept for ever, if it is not there
    #[arg(long, value_name = "NAME")]
    into: Option<String>,

    /// Of a backup this bucket alone (repeatable); it goes to one of the same name, or to that of --into
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
}

/// Does `export`.
pub(super) async fn export(config: &ArchiveConfig, arguments: ExportArguments) -> Result<u8> {
    let client = client(&config.influx)?;
    let buckets = match arguments.bucket.is_empty() {
        true => export::buckets(&client).await?,
        false => arguments.bucket,
    };
    for bucket in buckets {
        let Some((first, end)) = extent(&client, &bucket).await? else {
            print(format_args!("{bucket}: empty\n"));
            continue;
        };
        let nanoseconds = |stamp: Stamp| stamp.0.saturating_mul(1_000_000);
        let start = arguments.start.map_or(first, nanoseconds).max(first);
        let stop = arguments.stop.map_or(end, nanoseconds).min(end);
        let to = &arguments.to;
        let range = (start, stop);
        let done = export::export(&client, &bucket, range, to, arguments.format, &|_| {}).await?;
        print(format_args!(
            "{bucket}: {} values in {} files; {} files were there already\n",
            done.values, done.files, done.there
        ));
    }
    Ok(0)
}

/// Does `import`; exit code 3 if something was damaged.
pub(super) async fn import(config: &ArchiveConfig, arguments: ImportArguments) -> Result<u8> {
    let client = client(&config.influx)?;
    let mut is_whole = true;
    for path in &arguments.paths {
        let format = import::format_of(path);
        if format != import::Format::Backup {
            let into = arguments.into.as_deref().ok_or_else(|| {
                Error::Refused("name the bucket that the points go to (--into)".to_owned())
            })?;
            let mut target = import::target(&client, into, 0).await?;
            let imported = import::file(path, &format, &mut target).await?;
            is_whole &= said(&path.display().to_string(), into, &imported);
            continue;
        }
        for bucket in manifest(path)?.buckets {
            let name = bucket.bucket_name.as_str();
            let is_named = arguments.bucket.iter().any(|it| it == name);
            let is_all = arguments.bucket.is_empty() && !name.starts_with('_');
            if !is_named && !is_all {
                continue;
            }
            let into = arguments.into.as_deref().unwrap_or(name);
            let retention = u64::try_from(bucket.retention_seconds()).unwrap_or_default();
            let mut target = import::target(&client, into, retention).await?;
            let imported = import::backup(path, &bucket, &mut target).await?;
            is_whole &= said(name, into, &imported);
        }
    }
    Ok(if is_whole { 0 } else { 3 })
}

/// Prints what was imported; whether all could be read.
fn said(from: &str, into: &str, imported: &Imported) -> bool {
    print(format_args!(
        "{from}: {} values written to {into}\n",
        imported.values
    ));
    for damaged in &imported.damaged {
        print(format_args!("{from}: not read: {damaged}\n"));
    }
    imported.damaged.is_empty()
}
