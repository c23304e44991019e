//! The users file in force: read again when it changes, kept as it was while it is wrong.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use watchpost_service::secret::Secret;
use watchpost_service::shutdown::Shutdown;

use super::users::{Users, UsersError};

/// How often the file is looked at: who is taken out of it is out soon.
const INTERVAL: Duration = Duration::from_secs(2);

/// The users of a file. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct UsersFile {
    path: PathBuf,
    users: Arc<RwLock<Arc<Users>>>,
}

impl UsersFile {
    /// Errors: the file cannot be read or its text is wrong.
    pub(crate) fn open(path: PathBuf) -> Result<UsersFile, UsersError> {
        let users = Arc::new(Users::read(&path)?);
        Ok(UsersFile {
            path,
            users: Arc::new(RwLock::new(users)),
        })
    }

    /// Those in force.
    pub(crate) fn get(&self) -> Arc<Users> {
        Arc::clone(&self.users.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again whenever its text has changed, until shutdown.
    pub(crate) fn watch(&self, shutdown: &Shutdown) {
        let (file, stop) = (self.clone(), shutdown.clone());
        shutdown.spawn(async move {
            let mut known = file.text();
            loop {
                let pause = tokio::time::sleep(INTERVAL);
                if stop.unless_requested(pause).await.is_none() {
                    return;
                }
                let text = file.text();
                if text != known {
                    known = text;
                    file.read_again();
                }
            }
        });
    }

    /// Its text, `None` where it cannot be read.
    fn text(&self) -> Option<String> {
        let text = Secret::from_file(&self.path).ok()?;
        Some(text.reveal().to_owned())
    }

    /// Takes the file as it is now; one that is wrong is told in the log and changes nothing.
    pub(crate) fn read_again(&self) {
        match Users::read(&self.path) {
            Ok(users) => {
                *self.users.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(users);
                tracing::info!(file = %self.path.display(), "the users file was read again");
            }
            Err(error) => {
                tracing::error!(%error, "the users file is not valid; the users known before stay");
            }
        }
    }
}
