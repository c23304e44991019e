//! Putting a server together again: a snapshot, and the log that was shipped after it up to a moment, as the stream that
//! `watchpost-engine restore` reads. Only the engine writes its own folder, so a restore that is interrupted at any moment
//! has restored nothing.

pub mod log;
pub mod plan;
pub mod stream;

use std::collections::BTreeSet;
use std::io::{Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchpost_client::archive::Segment;

pub use self::plan::{Plan, plan};
use self::stream::Backup;
use crate::envelope::{Identities, Title};
use crate::error::{Error, Result};
use crate::layout::segment_id;
use crate::vault::Vault;

/// The document in which a backup holds the management state.
const MANAGEMENT: &str = "documents/meta-journal";

/// What is restored, beside when.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only this bucket's points (its id).
    pub bucket: Option<String>,
    /// Leave out what is damaged.
    pub without_damaged: bool,
}

/// What was restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Bytes of the files.
    pub bytes: u64,
    /// Segments.
    pub segments: usize,
    /// Parts of the log.
    pub parts: usize,
    /// What was left out, because it is damaged.
    pub left_out: Vec<String>,
}

/// Writes a planned copy as a backup's stream. `progress` hears of the bytes that were written.
///
/// # Errors
/// A part of it is damaged (unless it is to be left out), the store does not answer, or the target takes no more.
pub async fn write(
    vault: &Vault,
    identities: &Identities,
    plan: &Plan,
    options: &Options,
    target: &mut (dyn Write + Send),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Restored> {
    let mut restored = Restored {
        parts: plan.log.parts,
        ..Restored::default()
    };
    let mut backup = Backup::begin(target)?;
    for (segment, object) in plan.segments(options.bucket.as_deref()) {
        let title = plan.title("segment", &segment_id(&plan.platform, segment));
        match fetch(vault, identities, &title, segment, object).await {
            Ok(mut file) => {
                backup.file(&segment.name, segment.bytes, &mut file)?;
                restored.segments += 1;
                restored.bytes += segment.bytes;
                progress(restored.bytes);
            }
            Err(Error::Damaged { object, reason }) if options.without_damaged => {
                restored
                    .left_out
                    .push(format!("{} ({object}: {reason})", segment.name));
            }
            Err(Error::Damaged { object, reason }) => {
                return Err(Error::damaged(
                    object,
                    format!(
                        "{reason}. It is {} of bucket {}; an earlier copy may have it whole (--at), and \
                         --without-damaged restores the rest",
                        segment.name, segment.bucket
                    ),
                ));
            }
            Err(error) => return Err(error),
        }
    }
    for document in &plan.manifest.server.documents {
        if !document.name.starts_with(MANAGEMENT) {
            let content = decode(&document.content)?;
            backup.bytes(&document.name, &content)?;
        }
    }
    let mut management = plan.log.management.clone();
    management.extend(crc32fast::hash(&management).to_le_bytes());
    backup.bytes(MANAGEMENT, &management)?;
    for (number, head, spool) in &plan.log.files {
        let mut file = spool
            .reopen()
            .map_err(|error| Error::file(spool.path(), error))?;
        let length = file
            .seek(SeekFrom::End(0))
            .and_then(|end| file.rewind().map(|()| end));
        let length = length.map_err(|error| Error::file(spool.path(), error))?;
        let whole = head.len() as u64 + length;
        let mut content = head.as_slice().chain(file);
        backup.file(&format!("log/{number:012}.wal"), whole, &mut content)?;
        restored.bytes += whole;
        progress(restored.bytes);
    }
    // Last: a folder without it is not whole.
    backup.bytes("LAYOUT", &decode(&plan.manifest.server.layout)?)?;
    backup.end()?;
    Ok(restored)
}

/// A segment, decrypted into a file that goes with its handle.
async fn fetch(
    vault: &Vault,
    identities: &Identities,
    title: &Title,
    segment: &Segment,
    object: &str,
) -> Result<std::fs::File> {
    let spool = |error| Error::file(Path::new("the folder for temporary files"), error);
    let mut sealed = tempfile::tempfile().map_err(spool)?;
    vault.fetch_checked(object, &mut sealed).await?;
    sealed.rewind().map_err(spool)?;
    let mut plain = tempfile::tempfile().map_err(spool)?;
    let mut opened = identities.open(object, title, sealed)?;
    let bytes = std::io::copy(&mut opened, &mut plain)
        .map_err(|error| Error::damaged(object, error.to_string()))?;
    if bytes != segment.bytes {
        let reason = format!("it holds {bytes} bytes instead of {}", segment.bytes);
        return Err(Error::damaged(object, reason));
    }
    plain.rewind().map_err(spool)?;
    Ok(plain)
}

fn decode(text: &str) -> Result<Vec<u8>> {
    STANDARD
        .decode(text)
        .map_err(|_| Error::damaged("a snapshot", "a part of it is no base64"))
}

/// Checks every object of a store against the SHA-256 in its name, which needs no key; gives those that are damaged, and
/// those that a snapshot needs and that are missing.
///
/// # Errors
/// The store does not answer.
pub async fn check(vault: &Vault, progress: &(dyn Fn(u64) + Sync)) -> Result<Vec<String>> {
    let mut damaged = Vec::new();
    let mut there = BTreeSet::new();
    let mut bytes = 0;
    for (name, size) in vault.list("").await? {
        if crate::layout::sha256_of(&name).is_none() {
            continue;
        }
        match vault.fetch_checked(&name, &mut std::io::sink()).await {
            Ok(_) => {}
            Err(Error::Damaged { object, reason }) => damaged.push(format!("{object}: {reason}")),
            Err(error) => return Err(error),
        }
        bytes += size;
        progress(bytes);
        there.insert(name);
    }
    for (snapshot, references) in crate::ship::snapshot::references(vault).await? {
        let missing = references
            .segments
            .iter()
            .filter(|name| !there.contains(*name));
        damaged
            .extend(missing.map(|name| format!("{name}: it is missing, and {snapshot} needs it")));
    }
    Ok(damaged)
}
