//! Where a platform that `up` started keeps its things: one folder, git-ignored, for its user alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};

/// The folder and what lies where in it.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
}

impl Layout {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Layout { folder }
    }

    /// What `status`, `logs` and `down` need to find this folder; nothing for the usual one.
    pub(crate) fn option(&self) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let usual = root.is_some_and(|root| root.join(".watchpost") == self.folder);
        match usual {
            true => String::new(),
            false => format!(" --folder {}", self.folder.display()),
        }
    }

    /// Makes the folders, readable by their owner only.
    pub(crate) fn create(&self) -> Result<()> {
        for folder in [
            self.folder.clone(),
            self.data(""),
            self.folder.join("logs"),
            self.secrets(),
        ] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .with_context(|| {
                    let folder = folder.display();
                    format!("cannot make the folder {folder} (--folder chooses another)")
                })?;
        }
        Ok(())
    }

    /// Rules and receivers of one's own; `up` reads them and never writes them.
    pub(crate) fn own_rules(&self) -> PathBuf {
        self.folder.join("rules.toml")
    }

    /// Who may sign in to the page; `up` reads it and never writes it.
    pub(crate) fn users(&self) -> PathBuf {
        self.folder.join("users.toml")
    }

    /// The state that a role keeps over restarts.
    pub(crate) fn data(&self, role: &str) -> PathBuf {
        self.folder.join("data").join(role)
    }

    pub(crate) fn log(&self, role: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{role}.log"))
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.folder.join("secrets")
    }

    /// What opens the copies, where `up` made the key: to be kept elsewhere, too.
    pub(crate) fn archive_key(&self) -> PathBuf {
        self.secrets().join("archive.key")
    }

    /// What compose mounts into its containers.
    pub(crate) fn compose_secrets(&self) -> PathBuf {
        self.folder.join("compose-secrets")
    }

    /// A token's file, mode 0600.
    pub(crate) fn token(&self, name: &str) -> PathBuf {
        self.secrets().join(format!("{name}.token"))
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("up.json")
    }

    /// One platform a folder: `None` if another holds it. It is free again when the file is dropped,
    /// however the process ends.
    pub(crate) fn lock(&self) -> Result<Option<File>> {
        let path = self.folder.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write in {}", self.folder.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// Removes the folder and all in it but the files of one's own.
    pub(crate) fn remove(&self) -> Result<()> {
        let own = [self.own_rules(), self.users()];
        if !own.iter().any(|path| path.exists()) {
            return remove(&self.folder);
        }
        let entries = fs::read_dir(&self.folder)
            .with_context(|| format!("cannot read {}", self.folder.display()))?;
        let others = entries.flatten().map(|entry| entry.path());
        others
            .filter(|path| !own.contains(path))
            .try_for_each(|path| remove(&path))
    }
}

fn remove(path: &Path) -> Result<()> {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
