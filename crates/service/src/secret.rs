//! Secrets that cannot be printed by accident, and the files they are read from.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

/// What stands in the place of a secret wherever one would be shown.
pub const MASK: &str = "********";

/// Largest secret file read: a token is some hundred bytes, so a larger file is the wrong file.
const FILE_LIMIT: u64 = 64 * 1024;

/// A token or password. `Debug`, `Display` and `Serialize` show [`MASK`]; only [`Secret::reveal`]
/// gives the text.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the header or handshake that needs it, never for a message.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True when there is no text, which is how an unset secret is written in a file.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a secret file: its text without a byte order mark and white space at the ends.
    ///
    /// Errors: the file is missing, empty, larger than 64 KiB, not UTF-8, or may be
    /// written by other users. One that others may read is for the caller to warn about
    /// ([`is_open_to_everyone`]): container runtimes mount secrets that way.
    pub fn from_file(path: &Path) -> Result<Self, SecretFileError> {
        let fail = |reason: Cow<'static, str>| SecretFileError {
            path: path.to_owned(),
            reason,
        };
        let metadata = std::fs::metadata(path).map_err(|error| fail(error.to_string().into()))?;
        if is_writable_by_others(&metadata) {
            return Err(fail(
                "may be written by other users; run: chmod 0600".into(),
            ));
        }
        if metadata.len() > FILE_LIMIT {
            return Err(fail(
                format!(
                    "is {} bytes long; a secret has at most {FILE_LIMIT}",
                    metadata.len()
                )
                .into(),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string().into()))?;
        match text.trim_start_matches('\u{feff}').trim() {
            "" => Err(fail("is empty".into())),
            text => Ok(Self::new(text)),
        }
    }
}

/// Characters of a token at least: 16 of base64 are 96 random bits, which cannot be guessed over a network.
const TOKEN_CHARACTERS: usize = 16;

impl Secret {
    /// Reads a file with a token that somebody chose and that others are to bring: as [`Secret::from_file`], and too short
    /// a token is refused.
    pub fn token_from_file(path: &Path) -> Result<Self, SecretFileError> {
        let token = Self::from_file(path)?;
        match token.0.chars().count() {
            length if length < TOKEN_CHARACTERS => Err(SecretFileError {
                path: path.to_owned(),
                reason: format!(
                    "holds {length} characters; a token has at least {TOKEN_CHARACTERS}, random ones"
                )
                .into(),
            }),
            _ => Ok(token),
        }
    }
}

/// True when every user of the machine may read the file.
#[cfg(unix)]
pub fn is_open_to_everyone(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

/// True when every user of the machine may read the file: not known on this system.
#[cfg(not(unix))]
pub fn is_open_to_everyone(_path: &Path) -> bool {
    false
}

/// True when other users may replace the secret.
#[cfg(unix)]
fn is_writable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o022 != 0
}

#[cfg(not(unix))]
fn is_writable_by_others(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// A secret file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("secret file {}: {reason}", path.display())]
pub struct SecretFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: Cow<'static, str>,
}

// === impl Secret ===

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { MASK })
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "secret" })
    }
}
