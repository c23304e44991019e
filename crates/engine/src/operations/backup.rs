//! Backups: one file with the points and the management state as they were at one moment, and its way back.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use watchpost_durable::{Disk, DiskFile};
use watchpost_storage::Storage;

use super::remote::Remote;
use super::{open, open_meta, print};
use crate::app::{App, STORAGE_FOLDER};
use crate::cli::{RemoteServer, Serve};
use crate::clock::{Clock, SystemClock};
use crate::limits::Limits;
use crate::meta::{JOURNAL, MetaStore, RESTORING};

/// The name under which a backup holds the management state.
const META_DOCUMENT: &str = "meta-journal";

/// Writes a backup of an open server: points and management state as they are at one moment. Answers its bytes.
///
/// Everything acknowledged before the call is in it. Writing goes on meanwhile.
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

/// `backup FILE`: of a running server, or of a folder that none has open.
pub(super) fn save(serve: &Serve, server: &RemoteServer, file: &Path) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(server)?;
    let bytes = match remote {
        Some(remote) => {
            let draft = BackupDraft::create(file)?;
            draft.fill(|target| remote.download("/watchpost/backup", target))?
        }
        None => {
            let storage = open(serve)?;
            let meta = open_meta(serve, &storage)?;
            BackupDraft::create(file)?.fill(|target| write_backup(&storage, &meta, target))?
        }
    };
    print(&format!("wrote {} ({bytes} bytes)\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A backup that is not complete yet, beside the file that it becomes: what fails leaves nothing behind.
struct BackupDraft<'a> {
    file: &'a Path,
    path: PathBuf,
    disk: Disk,
    target: DiskFile,
}

impl<'a> BackupDraft<'a> {
    fn create(file: &'a Path) -> anyhow::Result<Self> {
        if file.exists() {
            bail!("{} is there already; choose another name", file.display());
        }
        let mut path = file.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let disk = Disk::default();
        Ok(Self {
            file,
            target: disk.create(&path)?,
            path,
            disk,
        })
    }

    fn fill(
        mut self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<u64>,
    ) -> anyhow::Result<u64> {
        let bytes = write(&mut self.target)?;
        self.target.sync()?;
        self.disk.rename(&self.path, self.file)?;
        self.disk.sync_folder(folder_of(self.file))?;
        Ok(bytes)
    }
}

/// The folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

impl Drop for BackupDraft<'_> {
    fn drop(&mut self) {
        // Gone if the backup is complete; one that stays is overwritten by the next backup to this file.
        let _ = self.disk.remove(&self.path);
    }
}

/// `restore FILE`: into a folder that is not there yet, or empty, or in which a restore was interrupted.
pub(super) fn restore(serve: &Serve, file: &Path) -> anyhow::Result<ExitCode> {
    let mut source: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(std::io::stdin().lock()),
        false => {
            let file = File::open(file).with_context(|| file.display().to_string())?;
            Box::new(BufReader::new(file))
        }
    };
    let bytes = restore_from(
        &Disk::default(),
        &mut *source,
        &serve.data_dir,
        &serve.limits,
    )?;
    let folder = serve.data_dir.display();
    print(&format!("restored {bytes} bytes into {folder}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Unpacks a backup into a folder, in [`RESTORING`] below it, and moves what is complete and durable to its place. A
/// server does not start as long as that folder is there, so that a restore which was interrupted is never taken for
/// whole.
///
/// # Errors
/// There is something else in the folder, the backup is damaged, or the disk refused. Nothing is left then.
pub fn restore_from(
    disk: &Disk,
    source: &mut dyn Read,
    folder: &Path,
    limits: &Limits,
) -> anyhow::Result<u64> {
    clear_unfinished(disk, folder)?;
    let unfinished = folder.join(RESTORING);
    disk.create_folder(&unfinished)?;
    let unpacked = unpack(disk, source, &unfinished, limits);
    if unpacked.is_err() {
        disk.remove_folder(&unfinished)?;
        disk.sync_folder(folder)?;
        return unpacked;
    }
    for name in [STORAGE_FOLDER, JOURNAL] {
        disk.rename(&unfinished.join(name), &folder.join(name))?;
    }
    // The names have to be durable here before what says that they are not yet goes.
    disk.sync_folder(folder)?;
    disk.remove_folder(&unfinished)?;
    disk.sync_folder(folder)?;
    unpacked
}

/// Removes what an interrupted restore left; refuses a folder with anything else.
fn clear_unfinished(disk: &Disk, folder: &Path) -> anyhow::Result<()> {
    let unfinished = folder.join(RESTORING);
    let found = watchpost_durable::list(folder)?;
    if !unfinished.exists() {
        if !found.is_empty() {
            bail!(
                "{} is not empty; restore into a new folder (--data-dir)",
                folder.display()
            );
        }
        return Ok(());
    }
    let ours = [
        folder.join(STORAGE_FOLDER),
        folder.join(JOURNAL),
        unfinished,
    ];
    if let Some(other) = found.iter().find(|path| !ours.contains(path)) {
        bail!(
            "{} holds {} beside an interrupted restore; restore into a new folder (--data-dir)",
            folder.display(),
            other.display()
        );
    }
    let [points, journal, unfinished] = ours;
    disk.remove_folder(&points)?;
    disk.remove(&journal)?;
    disk.sync_folder(folder)?;
    disk.remove_folder(&unfinished)?;
    Ok(disk.sync_folder(folder)?)
}

fn unpack(
    disk: &Disk,
    source: &mut dyn Read,
    unfinished: &Path,
    limits: &Limits,
) -> anyhow::Result<u64> {
    let bytes = Storage::restore(disk, source, &unfinished.join(STORAGE_FOLDER))?;
    // Opened once, so that a backup that cannot be opened is no restored folder.
    let storage = App::open_storage(disk, unfinished, limits, SystemClock.now())?;
    let meta = storage
        .document(META_DOCUMENT)?
        .context("the backup holds no management state")?;
    drop(storage);
    disk.replace(&unfinished.join(JOURNAL), &meta)?;
    MetaStore::open(disk, unfinished)?;
    Ok(bytes)
}
