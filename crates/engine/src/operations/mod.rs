//! What an operator does to a data folder, by the binary's commands: back up, restore, verify, look at its statistics.
//!
//! With `--host` the server that has the folder open does it and goes on serving (the routes are in
//! [`crate::api::operations`]); without it the folder is opened here, which needs that no server runs on it.

pub mod backup;
mod remote;
pub mod report;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use watchpost_durable::Disk;
use watchpost_service::ping;
use watchpost_storage::Storage;

use crate::app::{App, STORAGE_FOLDER};
use crate::cli::{Command, Output, RemoteServer, Serve};
use crate::clock::{Clock, SystemClock};
use crate::meta::{JournalError, MetaStore};
use remote::Remote;
use report::{StatsReport, VerifyReport};

/// Does a command.
///
/// # Errors
/// The folder, the file or the server cannot be used.
pub fn run(command: &Command, serve: &Serve) -> anyhow::Result<ExitCode> {
    match command {
        Command::Backup { file, server } => backup::save(serve, server, file),
        Command::Restore { file } => backup::restore(serve, file),
        Command::Verify {
            repair,
            output,
            server,
        } => verify(serve, server, *repair, *output),
        Command::Ping => Ok(ping::answer(serve.listen, serve.tls_cert.is_some())),
        Command::ConfigReference => {
            print(&crate::reference::markdown())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Stats { output, server } => stats(serve, server, *output),
    }
}

fn open(serve: &Serve) -> anyhow::Result<Storage> {
    if !serve.data_dir.join("data").is_dir() {
        bail!(
            "{} is no data folder (--data-dir)",
            serve.data_dir.display()
        );
    }
    let (disk, now) = (Disk::default(), SystemClock.now());
    App::open_storage(&disk, &serve.data_dir, &serve.limits, now).map_err(|error| {
        let is_served = matches!(error, watchpost_storage::Error::Locked { .. });
        let error = anyhow::Error::from(error);
        match is_served {
            true => error
                .context("a server runs on this folder; ask it with --host URL --token-file FILE"),
            false => error,
        }
    })
}

/// The management state beside the points.
fn open_meta(serve: &Serve, storage: &Storage) -> Result<MetaStore, JournalError> {
    let (disk, folder) = (Disk::default(), &serve.data_dir);
    match storage.holds_rows() {
        true => MetaStore::open_beside_points(&disk, folder, &folder.join(STORAGE_FOLDER)),
        false => MetaStore::open(&disk, folder),
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

fn verify(
    serve: &Serve,
    server: &RemoteServer,
    repair: bool,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let report: VerifyReport = match Remote::of(server)? {
        Some(_) if repair => {
            bail!("--repair rewrites files: stop the server, then repair without --host")
        }
        Some(remote) => remote.get("/watchpost/verify")?,
        None => verify_folder(serve, repair)?,
    };
    print(&match output {
        Output::Json => format!("{}\n", serde_json::to_string(&report)?),
        Output::Text => report.to_string(),
    })?;
    Ok(ExitCode::from(u8::from(!report.is_well())))
}

fn verify_folder(serve: &Serve, repair: bool) -> anyhow::Result<VerifyReport> {
    let storage = open(serve)?;
    let mut report = VerifyReport::of(&storage)?;
    if let Err(error) = open_meta(serve, &storage) {
        report.damages.push(error.to_string());
    }
    if repair && !report.is_well() {
        report.repaired = storage.repair()?.iter().map(ToString::to_string).collect();
    }
    Ok(report)
}

fn stats(serve: &Serve, server: &RemoteServer, output: Output) -> anyhow::Result<ExitCode> {
    let report = match Remote::of(server)? {
        Some(remote) => remote.get("/watchpost/stats")?,
        None => {
            let storage = open(serve)?;
            let meta = open_meta(serve, &storage)?;
            StatsReport::of(&storage, &meta)
        }
    };
    print(&match output {
        Output::Json => format!("{}\n", serde_json::to_string(&report)?),
        Output::Text => report.to_string(),
    })?;
    Ok(ExitCode::SUCCESS)
}
