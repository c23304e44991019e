//! The log files that a copy ends with, put together of parts: each is the one that was shipped after the one before, or
//! the restore is refused.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::NamedTempFile;

use crate::envelope::{Identities, Title};
use crate::error::{Error, Result};
use crate::layout::{Manifest, PartHead, PartName, Stamp};
use crate::ship::chain::LOG_HEAD;
use crate::vault::Vault;

/// Log files up to a moment.
#[derive(Debug, Default)]
pub struct Log {
    /// Number, head and records of each, in their order.
    pub files: Vec<(u64, Vec<u8>, NamedTempFile)>,
    /// The management state then.
    pub management: Vec<u8>,
    /// Of the last part.
    pub time: Option<Stamp>,
    /// How many parts there are.
    pub parts: usize,
    /// Bytes of the files.
    pub bytes: u64,
}

/// A part, decrypted.
struct Part {
    head: PartHead,
    content: Vec<u8>,
}

/// The log files as far as they were put together.
struct Files<'m> {
    manifest: &'m Manifest,
    files: BTreeMap<u64, (Vec<u8>, NamedTempFile, u64)>,
    management: Vec<u8>,
}

/// Reads parts, which have to follow each other. Those after the last that is whole are left out: of them not everything
/// is there that was acknowledged then.
///
/// # Errors
/// One is damaged or missing; the message says up to when all is there.
pub async fn read_log(
    vault: &Vault,
    identities: &Identities,
    platform: &str,
    manifest: &Manifest,
    parts: &[PartName],
    without_damaged: bool,
) -> Result<Log> {
    let management = STANDARD.decode(&manifest.server.management);
    let management = management
        .map_err(|_| Error::damaged("a snapshot", "its management state is no base64"))?;
    let mut files = Files {
        manifest,
        files: BTreeMap::new(),
        management,
    };
    let mut log = Log::default();
    let mut waiting = Vec::new();
    let mut previous: Option<&PartName> = None;
    for part in parts {
        let read = match follows(manifest, previous, part) {
            Ok(()) => read_part(vault, identities, platform, part, previous).await,
            Err(error) => Err(error),
        };
        let read = match read {
            Ok(read) => read,
            Err(Error::Damaged { .. }) if without_damaged => break,
            Err(Error::Damaged { object, reason }) => {
                let until = log
                    .time
                    .unwrap_or(Stamp::of_nanoseconds(manifest.server.time));
                return Err(Error::damaged(
                    object,
                    format!(
                        "{reason}; everything up to {0} can be had: --at {0}",
                        until.rfc3339()
                    ),
                ));
            }
            Err(error) => return Err(error),
        };
        let is_whole = read.head.is_whole;
        waiting.push(read);
        if is_whole {
            log.parts += waiting.len();
            for part in waiting.drain(..) {
                files.add(part)?;
            }
            log.time = Some(part.time);
        }
        previous = Some(part);
    }
    log.management = files.management;
    for (number, (head, file, end)) in files.files {
        log.bytes += end;
        log.files.push((number, head, file));
    }
    Ok(log)
}

/// Fails unless a part is the one after another.
fn follows(manifest: &Manifest, previous: Option<&PartName>, part: &PartName) -> Result<()> {
    let expected = previous.map_or(manifest.first_part, |previous| previous.sequence + 1);
    match part.sequence == expected {
        true => Ok(()),
        false => Err(Error::damaged(
            part.to_string(),
            format!("part {expected} before it is missing"),
        )),
    }
}

async fn read_part(
    vault: &Vault,
    identities: &Identities,
    platform: &str,
    name: &PartName,
    previous: Option<&PartName>,
) -> Result<Part> {
    let object = name.to_string();
    let sealed = vault.get_checked(&object).await?;
    let title = Title {
        platform: platform.to_owned(),
        kind: "log".to_owned(),
        name: format!("{}/{}", name.chain, name.sequence),
    };
    let plain = identities.open_bytes(&object, &title, &sealed)?;
    let end = plain.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or_else(|| Error::damaged(&object, "it has no head"))?;
    let head: PartHead = serde_json::from_slice(&plain[..end])
        .map_err(|error| Error::damaged(&object, error.to_string()))?;
    if let Some(previous) = previous
        && head.previous != previous.sha256
    {
        return Err(Error::damaged(
            &object,
            "it was shipped after another part than the one before it",
        ));
    }
    let content = zstd::decode_all(&plain[end + 1..])
        .map_err(|error| Error::damaged(&object, error.to_string()))?;
    let pieces: u64 = head.pieces.iter().map(|piece| piece.bytes).sum();
    match head.management.checked_add(pieces) == Some(content.len() as u64) {
        true => Ok(Part { head, content }),
        false => Err(Error::damaged(
            &object,
            "it is longer or shorter than its head says",
        )),
    }
}

impl Files<'_> {
    /// Adds the pieces of a part. What lies before the snapshot is in its segments.
    fn add(&mut self, part: Part) -> Result<()> {
        let (management, mut rest) = part.content.split_at(part.head.management as usize);
        if !management.is_empty() {
            self.management = management.to_vec();
        }
        for piece in part.head.pieces {
            let (bytes, after) = rest.split_at(piece.bytes as usize);
            rest = after;
            if piece.file < self.manifest.server.log.file {
                continue;
            }
            let head = STANDARD.decode(&piece.head).unwrap_or_default();
            self.append(piece.file, piece.offset, head, bytes)?;
        }
        Ok(())
    }

    fn append(&mut self, number: u64, offset: u64, head: Vec<u8>, bytes: &[u8]) -> Result<()> {
        let failed = |error| Error::file(Path::new("the folder for temporary files"), error);
        let (newest, file, end) = match self.files.entry(number) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(none) => {
                let file = NamedTempFile::new().map_err(failed)?;
                none.insert((Vec::new(), file, LOG_HEAD))
            }
        };
        if offset != *end {
            let reason = format!("the log goes on at {offset} instead of {end}");
            return Err(Error::damaged(format!("log file {number}"), reason));
        }
        file.write_all(bytes).map_err(failed)?;
        *end += bytes.len() as u64;
        *newest = head;
        Ok(())
    }
}
