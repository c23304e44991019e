//! The command line.

mod drill;
mod points;
mod restore;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use watchpost_service::cli::{self, CommonArgs, ConfigCommand, complain, print};
use watchpost_service::shutdown::Shutdown;

use crate::config::ArchiveConfig;
use crate::envelope;
use crate::error::{Error, Result};
use crate::layout::Stamp;
use crate::ship;

/// Keeps encrypted copies of a Watchpost server elsewhere, and restores them as of any moment.
///
/// Once, on a machine that is not the server's, make the key that opens the copies:
///
///   watchpost-archive new-key --to archive.key       # prints the public key, age1…
///
/// Then, without a command, it follows the server until it is stopped:
///
///   INFLUX_TOKEN_FILE=archive.token watchpost-archive --set backup.to=s3://bucket/site --set 'backup.recipients=["age1…"]'
///
/// And where the key is:
///
///   watchpost-archive restore --from s3://bucket/site --identity archive.key --at 2026-11-30T10:15:00Z --data-dir NEW
#[derive(Debug, Parser)]
#[command(name = "watchpost-archive", version, verbatim_doc_comment)]
pub struct Arguments {
    /// Flags every role takes.
    #[command(flatten)]
    pub common: CommonArgs,

    /// Write to the prefix although another host did: that one stops where it still runs
    #[arg(long)]
    pub take_over: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of following the server.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Follow the server until stopped (the default)
    Run,
    /// Check, print or explain the configuration
    #[command(flatten)]
    Config(ConfigCommand),
    /// Make the key that opens copies; prints the public half, for backup.recipients
    NewKey {
        /// File for the private half; must not be there
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// List the moments that can be restored
    List {
        /// Where the copies are.
        #[command(flatten)]
        from: From,
    },
    /// Compare every object with the SHA-256 in its name; needs no key. Exit code 1 if one is damaged or missing
    Check {
        /// Where the copies are.
        #[command(flatten)]
        from: From,
    },
    /// Restore the server, or one bucket, as of a moment
    Restore(restore::RestoreArguments),
    /// Restore the newest copy elsewhere, verify every byte, compare it with the running server, and clean up
    Drill(drill::DrillArguments),
    /// Write the points of a server into files, an hour a file
    Export(points::ExportArguments),
    /// Write points from files, or from a backup of InfluxDB 2, into a server
    Import(points::ImportArguments),
}

/// Where copies are.
#[derive(Debug, Clone, Args)]
pub struct From {
    /// s3://BUCKET/PREFIX, gs://…, az://… or a folder [default: backup.to of the configuration]
    #[arg(long, value_name = "PLACE")]
    pub from: Option<String>,
}

/// Runs what the arguments ask for, in the given environment.
pub fn run(arguments: Arguments, environment: BTreeMap<String, String>) -> ExitCode {
    // Once a process, for the client and the store alike.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let common = &arguments.common;
    match arguments.command {
        Some(Command::Config(command)) => {
            let sources = common.sources(environment);
            cli::answer::<ArchiveConfig>(&command, &sources, common.output).finish()
        }
        Some(Command::NewKey { to }) => told(new_key(&to)),
        None | Some(Command::Run) => daemon(common, environment, arguments.take_over),
        Some(command) => match cli::start::<ArchiveConfig>(common, environment) {
            Ok(started) => told(block_on(act(command, &started.config, common))),
            Err(code) => code,
        },
    }
}

async fn act(command: Command, config: &ArchiveConfig, common: &CommonArgs) -> Result<u8> {
    match command {
        Command::List { from } => restore::list(config, &from, common.output).await,
        Command::Check { from } => restore::check(config, &from).await,
        Command::Restore(arguments) => restore::restore(config, arguments).await,
        Command::Drill(arguments) => drill::drill(config, arguments, common.output).await,
        Command::Export(arguments) => points::export(config, arguments).await,
        Command::Import(arguments) => points::import(config, arguments).await,
        Command::Run | Command::Config(_) | Command::NewKey { .. } => Ok(0),
    }
}

fn daemon(common: &CommonArgs, environment: BTreeMap<String, String>, take_over: bool) -> ExitCode {
    let started = match cli::start::<ArchiveConfig>(common, environment) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let ended = block_on(async {
        if started.config.backup.to.is_empty() {
            return Err(Error::Refused(
                "backup.to names no place for the copies: s3://BUCKET/PREFIX or a folder"
                    .to_owned(),
            ));
        }
        let shutdown = Shutdown::new();
        let listening = shutdown.listen_for_signals();
        listening.map_err(|error| Error::Refused(error.to_string()))?;
        ship::daemon::run(started, shutdown, take_over).await
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "no copies are made any more");
            ExitCode::FAILURE
        }
    }
}

fn new_key(to: &Path) -> Result<u8> {
    if to.exists() {
        return Err(Error::Refused(format!(
            "{} is there already; choose another name",
            to.display()
        )));
    }
    let (private, public) = envelope::new_key();
    watchpost_durable::Disk::default().replace(to, private.as_bytes())?;
    print(format_args!("{public}\n"));
    complain(format_args!(
        "{} opens the copies: keep it where the server is not, and a second one elsewhere. Without it no copy can be read.\n",
        to.display()
    ));
    Ok(0)
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime
        .map_err(|error| Error::Refused(error.to_string()))?
        .block_on(work)
}

fn told(result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(format_args!("watchpost-archive: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// A moment as people write it.
fn moment(text: &str) -> std::result::Result<Stamp, String> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| "write it as 2026-11-30T10:15:00Z".to_owned())?;
    Ok(Stamp(time.as_millisecond()))
}

/// Bytes as they are copied; on a terminal alone.
fn bytes_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
