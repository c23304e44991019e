//! A snapshot: the segments that are not in the store yet, then the list that names all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use ring::digest;
use watchpost_client::archive::{Segment, ServerSnapshot};

use super::chain::COMPRESSION;
use super::{Shipper, Source};
use crate::error::{Error, Result};
use crate::layout::{
    ChainId, Manifest, References, SEGMENTS, SNAPSHOTS, SnapshotName, Stamp, hexadecimal,
    segment_id, segment_id_of, segment_name, sha256,
};
use crate::vault::{Put, Vault};

/// The segments in the store that are known to be whole, by id.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<String, String>);

impl Known {
    /// Looks through the store. What a snapshot refers to was read back before; anything else was perhaps not, so it is
    /// read now. So an upload that was broken off goes on where it was.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn read(vault: &Vault) -> Result<Self> {
        let mut referred = BTreeSet::new();
        for (_, references) in references(vault).await? {
            referred.extend(references.segments);
        }
        let mut known = BTreeMap::new();
        for (name, _) in vault.list(SEGMENTS).await? {
            let Some(id) = segment_id_of(&name) else {
                continue;
            };
            let is_whole = referred.contains(&name)
                || match vault.fetch_checked(&name, &mut std::io::sink()).await {
                    Ok(_) => true,
                    Err(Error::Damaged { .. }) => false,
                    Err(error) => return Err(error),
                };
            if is_whole {
                known.insert(id.to_owned(), name);
            }
        }
        Ok(Self(known))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was removed.
    pub fn retain(&mut self, names: &BTreeSet<String>) {
        self.0.retain(|_, name| names.contains(name));
    }
}

/// The snapshots of a store and what each needs, in the order they were taken.
///
/// # Errors
/// The store does not answer.
pub async fn references(vault: &Vault) -> Result<Vec<(SnapshotName, References)>> {
    let mut found = Vec::new();
    for (name, _) in vault.list(SNAPSHOTS).await? {
        let Ok(snapshot) = name.parse::<SnapshotName>() else {
            continue;
        };
        let name = snapshot.references();
        let content = vault.get(&name).await?;
        let content = content.ok_or_else(|| Error::damaged(&name, "it is missing"))?;
        let references = serde_json::from_slice(&content)
            .map_err(|error| Error::damaged(&name, error.to_string()))?;
        found.push((snapshot, references));
    }
    found.sort_by_key(|(name, _)| name.order());
    Ok(found)
}

/// What became of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It can be restored.
    Published {
        /// It.
        name: SnapshotName,
        /// Bytes of segments that were sent for it.
        sent: u64,
    },
    /// A segment was merged away meanwhile: a new list is needed. What was sent is not sent again.
    Stale,
}

impl<S: Source> Shipper<S> {
    /// Sends what a list names and the store lacks, then the list.
    ///
    /// # Errors
    /// The server or the store is in the way, or another writer came.
    pub async fn publish(
        &self,
        server: &ServerSnapshot,
        chain: ChainId,
        first_part: u64,
        known: &mut Known,
    ) -> Result<Taken> {
        self.check_platform(&server.platform)?;
        let mut sent = 0;
        let mut objects = Vec::with_capacity(server.segments.len());
        for segment in &server.segments {
            let id = segment_id(&self.platform, segment);
            let name = match known.0.get(&id) {
                Some(name) => name.clone(),
                None => {
                    self.claim.check(&self.vault).await?;
                    let Some((name, bytes)) = self.send_segment(segment, &id).await? else {
                        return Ok(Taken::Stale);
                    };
                    known.0.insert(id, name.clone());
                    sent += bytes;
                    name
                }
            };
            objects.push(name);
        }
        let manifest = Manifest {
            server: server.clone(),
            chain,
            first_part,
            objects,
        };
        let name = self.publish_list(&manifest).await?;
        Ok(Taken::Published { name, sent })
    }

    /// Encrypts a segment into the spool and sends it; its name and size. `None` if the server has it no more.
    async fn send_segment(&self, segment: &Segment, id: &str) -> Result<Option<(String, u64)>> {
        let spool = |error| Error::file(&self.spool, error);
        let file = tempfile::NamedTempFile::new_in(&self.spool).map_err(spool)?;
        let target = Hashing {
            target: file.as_file(),
            hash: digest::Context::new(&digest::SHA256),
        };
        let title = self.title("segment", id);
        let mut stream = self.recipients.begin(&title, target).map_err(spool)?;
        let mut from = 0;
        while from < segment.bytes {
            let Some(piece) = self.source.segment(segment, from).await? else {
                return Ok(None);
            };
            if piece.is_empty() {
                return Ok(None);
            }
            from += piece.len() as u64;
            stream.write_all(&piece).map_err(spool)?;
        }
        let target = stream.finish().map_err(spool)?;
        let name = segment_name(id, &hexadecimal(target.hash.finish().as_ref()));
        let bytes = self.vault.put_file(&name, Path::new(file.path())).await?;
        Ok(Some((name, bytes)))
    }

    async fn publish_list(&self, manifest: &Manifest) -> Result<SnapshotName> {
        let refused = |error: &dyn std::fmt::Display| Error::Refused(error.to_string());
        let time = Stamp::of_nanoseconds(manifest.server.time);
        let plain = serde_json::to_vec(manifest).map_err(|error| refused(&error))?;
        let packed =
            zstd::encode_all(plain.as_slice(), COMPRESSION).map_err(|error| refused(&error))?;
        let title = self.title("snapshot", time);
        let sealed = self.recipients.seal_bytes(&title, &packed);
        let sealed = Bytes::from(sealed.map_err(|error| refused(&error))?);
        let name = SnapshotName {
            time,
            writer: manifest.chain.writer,
            number: self.snapshots.fetch_add(1, Ordering::Relaxed),
            sha256: sha256(&sealed),
        };
        let references = References {
            chain: manifest.chain,
            first_part: manifest.first_part,
            segments: manifest.objects.clone(),
        };
        let references = serde_json::to_vec(&references).map_err(|error| refused(&error))?;
        self.claim.check(&self.vault).await?;
        // Before the snapshot: one without its references could not be told from one that needs nothing.
        if let Put::Taken(_) = self.vault.put_new(&name.references(), references).await? {
            return Err(Error::damaged(name.references(), "it is there already"));
        }
        self.vault.put_checked(&name.to_string(), sealed).await?;
        Ok(name)
    }
}

/// Hashes what goes through.
struct Hashing<W> {
    target: W,
    hash: digest::Context,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.target.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.target.flush()
    }
}
