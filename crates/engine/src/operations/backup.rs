//! Backups: one file with the points and the management state as they were at one moment, and its way back.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use watchpost_storage::Storage;

use super::remote::Remote;
use super::{open, print};
use crate::cli::{RemoteServer, Serve};
use crate::meta::MetaStore;

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
            let meta = MetaStore::open(&serve.data_dir)?;
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

/// `restore FILE`: into a folder that is not there yet, or empty.
pub(super) fn restore(serve: &Serve, file: &Path) -> anyhow::Result<ExitCode> {
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
