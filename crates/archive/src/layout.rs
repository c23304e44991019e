//! How copies lie in the store.
//!
//! ```text
//! platform.json                                   whose copies these are
//! writers/NUMBER.json                             who writes; a higher number fences the lower ones
//! segments/ID-SHA256.age                          a sealed segment, once
//! snapshots/TIME-WRITER-NUMBER-SHA256.age         what the server consisted of at a time
//! snapshots/TIME-WRITER-NUMBER-SHA256.json        which objects it needs, for those who hold no key
//! log/WRITER-CHAIN/SEQUENCE-TIME-SHA256.age       what was acknowledged since, every few seconds
//! drills/TIME.json                                how a drill ended
//! ```
//!
//! The SHA-256 is that of the object as it lies there, so that anybody can check it, key or none. Names tell times and
//! sizes; what was measured, and by what names, is inside. Nothing is ever overwritten, so a key that may only add
//! objects suffices.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::digest;
use serde::{Deserialize, Serialize};
use watchpost_client::archive::Segment;

/// Whose copies these are.
pub const PLATFORM: &str = "platform.json";
/// Folder of the writers.
pub const WRITERS: &str = "writers";
/// Folder of the segments.
pub const SEGMENTS: &str = "segments";
/// Folder of the snapshots.
pub const SNAPSHOTS: &str = "snapshots";
/// Folder of the chains of log parts.
pub const LOG: &str = "log";

/// Folder of the drills' results.
pub const DRILLS: &str = "drills";

/// The version of this layout.
pub const VERSION: u32 = 1;

/// A time in an object's name: milliseconds since 1970, written so that names sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub i64);

const STAMP_FORMAT: &str = "%Y%m%dT%H%M%S";

impl Stamp {
    /// Of nanoseconds since 1970; a time that nothing can have is 1970.
    pub fn of_nanoseconds(time: i64) -> Self {
        Self(time.div_euclid(1_000_000).max(0))
    }

    /// As RFC 3339, for people.
    pub fn rfc3339(self) -> String {
        Timestamp::from_millisecond(self.0).map_or_else(|_| self.0.to_string(), |it| it.to_string())
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        let civil = time.to_zoned(TimeZone::UTC);
        let millisecond = self.0.rem_euclid(1_000);
        write!(f, "{}{millisecond:03}Z", civil.strftime(STAMP_FORMAT))
    }
}

/// A name that is not of this layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

impl FromStr for Stamp {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let digits = text.strip_suffix('Z').ok_or(NotOurs)?;
        let (seconds, milliseconds) = digits.split_at_checked(15).ok_or(NotOurs)?;
        let civil = jiff::civil::DateTime::strptime(STAMP_FORMAT, seconds).map_err(|_| NotOurs)?;
        let time = civil.to_zoned(TimeZone::UTC).map_err(|_| NotOurs)?;
        let milliseconds: i64 = match milliseconds.len() {
            3 => milliseconds.parse().map_err(|_| NotOurs)?,
            _ => return Err(NotOurs),
        };
        Ok(Self(time.timestamp().as_second() * 1_000 + milliseconds))
    }
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Bytes in hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// By what a segment is found, whatever it was encrypted to: of a segment of the same id the bytes are the same.
pub fn segment_id(platform: &str, segment: &Segment) -> String {
    let Segment {
        name, bytes, check, ..
    } = segment;
    let text = format!("{platform}\n{name}\n{bytes}\n{check}");
    sha256(text.as_bytes())[..32].to_owned()
}

/// The name of a segment.
pub fn segment_name(id: &str, sha256: &str) -> String {
    format!("{SEGMENTS}/{id}-{sha256}.age")
}

/// The id in the name of a segment.
pub fn segment_id_of(name: &str) -> Option<&str> {
    let (id, _) = file_of(name, SEGMENTS)?.split_once('-')?;
    Some(id)
}

/// The SHA-256 in the name of any encrypted object.
pub fn sha256_of(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".age")?;
    let (_, sha256) = stem.rsplit_once('-')?;
    (sha256.len() == 64).then_some(sha256)
}

fn file_of<'n>(name: &'n str, folder: &str) -> Option<&'n str> {
    name.strip_prefix(folder)?.strip_prefix('/')
}

/// The number of a writer's object.
pub fn writer_of(name: &str) -> Option<u64> {
    file_of(name, WRITERS)?.strip_suffix(".json")?.parse().ok()
}

/// The name of a writer's object.
pub fn writer_name(number: u64) -> String {
    format!("{WRITERS}/{number:08}.json")
}

/// The name of a drill's result.
pub fn drill_name(time: Stamp) -> String {
    format!("{DRILLS}/{time}.json")
}

/// When the drill of a result began.
pub fn drill_of(name: &str) -> Option<Stamp> {
    file_of(name, DRILLS)?.strip_suffix(".json")?.parse().ok()
}

