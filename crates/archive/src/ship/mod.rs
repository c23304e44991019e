//! Following a server: its segments once, its log every few seconds.
//!
//! ```text
//! claim ─▶ snapshot's list ─┬▶ segments ─▶ snapshot (published when all it needs is there)
//!                           └▶ chain: part, part, part …   from the list's place in the log on
//! ```
//!
//! Log and segments are shipped at once, so that a large first copy delays no moment. Of a chain every moment can be had
//! that lies after one of its snapshots. When the server sealed a log file away before it was shipped, a new chain begins
//! with a new snapshot.

pub mod chain;
pub mod daemon;
pub mod fence;
pub mod points;
pub mod prune;
pub mod report;
pub mod snapshot;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use watchpost_client::Client;
use watchpost_client::archive::{LogHead, LogPlace, Segment, ServerSnapshot};

use crate::envelope::{Recipients, Title};
use crate::error::{Error, Result};
use crate::vault::Vault;

/// A server that is followed.
pub trait Source: Send + Sync + 'static {
    /// What it consists of.
    fn snapshot(&self) -> impl Future<Output = Result<ServerSnapshot>> + Send;

    /// Bytes of a segment from an offset on; `None` if it is gone.
    fn segment(
        &self,
        segment: &Segment,
        from: u64,
    ) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// What was acknowledged from a place on; `None` if it is gone.
    fn log(
        &self,
        from: LogPlace,
        management: Option<u32>,
    ) -> impl Future<Output = Result<Option<(LogHead, Bytes)>>> + Send;
}

impl Source for Client {
    async fn snapshot(&self) -> Result<ServerSnapshot> {
        Ok(self.server_snapshot().await?)
    }

    async fn segment(&self, segment: &Segment, from: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.server_segment(segment, from).await?)
    }

    async fn log(
        &self,
        from: LogPlace,
        management: Option<u32>,
    ) -> Result<Option<(LogHead, Bytes)>> {
        Ok(self.server_log(from, management).await?)
    }
}

/// What both halves of the work share.
pub struct Shipper<S> {
    /// The server.
    pub source: Arc<S>,
    /// Where copies go.
    pub vault: Vault,
    /// For whom they are encrypted.
    pub recipients: Recipients,
    /// By what the server is known.
    pub platform: String,
    /// The claim on the prefix.
    pub claim: fence::Claim,
    /// Snapshots that were begun.
    pub snapshots: AtomicU64,
    /// Folder for objects on their way.
    pub spool: PathBuf,
}

impl<S: Source> Shipper<S> {
    fn title(&self, kind: &str, name: impl ToString) -> Title {
        Title {
            platform: self.platform.clone(),
            kind: kind.to_owned(),
            name: name.to_string(),
        }
    }

    /// Fails if the server is another one by now.
    fn check_platform(&self, platform: &str) -> Result<()> {
        match platform == self.platform {
            true => Ok(()),
            false => Err(Error::OtherPlatform {
                to: self.vault.name().to_owned(),
                found: self.platform.clone(),
                own: platform.to_owned(),
            }),
        }
    }
}
