//! The API token: fixed, or a file that is read again when it changes or the server says 401, so
//! that a token can be rotated under a running role.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Largest token file read: tokens are some hundred bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// Where the API token comes from. Clones share what was read. `Debug` shows no token.
#[derive(Clone)]
pub struct TokenSource(Source);

#[derive(Clone)]
enum Source {
    None,
    Fixed(Arc<str>),
    File(Arc<TokenFile>),
}

struct TokenFile {
    path: PathBuf,
    read: Mutex<Option<ReadToken>>,
}

/// What the file held, and the stamp it had then.
struct ReadToken {
    token: Arc<str>,
    modified: Option<SystemTime>,
}

/// A token file that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("token file {}: {reason}", path.display())]
pub struct TokenError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

impl TokenSource {
    /// No token: for the calls a server answers to anyone (health, ready, setup).
    pub const fn none() -> Self {
        Self(Source::None)
    }

    /// This token.
    pub fn fixed(token: impl Into<Arc<str>>) -> Self {
        Self(Source::Fixed(token.into()))
    }

    /// The text of this file, without a byte order mark and white space at its ends. It is read at the first request.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(Arc::new(TokenFile {
            path: path.into(),
            read: Mutex::new(None),
        })))
    }

    /// The file if there is one, else the token if it is not empty, else none: the two keys of a
    /// configuration.
    pub fn from_parts(token: &str, file: Option<PathBuf>) -> Self {
        match file {
            Some(path) => Self::file(path),
            None if token.is_empty() => Self::none(),
            None => Self::fixed(token),
        }
    }

    /// The token to send now; a file is read when its time of change is new.
    pub(crate) fn current(&self) -> Result<Option<Arc<str>>, TokenError> {
        match &self.0 {
            Source::None => Ok(None),
            Source::Fixed(token) => Ok(Some(Arc::clone(token))),
            Source::File(file) => file.current(false).map(Some),
        }
    }

    /// After a 401: reads the file again and gives its token if it differs from `refused`.
    pub(crate) fn renewed(&self, refused: Option<&str>) -> Option<Arc<str>> {
        match &self.0 {
            Source::File(file) => file
                .current(true)
                .ok()
                .filter(|token| Some(&**token) != refused),
            _ => None,
        }
    }
}

impl TokenFile {
    fn current(&self, again: bool) -> Result<Arc<str>, TokenError> {
        let fail = |reason: String| TokenError {
            path: self.path.clone(),
            reason,
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            // Being replaced: the token read before is the best there is.
            Err(error) => {
                return read
                    .as_ref()
                    .map(|known| Arc::clone(&known.token))
                    .ok_or_else(|| fail(error.to_string()));
            }
        };
        let modified = metadata.modified().ok();
        if let Some(known) = read
            .as_ref()
            .filter(|known| !again && known.modified == modified)
        {
            return Ok(Arc::clone(&known.token));
        }
        if metadata.len() > FILE_LIMIT {
            return Err(fail(format!(
                "is {} bytes long; a token has at most {FILE_LIMIT}",
                metadata.len()
            )));
        }
        let text = std::fs::read_to_string(&self.path).map_err(|error| fail(error.to_string()))?;
        match (text.trim_start_matches('\u{feff}').trim(), read.as_ref()) {
            ("", Some(known)) => Ok(Arc::clone(&known.token)),
            ("", None) => Err(fail("is empty".into())),
            (text, _) => {
                let token: Arc<str> = text.into();
                *read = Some(ReadToken {
                    token: Arc::clone(&token),
                    modified,
                });
                Ok(token)
            }
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::None => f.write_str("TokenSource::None"),
            Source::Fixed(_) => f.write_str("TokenSource::Fixed(********)"),
            Source::File(file) => write!(f, "TokenSource::File({})", file.path.display()),
        }
    }
}