/// An uninterrupted run of parts of the log, by one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChainId {
    /// Who writes.
    pub writer: u64,
    /// The writer's which.
    pub number: u64,
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{:06}", self.writer, self.number)
    }
}

impl FromStr for ChainId {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let (writer, number) = text.split_once('-').ok_or(NotOurs)?;
        Ok(Self {
            writer: writer.parse().map_err(|_| NotOurs)?,
            number: number.parse().map_err(|_| NotOurs)?,
        })
    }
}

/// The folder of a chain.
pub fn chain_folder(chain: ChainId) -> String {
    format!("{LOG}/{chain}")
}

/// What the name of a part of the log says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartName {
    /// Of which chain.
    pub chain: ChainId,
    /// Its place there, from 0.
    pub sequence: u64,
    /// What was acknowledged before is in it and those before it.
    pub time: Stamp,
    /// Of the object.
    pub sha256: String,
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chain,
            sequence,
            time,
            sha256,
        } = self;
        write!(f, "{LOG}/{chain}/{sequence:010}-{time}-{sha256}.age")
    }
}

impl FromStr for PartName {
    type Err = NotOurs;

    fn from_str(name: &str) -> Result<Self, NotOurs> {
        let (chain, file) = file_of(name, LOG)
            .and_then(|it| it.split_once('/'))
            .ok_or(NotOurs)?;
        let (stem, sha256) = file
            .strip_suffix(".age")
            .and_then(|it| it.rsplit_once('-'))
            .ok_or(NotOurs)?;
        let (sequence, time) = stem.split_once('-').ok_or(NotOurs)?;
        Ok(Self {
            chain: chain.parse()?,
            sequence: sequence.parse().map_err(|_| NotOurs)?,
            time: time.parse()?,
            sha256: sha256.to_owned(),
        })
    }
}

/// What the name of a snapshot says. Sorts by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// When it was taken.
    pub time: Stamp,
    /// By whom.
    pub writer: u64,
    /// The writer's which.
    pub number: u64,
    /// Of the object.
    pub sha256: String,
}

impl SnapshotName {
    /// In which order snapshots were taken: their times do not tell, where a clock was set back.
    pub fn order(&self) -> (u64, u64) {
        (self.writer, self.number)
    }

    /// The name of the list of the objects that it needs.
    pub fn references(&self) -> String {
        format!("{}.json", self.to_string().trim_end_matches(".age"))
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            writer,
            number,
            sha256,
        } = self;
        write!(f, "{SNAPSHOTS}/{time}-{writer:08}-{number:08}-{sha256}.age")
    }
}

impl FromStr for SnapshotName {
    type Err = NotOurs;

    fn from_str(name: &str) -> Result<Self, NotOurs> {
        let stem = file_of(name, SNAPSHOTS)
            .and_then(|it| it.strip_suffix(".age"))
            .ok_or(NotOurs)?;
        let mut parts = stem.splitn(4, '-');
        let mut next = || parts.next().ok_or(NotOurs);
        Ok(Self {
            time: next()?.parse()?,
            writer: next()?.parse().map_err(|_| NotOurs)?,
            number: next()?.parse().map_err(|_| NotOurs)?,
            sha256: next()?.to_owned(),
        })
    }
}

/// Content of [`PLATFORM`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Of this layout.
    pub version: u32,
    /// By what the server is known.
    pub platform: String,
}

/// Content of a writer's object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Random, kept by the host: the same one goes on after a restart.
    pub holder: String,
    /// For people.
    pub host: String,
    /// RFC 3339, by the host's clock.
    pub since: String,
}

/// What a snapshot needs, for those who hold no key: what may be removed is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct References {
    /// The chain that goes on from the snapshot.
    pub chain: ChainId,
    /// The first part of the chain that it needs.
    pub first_part: u64,
    /// Names of the segments.
    pub segments: Vec<String>,
}

/// What the server consisted of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The server's list.
    pub server: watchpost_client::archive::ServerSnapshot,
    /// The chain that goes on from it.
    pub chain: ChainId,
    /// The first part of the chain that it needs.
    pub first_part: u64,
    /// The objects of the segments, in their order.
    pub objects: Vec<String>,
}

/// A piece of one log file in a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The number of the log file.
    pub file: u64,
    /// Where the piece begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// The head of the file then, base64.
    pub head: String,
}

/// What a part of the log begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHead {
    /// Its chain.
    pub chain: ChainId,
    /// Its place there.
    pub sequence: u64,
    /// The server's clock, nanoseconds since 1970.
    pub time: i64,
    /// The SHA-256 of the part before; empty in the first.
    pub previous: String,
    /// Whether everything acknowledged at `time` is in it and those before it.
    pub is_whole: bool,
    /// Bytes of the management state that it begins with; 0: as before.
    pub management: u64,
    /// The pieces, in their order.
    pub pieces: Vec<Piece>,
}
