//! Our own engine as a child process on a free port, with data in a temporary folder.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{BUCKET, ORG};
use crate::daemon::Daemon;
use crate::temp_folder;

const BINARY: &str = "watchpost-engine";

/// What the engine prints when its port is open, before the URL.
const LISTENING: &str = "listening on ";

#[derive(Debug)]
pub(super) struct Embedded {
    folder: TempDir,
    url: String,
    token: String,
    daemon: Daemon,
}

impl Embedded {
    /// `None` if the engine is not built.
    ///
    /// # Panics
    /// If it is and does not start.
    pub(super) fn start() -> Option<Embedded> {
        let folder = temp_folder();
        let token = format!("test-token-{:032x}", random());
        write_secret(&folder.path().join("token"), &token);
        let mut daemon = spawn(&folder, "127.0.0.1:0")?;
        let url = listening_url(&mut daemon);
        Some(Embedded {
            folder,
            url,
            token,
            daemon,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn log(&self) -> String {
        self.daemon.text()
    }

    pub(super) fn stop(&mut self) {
        self.daemon.stop();
    }

    pub(super) fn kill(&mut self) {
        self.daemon.kill();
    }

    /// # Panics
    /// If it does not start on the same data and port.
    pub(super) fn start_again(&mut self) {
        let address = self
            .url
            .strip_prefix("http://")
            .expect("the engine speaks http here");
        self.daemon = spawn(&self.folder, address).expect("the binary has been there before");
        assert_eq!(listening_url(&mut self.daemon), self.url);
    }
}

fn spawn(folder: &TempDir, listen: &str) -> Option<Daemon> {
    let mut command = Daemon::command(BINARY)?;
    let below = |name: &str| -> PathBuf { folder.path().join(name) };
    command.args(["--listen", listen]);
    command.arg("--data-dir").arg(below("data"));
    command.args(["--setup-org", ORG, "--setup-bucket", BUCKET]);
    command.arg("--setup-token-file").arg(below("token"));
    Some(Daemon::start(command))
}

/// Waits for the line that names the port.
fn listening_url(daemon: &mut Daemon) -> String {
    let line = daemon.wait_for_line(LISTENING);
    let (_, after) = line.split_once(LISTENING).expect("the line has the words");
    let url = after.split_whitespace().next().unwrap_or_default();
    url.trim_end_matches(['/', '"', ',', '.']).to_owned()
}

/// Secret files are for their owner alone; the engine refuses others.
fn write_secret(path: &std::path::Path, secret: &str) {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(secret.as_bytes()));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Enough randomness to keep the servers of two tests apart.
fn random() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    let word = || u128::from(RandomState::new().hash_one(0));
    word() << 64 | word()
}
