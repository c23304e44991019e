//! What the embedded server offers to one who keeps copies of it: a snapshot's list, its segments, the growing log. Other
//! servers of the API do not have these routes and answer 404.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::client::{Client, Request};
use crate::{Error, Result};

/// Largest list of a snapshot: a hundred thousand segments are some 15 MB, and users' secrets and tasks a few more.
const SNAPSHOT_LIMIT: usize = 128 * 1024 * 1024;

/// Largest piece of a segment or of the log: the server sends a few megabytes, and beside a piece of the log the
/// management state.
const PIECE_LIMIT: usize = 64 * 1024 * 1024;

/// What a server consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSnapshot {
    /// By what the server, and every copy of it, is known.
    pub platform: String,
    /// The server's clock, nanoseconds since 1970: what was acknowledged before is in it.
    pub time: i64,
    /// Content of the file `LAYOUT`, base64.
    pub layout: String,
    /// From where the log holds what no segment does.
    pub log: LogPlace,
    /// Sealed rows.
    pub segments: Vec<Segment>,
    /// Small files of the data folder.
    pub documents: Vec<Document>,
    /// The management state, base64.
    pub management: String,
    /// The buckets' names.
    pub buckets: Vec<NamedBucket>,
}

/// A segment file, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// Below the data folder.
    pub name: String,
    /// Its bucket's id.
    pub bucket: String,
    /// Its length.
    pub bytes: u64,
    /// A checksum that tells it from another one of its name.
    pub check: u32,
}

/// A small file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Below the data folder.
    pub name: String,
    /// Base64.
    pub content: String,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedBucket {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogPlace {
    /// The number of a log file.
    pub file: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// What a piece of the log comes with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// By what the server is known.
    pub platform: String,
    /// The server's clock, nanoseconds since 1970: what was acknowledged before is in the log up to `next`, if the piece is
    /// whole.
    pub time: i64,
    /// The number of the log file.
    pub file: u64,
    /// Where the piece begins.
    pub offset: u64,
    /// The head of the file as of now, base64; empty while the file does not exist.
    pub head: String,
    /// Whether the bytes reach what the head says was acknowledged.
    pub is_whole: bool,
    /// Where the next piece begins.
    pub next: LogPlace,
    /// The management state, base64, if it is not the one that was named.
    pub management: Option<String>,
    /// Its checksum.
    pub management_check: u32,
}

impl Client {
    /// What the server consists of.
    pub async fn server_snapshot(&self) -> Result<ServerSnapshot> {
        let path = "watchpost/archive/snapshot";
        let request = Request {
            path,
            ..Request::default()
        };
        let response = self.send_ok(&request).await?;
        let bytes = self.read(response, SNAPSHOT_LIMIT).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Answer(format!("{path}: {error}")))
    }

    /// Bytes of a segment from an offset on, a few megabytes at most; `None` if it was merged or dropped since.
    pub async fn server_segment(&self, segment: &Segment, from: u64) -> Result<Option<Vec<u8>>> {
        let (bytes, check, from) = (
            segment.bytes.to_string(),
            segment.check.to_string(),
            from.to_string(),
        );
        let query = [
            ("name", Some(segment.name.as_str())),
            ("bytes", Some(&bytes)),
            ("check", Some(&check)),
            ("from", Some(&from)),
        ];
        self.piece("watchpost/archive/segment", &query).await
    }

    /// What was acknowledged from a place of the log on, a few megabytes at most; `None` if that is gone. `management` is the
    /// checksum of the management state that one has.
    pub async fn server_log(
        &self,
        from: LogPlace,
        management: Option<u32>,
    ) -> Result<Option<(LogHead, Bytes)>> {
        let (file, offset) = (from.file.to_string(), from.offset.to_string());
        let management = management.map(|check| check.to_string());
        let query = [
            ("file", Some(file.as_str())),
            ("offset", Some(&offset)),
            ("management", management.as_deref()),
        ];
        let path = "watchpost/archive/log";
        let Some(bytes) = self.piece(path, &query).await? else {
            return Ok(None);
        };
        let mut bytes = Bytes::from(bytes);
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| Error::Answer(format!("{path}: no head")))?;
        let head = bytes.split_to(end);
        let head = serde_json::from_slice(&head)
            .map_err(|error| Error::Answer(format!("{path}: {error}")))?;
        Ok(Some((head, bytes.slice(1..))))
    }

    async fn piece(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Option<Vec<u8>>> {
        let request = Request {
            path,
            query,
            ..Request::default()
        };
        match self.send_ok(&request).await {
            Ok(response) => self.read(response, PIECE_LIMIT).await.map(Some),
            Err(Error::Api { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
