//! The file of a token's secret: mode 0600, and whole or not there.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use watchpost_durable::Disk;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the secret to {path}: {error}")]
pub struct SecretFileError {
    pub path: PathBuf,
    pub error: io::Error,
}

/// Writes beside the file, syncs, and renames over it, so that a reader sees the old secret or the
/// new one, never half of one, and nobody else ever sees either.
///
/// # Errors
/// The folder cannot be made or the file not be written.
pub fn write(path: &Path, secret: &str) -> Result<(), SecretFileError> {
    write_on(&Disk::default(), path, secret).map_err(|error| SecretFileError {
        path: path.to_owned(),
        error: error.into(),
    })
}

/// As [`write`], on a disk that may fail.
///
/// # Errors
/// As there.
pub fn write_on(disk: &Disk, path: &Path, secret: &str) -> watchpost_durable::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    disk.create_folder(folder)?;
    let name = path.file_name().unwrap_or_default();
    disk.replace(&folder.join(name), format!("{secret}\n").as_bytes())?;
    Ok(())
}

/// What the file holds, trimmed; `None` if there is none or it is empty.
#[must_use]
pub fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|it| !it.is_empty())
}

/// Whether users besides the owner may read the file.
#[must_use]
pub fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

/// Closes the file to everyone but its owner.
///
/// # Errors
/// The file is not ours to change.
pub fn close(path: &Path) -> Result<(), SecretFileError> {
    let closed = fs::set_permissions(path, Permissions::from_mode(0o600));
    closed.map_err(|error| SecretFileError {
        path: path.to_owned(),
        error,
    })
}
