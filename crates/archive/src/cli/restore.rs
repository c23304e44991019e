//! `restore`, `list`, `check`.

use std::path::{Path, PathBuf};

use clap::Args;
use watchpost_client::{Client, ClientConfig};
use watchpost_durable::Disk;
use watchpost_service::cli::{Output, print};

use super::{From, bytes_bar, moment};
use crate::config::{ArchiveConfig, client};
use crate::drill::into_folder;
use crate::engine::Engine;
use crate::envelope::Identities;
use crate::error::{Error, Result};
use crate::layout::Stamp;
use crate::restore::plan::moments;
use crate::restore::{self, Options, Plan, Restored};
use crate::transfer::{ToBucket, copy, extent};
use crate::vault::Vault;

/// What is restored, and where to.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    #[command(flatten)]
    from: From,

    /// File with the private key (`new-key` made it)
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,

    /// The moment to restore, RFC 3339 [default: the newest]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Stamp>,

    /// New data folder of the engine
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "bucket"], required_unless_present_any = ["file", "bucket"])]
    data_dir: Option<PathBuf>,

    /// Write a backup file instead, for `watchpost-engine restore`
    #[arg(long, value_name = "FILE", conflicts_with = "bucket")]
    file: Option<PathBuf>,

    /// Only the points of this bucket, into a bucket of the running server (`influx.url`, with a token that may write it)
    #[arg(long, value_name = "NAME", requires = "into")]
    bucket: Option<String>,

    /// The bucket that they are written to, which is there already
    #[arg(long, value_name = "NAME", requires = "bucket")]
    into: Option<String>,

    /// Restore what is whole, and say what is left out
    #[arg(long)]
    without_damaged: bool,

    /// The engine's program [default: beside this one]
    #[arg(long, value_name = "PATH")]
    engine: Option<PathBuf>,
}

/// Does `restore`; exit code 3 if something was left out.
pub(super) async fn restore(config: &ArchiveConfig, arguments: RestoreArguments) -> Result<u8> {
    let vault = config.backup.vault(arguments.from.from.as_deref())?;
    let identities = Identities::from_file(&arguments.identity)?;
    let plan = restore::plan(&vault, &identities, arguments.at, arguments.without_damaged).await?;
    let engine = Engine::find(arguments.engine.as_deref());
    let mut options = Options {
        bucket: None,
        without_damaged: arguments.without_damaged,
    };
    let restored = match (&arguments.data_dir, &arguments.file, &arguments.bucket) {
        (Some(data), ..) => {
            let bar = bytes_bar(plan.bytes(None));
            let progress = |bytes| bar.set_position(bytes);
            let to = (&engine, data.as_path());
            let restored = into_folder(&vault, &identities, &plan, &options, to, &progress).await?;
            bar.finish_and_clear();
            restored
        }
        (None, Some(file), _) => into_file(&vault, &identities, &plan, &options, file).await?,
        (None, None, Some(bucket)) => {
            let named = plan
                .manifest
                .server
                .buckets
                .iter()
                .find(|it| it.name == *bucket);
            let id = named.ok_or_else(|| no_bucket(&plan, bucket))?.id.clone();
            options.bucket = Some(id);
            let into = arguments.into.clone().unwrap_or_default();
            let target = client(&config.influx)?;
            into_bucket(
                &vault,
                &identities,
                &plan,
                &options,
                &engine,
                (bucket, &into),
                target,
            )
            .await?
        }
        (None, None, None) => return Ok(64),
    };
    print(format_args!(
        "restored {} as it was at {}: {} bytes, {} segments and {} parts of the log after {}\n",
        vault.name(),
        plan.moment.rfc3339(),
        restored.bytes,
        restored.segments,
        restored.parts,
        plan.snapshot.time.rfc3339()
    ));
    for left_out in &restored.left_out {
        print(format_args!("left out, for it is damaged: {left_out}\n"));
    }
    Ok(if restored.left_out.is_empty() { 0 } else { 3 })
}

