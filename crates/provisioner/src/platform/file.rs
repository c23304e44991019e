//! Reading and writing the desired-state file.

use std::fs;
use std::path::{Path, PathBuf};

use watchpost_service::config::{self, ConfigError, Sources};

use super::Platform;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {error}")]
    Read {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error(transparent)]
    Content(#[from] ConfigError),
    #[error("cannot write the desired state as TOML: {0}")]
    Write(#[from] toml::ser::Error),
}

/// Reads and checks a file.
///
/// # Errors
/// It cannot be read, or everything that is wrong with it.
pub fn read(path: &Path) -> Result<Platform, FileError> {
    let text = fs::read_to_string(path).map_err(|error| FileError::Read {
        path: path.to_owned(),
        error,
    })?;
    Ok(parse(&path.display().to_string(), &text)?)
}

/// Checks a text; `name` is what its problems call it.
///
/// # Errors
/// Everything that is wrong with it, each with line and column.
pub fn parse(name: &str, text: &str) -> Result<Platform, ConfigError> {
    // The environment and flags have no part in the desired state.
    config::load_text::<Platform>(name, text, &Sources::default()).map(|it| it.config)
}

/// The text of a file that says the same.
///
/// # Errors
/// None that a checked platform can cause.
pub fn write(platform: &Platform) -> Result<String, FileError> {
    Ok(toml::to_string_pretty(platform)?)
}
