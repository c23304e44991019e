//! The folder that `influx backup` writes: a manifest, and for each shard a compressed archive of its TSM files.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};

/// Largest manifest read: a shard takes some 300 bytes.
const MANIFEST_BYTES: u64 = 256 << 20;

/// Largest TSM file: InfluxDB ends one at 2 GiB.
const TSM_BYTES: u64 = (2 << 30) + (64 << 20);

/// Bytes of a header of a tar archive, and of its blocks.
const TAR_BLOCK: usize = 512;

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The buckets.
    pub buckets: Vec<Bucket>,
}

/// A bucket and its shards.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Its name.
    pub bucket_name: String,
    /// One, in InfluxDB 2.
    #[serde(default)]
    pub retention_policies: Vec<RetentionPolicy>,
}

/// How long points are kept, and the shards.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicy {
    /// Nanoseconds; 0 for ever.
    #[serde(default)]
    pub duration: i64,
    /// The groups, each of a stretch of time.
    #[serde(default)]
    pub shard_groups: Option<Vec<ShardGroup>>,
}

/// Shards of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ShardGroup {
    /// One, in InfluxDB 2.
    #[serde(default)]
    pub shards: Option<Vec<Shard>>,
}

/// A shard.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// Its number.
    pub id: i64,
    /// The archive, in the folder.
    pub file_name: String,
}

impl Bucket {
    /// How long it keeps points, seconds; 0 for ever.
    pub fn retention_seconds(&self) -> i64 {
        let first = self.retention_policies.first();
        first.map_or(0, |policy| policy.duration / 1_000_000_000)
    }

    /// Its shards.
    pub fn shards(&self) -> impl Iterator<Item = &Shard> {
        let groups = self
            .retention_policies
            .iter()
            .flat_map(|it| &it.shard_groups)
            .flatten();
        groups.flat_map(|group| &group.shards).flatten()
    }
}

/// Reads the manifest of a folder: the newest, if it holds several backups.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn manifest(folder: &Path) -> Result<Manifest> {
    let listed = watchpost_durable::list(folder)?;
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|it| it == "manifest");
    let newest = listed.into_iter().rfind(is_manifest);
    let path = newest.ok_or_else(|| {
        Error::Nothing(format!(
            "{} holds no .manifest; name the folder that `influx backup` wrote",
            folder.display()
        ))
    })?;
    let file = std::fs::File::open(&path).map_err(|error| Error::file(&path, error))?;
    serde_json::from_reader(file.take(MANIFEST_BYTES))
        .map_err(|error| Error::damaged(path.display().to_string(), error.to_string()))
}

/// Hands over each TSM file of a shard's archive, by its name; what else is in there is named, too, without its bytes.
///
/// # Errors
/// The archive is damaged: what came before was handed over.
pub fn files(
    folder: &Path,
    shard: &Shard,
    take: &mut dyn FnMut(&str, Option<Vec<u8>>),
) -> Result<()> {
    let name = Path::new(&shard.file_name);
    if name.components().count() != 1 {
        return Err(Error::damaged(
            &shard.file_name,
            "its name leads out of the folder",
        ));
    }
    let path = folder.join(name);
    let file = std::fs::File::open(&path).map_err(|error| Error::file(&path, error))?;
    let is_packed = path.extension().is_some_and(|it| it == "gz");
    let mut archive: Box<dyn Read> = match is_packed {
        true => Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::new(
            file,
        ))),
        false => Box::new(std::io::BufReader::new(file)),
    };
    let damaged = |reason: String| Error::damaged(path.display().to_string(), reason);
    loop {
        let mut header = [0; TAR_BLOCK];
        archive
            .read_exact(&mut header)
            .map_err(|error| damaged(error.to_string()))?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let (name, size) =
            entry(&header).ok_or_else(|| damaged("no file begins where one should".to_owned()))?;
        let padded = size.next_multiple_of(TAR_BLOCK as u64);
        if name.ends_with(".tsm") && size <= TSM_BYTES {
            let mut bytes = Vec::new();
            let read = archive.by_ref().take(size).read_to_end(&mut bytes);
            let is_whole = matches!(read, Ok(read) if read as u64 == size);
            take(&name, Some(bytes));
            if !is_whole {
                return Err(damaged(format!("{name} is cut off")));
            }
            skip(&mut archive, padded - size).map_err(|error| damaged(error.to_string()))?;
        } else {
            take(&name, None);
            skip(&mut archive, padded).map_err(|error| damaged(error.to_string()))?;
        }
    }
}

fn skip(archive: &mut dyn Read, bytes: u64) -> std::io::Result<()> {
    let skipped = std::io::copy(&mut archive.take(bytes), &mut std::io::sink())?;
    match skipped == bytes {
        true => Ok(()),
        false => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Name and size of a file in a tar archive (POSIX ustar), if the header is one.
fn entry(header: &[u8; TAR_BLOCK]) -> Option<(String, u64)> {
    let (before, after) = (&header[..148], &header[156..]);
    let sum: u32 = before
        .iter()
        .chain(after)
        .map(|byte| u32::from(*byte))
        .sum();
    if octal(&header[148..156])? != u64::from(sum + 8 * u32::from(b' ')) {
        return None;
    }
    let text = |bytes: &[u8]| {
        let end = bytes
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    let prefix = text(&header[345..500]);
    let name = text(&header[..100]);
    let name = if prefix.is_empty() {
        name
    } else {
        format!("{prefix}/{name}")
    };
    Some((name, octal(&header[124..136])?))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(['\0', ' ']);
    match digits.is_empty() {
        true => Some(0),
        false => u64::from_str_radix(digits, 8).ok(),
    }
}
