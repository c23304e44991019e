//! An engine of the bench's own: the sibling binary in a scratch folder, which may be killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use watchpost_service::secret::Secret;

use crate::settings::{ServerConfig, ServerKind};
use crate::{Error, Result};

const BINARY: &str = "watchpost-engine";

/// What the engine says when its port is open, before the URL.
const LISTENING: &str = "listening on ";

/// Longest start: recovery of a large log after a kill.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Time between two looks at the log of a starting engine.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Time an engine has to end when asked to.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Last bytes of the engine's log that an error quotes.
const LOG_TAIL: usize = 2_000;

const ORG: &str = "bench";

/// A running engine; it ends with the value.
pub struct Engine {
    binary: PathBuf,
    folder: TempDir,
    url: String,
    starts: u32,
    child: Option<Child>,
}

impl Engine {
    /// Starts the binary (the one beside this program if none is named) on a free port.
    ///
    /// Errors: there is no binary, or it does not start; with the end of its log.
    pub async fn start(binary: Option<&Path>) -> Result<Self> {
        let binary = match binary {
            Some(path) => path.to_owned(),
            None => sibling()?,
        };
        let folder = tempfile::Builder::new()
            .prefix("watchpost-bench-")
            .tempdir()
            .map_err(|error| Error::Engine(format!("no scratch folder: {error}")))?;
        let mut engine = Self {
            binary,
            folder,
            url: String::new(),
            starts: 0,
            child: None,
        };
        engine.launch("127.0.0.1:0").await?;
        Ok(engine)
    }

    /// The configuration that reaches it; limits of time are those of `like`.
    pub fn reach(&self, like: &ServerConfig) -> ServerConfig {
        ServerConfig {
            kind: ServerKind::Influxdb,
            url: self.url.clone(),
            org: ORG.into(),
            token: Secret::default(),
            token_file: Some(self.folder.path().join("token")),
            bucket: None,
            ..like.clone()
        }
    }

    /// Its process id while it runs.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Bytes of its data.
    pub fn disk_bytes(&self) -> u64 {
        super::folder_bytes(&self.folder.path().join("data"))
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
    }

    /// Asks it to end, and waits for that.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        terminate(&child);
        if tokio::time::timeout(STOP_LIMIT, child.wait())
            .await
            .is_err()
        {
            let _ = child.kill().await;
        }
    }

    /// Starts it again on the same data and port.
    pub async fn start_again(&mut self) -> Result<()> {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.launch(&address).await
    }

    async fn launch(&mut self, listen: &str) -> Result<()> {
        self.starts += 1;
        let log = self
            .folder
            .path()
            .join(format!("engine-{}.log", self.starts));
        let fail = |error: std::io::Error| {
            Error::Engine(format!(
                "{} cannot be started: {error}",
                self.binary.display()
            ))
        };
        let output = File::create(&log).map_err(fail)?;
        let errors = output.try_clone().map_err(fail)?;
        let child = Command::new(&self.binary)
            .args(["--listen", listen])
            .arg("--data-dir")
            .arg(self.folder.path().join("data"))
            .args(["--setup-org", ORG, "--setup-bucket", "unused"])
            .arg("--setup-token-file")
            .arg(self.folder.path().join("token"))
            .args(["--log-level", "info"])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            // Ctrl-C is for the bench, which still has a report to print and then ends the engine.
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        self.child = Some(child);
        self.url = self.wait_for_url(&log).await?;
        Ok(())
    }

    async fn wait_for_url(&mut self, log: &Path) -> Result<String> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            if let Some((_, after)) = text.split_once(LISTENING) {
                let url = after.split_whitespace().next().unwrap_or_default();
                return Ok(url.trim_end_matches(['/', '"', ',', '.', '}']).to_owned());
            }
            let ended = match &mut self.child {
                Some(child) => child.try_wait().ok().flatten(),
                None => None,
            };
            if ended.is_some() || Instant::now() > deadline {
                let from = text.len().saturating_sub(LOG_TAIL);
                let tail = text.get(from..).unwrap_or(&text);
                return Err(Error::Engine(format!("it did not start:\n{tail}")));
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

/// The engine's binary beside this one.
fn sibling() -> Result<PathBuf> {
    let own = std::env::current_exe()
        .map_err(|error| Error::Engine(format!("own path unknown: {error}")))?;
    let name = format!("{BINARY}{}", std::env::consts::EXE_SUFFIX);
    let beside = own.with_file_name(name);
    if beside.is_file() {
        Ok(beside)
    } else {
        Err(Error::Engine(format!(
            "{} is not there; build it (cargo build --release -p {BINARY}) or name it with --engine",
            beside.display()
        )))
    }
}

fn terminate(child: &Child) {
    let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) else {
        return;
    };
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        // It was not waited for yet, so the id cannot be another process's.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}
