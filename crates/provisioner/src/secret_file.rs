//! The file of a token's secret: mode 0600, and whole or not there.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
    let fail = |error| SecretFileError {
        path: path.to_owned(),
        error,
    };
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = folder.join(name);
    // A leftover of a crashed run may have another mode.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(fail(error));
    }
    let result = write_new(&beside, secret).and_then(|()| fs::rename(&beside, path));
    if result.is_err() {
        fs::remove_file(&beside).ok();
    }
    result
        .and_then(|()| fs::File::open(folder)?.sync_all())
        .map_err(fail)
}

fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(secret.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
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
