//! A chain: the log in parts, each with the SHA-256 of the one before, so that none can be left out or swapped.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use watchpost_client::archive::LogPlace;

use super::{Shipper, Source};
use crate::error::{Error, Result};
use crate::layout::{ChainId, PartHead, PartName, Piece, Stamp, sha256};

/// Bytes of the log in one part: what is held in memory, and sent at once after an outage.
const PART_BYTES: usize = 16 << 20;

/// Where the records of a log file begin (see the storage's FORMAT.md).
pub const LOG_HEAD: u64 = 72;

/// zstd's level: at 3 twice as small as lz4, faster than any network that a copy goes over.
pub const COMPRESSION: i32 = 3;

/// A chain as far as it was shipped.
#[derive(Debug)]
pub struct Chain {
    /// Which.
    pub id: ChainId,
    place: LogPlace,
    sequence: u64,
    previous: String,
    management: Option<u32>,
    /// In which part a log file begins.
    begun: BTreeMap<u64, u64>,
    pending: Option<Pending>,
}

/// A part that is on its way.
#[derive(Debug)]
struct Pending {
    name: PartName,
    sealed: Bytes,
    place: LogPlace,
    management: u32,
    shipped: Part,
}

/// A part that was shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What was acknowledged before, by the server's clock (nanoseconds since 1970), is in it and those before it, if it
    /// is whole.
    pub time: i64,
    /// Whether nothing was left out for the next one.
    pub is_whole: bool,
    /// Bytes of the log.
    pub read: u64,
    /// Bytes of the object.
    pub sent: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing was acknowledged since the last one, at this time of the server.
    Nothing(i64),
    /// A part is in the store, and was read back.
    Shipped(Part),
    /// The server sealed the log away before it was read: a new chain has to begin.
    Lost,
}

/// The log since the last part.
struct Gathered {
    time: i64,
    is_whole: bool,
    place: LogPlace,
    pieces: Vec<(Piece, Bytes)>,
    management: Option<Vec<u8>>,
    management_check: u32,
}

impl Chain {
    /// A chain that begins at a place.
    pub fn begin(id: ChainId, place: LogPlace) -> Self {
        Self {
            id,
            place,
            sequence: 0,
            previous: String::new(),
            management: None,
            begun: BTreeMap::new(),
            pending: None,
        }
    }

    /// The place of the next part.
    pub fn next_sequence(&self) -> u64 {
        self.sequence
    }

    /// The first part that a snapshot needs, which was asked for when `next` was the next one.
    pub fn first_part(&self, snapshot: LogPlace, next: u64) -> u64 {
        self.begun
            .get(&snapshot.file)
            .map_or(next, |begun| next.min(*begun))
    }

    /// Ships what was acknowledged since the last step; nothing of an idle server unless `beat` asks for a sign of life.
    ///
    /// # Errors
    /// The server or the store is in the way; the next step goes on from there. Or another writer came.
    pub async fn step<S: Source>(&mut self, shipper: &Shipper<S>, beat: bool) -> Result<Step> {
        if self.pending.is_none() {
            let Some(gathered) = self.gather(shipper).await? else {
                return Ok(Step::Lost);
            };
            let is_idle = gathered.pieces.is_empty() && gathered.management.is_none();
            if is_idle && !beat {
                self.place = gathered.place;
                return Ok(Step::Nothing(gathered.time));
            }
            self.pending = Some(self.seal(shipper, gathered)?);
        }
        let Some(pending) = &self.pending else {
            return Err(Error::Refused("no part".to_owned()));
        };
        shipper.claim.check(&shipper.vault).await?;
        let name = pending.name.to_string();
        shipper
            .vault
            .put_checked(&name, pending.sealed.clone())
            .await?;
        let shipped = pending.shipped;
        if let Some(pending) = self.pending.take() {
            self.sequence += 1;
            self.previous = pending.name.sha256;
            self.place = pending.place;
            self.management = Some(pending.management);
        }
        Ok(Step::Shipped(shipped))
    }

    async fn gather<S: Source>(&mut self, shipper: &Shipper<S>) -> Result<Option<Gathered>> {
        let mut place = self.place;
        let mut pieces = Vec::new();
        let mut management = None;
        let mut check = self.management;
        let mut bytes = 0;
        loop {
            let Some((head, content)) = shipper.source.log(place, check).await? else {
                return Ok(None);
            };
            shipper.check_platform(&head.platform)?;
            if let Some(content) = head.management {
                let decoded = STANDARD.decode(content);
                management = Some(decoded.map_err(|_| bad_answer("the management state"))?);
            }
            check = Some(head.management_check);
            if !content.is_empty() {
                if head.offset == LOG_HEAD {
                    self.begun.entry(head.file).or_insert(self.sequence);
                }
                bytes += content.len();
                let piece = Piece {
                    file: head.file,
                    offset: head.offset,
                    bytes: content.len() as u64,
                    head: head.head,
                };
                pieces.push((piece, content));
            }
            // A file that has ended is followed by the next one, which may be empty still.
            let is_at_end = head.is_whole && head.next.file == head.file;
            place = head.next;
            if is_at_end || bytes >= PART_BYTES {
                return Ok(Some(Gathered {
                    time: head.time,
                    is_whole: is_at_end,
                    place,
                    pieces,
                    management,
                    management_check: head.management_check,
                }));
            }
        }
    }

    fn seal<S: Source>(&self, shipper: &Shipper<S>, gathered: Gathered) -> Result<Pending> {
        let management = gathered.management.unwrap_or_default();
        let read: u64 = gathered.pieces.iter().map(|(piece, _)| piece.bytes).sum();
        let mut content = Vec::with_capacity(management.len() + read as usize);
        let head = PartHead {
            chain: self.id,
            sequence: self.sequence,
            time: gathered.time,
            previous: self.previous.clone(),
            is_whole: gathered.is_whole,
            management: management.len() as u64,
            pieces: gathered
                .pieces
                .iter()
                .map(|(piece, _)| piece.clone())
                .collect(),
        };
        content.extend(management);
        for (_, bytes) in &gathered.pieces {
            content.extend_from_slice(bytes);
        }
        let mut plain =
            serde_json::to_vec(&head).map_err(|error| Error::Refused(error.to_string()))?;
        plain.push(b'\n');
        let packed = zstd::encode_all(content.as_slice(), COMPRESSION);
        plain.extend(packed.map_err(|error| Error::Refused(error.to_string()))?);
        let title = shipper.title("log", format!("{}/{}", self.id, self.sequence));
        let sealed = shipper.recipients.seal_bytes(&title, &plain);
        let sealed = Bytes::from(sealed.map_err(|error| Error::Refused(error.to_string()))?);
        let shipped = Part {
            time: gathered.time,
            is_whole: gathered.is_whole,
            read,
            sent: sealed.len() as u64,
        };
        Ok(Pending {
            name: PartName {
                chain: self.id,
                sequence: self.sequence,
                time: Stamp::of_nanoseconds(gathered.time),
                sha256: sha256(&sealed),
            },
            sealed,
            place: gathered.place,
            management: gathered.management_check,
            shipped,
        })
    }
}

fn bad_answer(what: &str) -> Error {
    Error::Server(watchpost_client::Error::Answer(format!(
        "{what} is no base64"
    )))
}
