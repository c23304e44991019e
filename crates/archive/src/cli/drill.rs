//! `drill`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use watchpost_service::cli::{Output, complain, print};

use super::From;
use crate::config::{ArchiveConfig, client};
use crate::drill::{self, Drill, Outcome, Record};
use crate::engine::Engine;
use crate::envelope::Identities;
use crate::error::{Error, Result};
use crate::layout::Stamp;
use crate::vault::Vault;

/// How a drill is done.
#[derive(Debug, Args)]
pub struct DrillArguments {
    #[command(flatten)]
    from: From,

    /// File with the private key (`new-key` made it)
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,

    /// Of how many days before the copy the points are counted on both servers
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    compared_days: u64,

    /// Folder to restore in; what the drill made there goes [default: that of temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// The engine's program [default: beside this one]
    #[arg(long, value_name = "PATH")]
    engine: Option<PathBuf>,
}

/// Does it, and leaves how it ended in the store; exit code 1 if the copy is not equal.
pub(super) async fn drill(
    config: &ArchiveConfig,
    arguments: DrillArguments,
    output: Output,
) -> Result<u8> {
    let vault = config.backup.vault(arguments.from.from.as_deref())?;
    let began = Stamp::of_nanoseconds(crate::now());
    let done = attempt(config, &arguments, &vault).await;
    if let Err(error) = Record::of(&done).leave(&vault, began).await {
        complain(format_args!(
            "how the drill ended is not in the store, so no alert hears of it: {error}\n"
        ));
    }
    let outcome = done?;
    match output {
        Output::Json => print(format_args!("{}\n", serde_json::json!(outcome))),
        Output::Human => show(&outcome),
    }
    Ok(u8::from(!outcome.is_equal()))
}

async fn attempt(
    config: &ArchiveConfig,
    arguments: &DrillArguments,
    vault: &Vault,
) -> Result<Outcome> {
    let identities = Identities::from_file(&arguments.identity)?;
    let engine = Engine::find(arguments.engine.as_deref());
    let made = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = made.map_err(|error| Error::file(Path::new("the drill's folder"), error))?;
    let drill = Drill {
        vault,
        identities: &identities,
        engine: &engine,
        running: &client(&config.influx)?,
        compared: Duration::from_secs(arguments.compared_days * 86_400),
    };
    drill::run(&drill, folder.path(), crate::now(), &|_| {}).await
}

fn show(outcome: &Outcome) {
    print(format_args!(
        "restored as it was at {}: {} bytes, verified and serving after {:.1} s; {:.1} s would have been lost\n",
        outcome.moment,
        outcome.bytes,
        outcome.recovery_time_seconds,
        outcome.recovery_point_seconds
    ));
    for (bucket, copied, running) in &outcome.counts {
        match copied == running {
            true => print(format_args!(
                "{bucket}: the copy holds the same values: {copied}\n"
            )),
            false => print(format_args!(
                "{bucket}: DIFFERENT: {copied} in the copy, {running} on the server\n"
            )),
        }
    }
}