fn no_bucket(plan: &Plan, name: &str) -> Error {
    let buckets = plan.manifest.server.buckets.iter();
    let names: Vec<&str> = buckets.map(|bucket| bucket.name.as_str()).collect();
    Error::Nothing(format!(
        "the copy of {} has no bucket {name}; it has {}",
        plan.snapshot.time.rfc3339(),
        names.join(", ")
    ))
}

async fn into_file(
    vault: &Vault,
    identities: &Identities,
    plan: &Plan,
    options: &Options,
    file: &Path,
) -> Result<Restored> {
    if file.exists() {
        return Err(Error::Refused(format!(
            "{} is there already; choose another name",
            file.display()
        )));
    }
    let disk = Disk::default();
    let draft = watchpost_durable::draft_of(file);
    let mut target = disk.create(&draft)?;
    let bar = bytes_bar(plan.bytes(None));
    let progress = |bytes| bar.set_position(bytes);
    let written = restore::write(vault, identities, plan, options, &mut target, &progress).await;
    bar.finish_and_clear();
    let Ok(restored) = written else {
        disk.remove(&draft)?;
        return written;
    };
    target.sync()?;
    disk.rename(&draft, file)?;
    if let Some(folder) = file.parent().filter(|it| !it.as_os_str().is_empty()) {
        disk.sync_folder(folder)?;
    }
    Ok(restored)
}

/// Restores into a folder that goes, serves that, and copies the bucket's points into another one of the running server.
/// The token is the running server's, which the copy knows too.
async fn into_bucket(
    vault: &Vault,
    identities: &Identities,
    plan: &Plan,
    options: &Options,
    engine: &Engine,
    (bucket, into): (&str, &str),
    target: Client,
) -> Result<Restored> {
    let folder = tempfile::tempdir().map_err(|error| Error::file(Path::new("a folder"), error))?;
    let data = folder.path().join("engine");
    let bar = bytes_bar(plan.bytes(options.bucket.as_deref()));
    let progress = |bytes| bar.set_position(bytes);
    let to = (engine, data.as_path());
    let restored = into_folder(vault, identities, plan, options, to, &progress).await?;
    bar.finish_and_clear();
    let serving = engine.serve(&data)?;
    let source = Client::new(ClientConfig {
        url: serving.url.clone(),
        ca_file: None,
        ..target.config().clone()
    })?;
    if let Some(range) = extent(&source, bucket).await? {
        let mut target = ToBucket {
            client: target,
            bucket: into.to_owned(),
        };
        let values = copy(&source, bucket, range, &mut target, &|_| {}).await?;
        print(format_args!(
            "{values} values of {bucket} written to {into}\n"
        ));
    }
    Ok(restored)
}

/// Does `list`.
pub(super) async fn list(config: &ArchiveConfig, from: &From, output: Output) -> Result<u8> {
    let vault = config.backup.vault(from.from.as_deref())?;
    let found = moments(&vault).await?;
    if found.is_empty() {
        return Err(Error::Nothing(format!(
            "{} holds no whole copy yet",
            vault.name()
        )));
    }
    for moments in found {
        let (from, until) = (moments.snapshot.rfc3339(), moments.until.rfc3339());
        match output {
            Output::Json => print(format_args!(
                "{}\n",
                serde_json::json!({ "from": from, "until": until })
            )),
            Output::Human if from == until => print(format_args!("{from}\n")),
            Output::Human => print(format_args!("{from}  and every moment up to  {until}\n")),
        }
    }
    Ok(0)
}

/// Does `check`.
pub(super) async fn check(config: &ArchiveConfig, from: &From) -> Result<u8> {
    let vault = config.backup.vault(from.from.as_deref())?;
    let total = vault.list("").await?.iter().map(|(_, bytes)| bytes).sum();
    let bar = bytes_bar(total);
    let damaged = restore::check(&vault, &|bytes| bar.set_position(bytes)).await?;
    bar.finish_and_clear();
    for line in &damaged {
        print(format_args!("{line}\n"));
    }
    print(format_args!(
        "{total} bytes checked, {} objects damaged or missing\n",
        damaged.len()
    ));
    Ok(u8::from(!damaged.is_empty()))
}
