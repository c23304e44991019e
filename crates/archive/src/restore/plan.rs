//! Choosing what is restored: the newest snapshot at or before a moment, and the parts of the log after it.

use std::collections::BTreeMap;

use watchpost_client::archive::Segment;

use super::log::{Log, read_log};
use crate::envelope::{Identities, Title};
use crate::error::{Error, Result};
use crate::layout::{
    ChainId, LOG, Manifest, PLATFORM, PartName, SNAPSHOTS, SnapshotName, Stamp, chain_folder,
};
use crate::ship::fence::read_platform;
use crate::vault::Vault;

/// What is restored.
#[derive(Debug)]
pub struct Plan {
    /// Of which platform.
    pub platform: String,
    /// The snapshot.
    pub snapshot: SnapshotName,
    /// What it says.
    pub manifest: Manifest,
    /// What was acknowledged after it.
    pub log: Log,
    /// Everything that was acknowledged before is in it.
    pub moment: Stamp,
}

/// What can be restored: a snapshot, and the moments after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moments {
    /// The snapshot.
    pub snapshot: Stamp,
    /// The last part of the log that follows it without a gap, if its chain goes on.
    pub until: Stamp,
}

impl Plan {
    /// The title of an object.
    pub fn title(&self, kind: &str, name: &str) -> Title {
        title(&self.platform, kind, name)
    }

    /// The segments with their objects, those of one bucket if it is named.
    pub fn segments<'p>(
        &'p self,
        bucket: Option<&'p str>,
    ) -> impl Iterator<Item = (&'p Segment, &'p str)> {
        let objects = self.manifest.objects.iter().map(String::as_str);
        let segments = self.manifest.server.segments.iter().zip(objects);
        segments.filter(move |(segment, _)| bucket.is_none_or(|bucket| segment.bucket == bucket))
    }

    /// Bytes that a restore writes, about.
    pub fn bytes(&self, bucket: Option<&str>) -> u64 {
        let segments: u64 = self
            .segments(bucket)
            .map(|(segment, _)| segment.bytes)
            .sum();
        segments + self.log.bytes
    }
}

fn title(platform: &str, kind: &str, name: &str) -> Title {
    Title {
        platform: platform.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The snapshots of a store, in the order they were taken.
///
/// # Errors
/// The store does not answer.
pub async fn snapshots(vault: &Vault) -> Result<Vec<SnapshotName>> {
    let listed = vault.list(SNAPSHOTS).await?;
    let names = listed.iter().filter_map(|(name, _)| name.parse().ok());
    let mut names: Vec<SnapshotName> = names.collect();
    names.sort_by_key(SnapshotName::order);
    Ok(names)
}

/// What can be restored, oldest first: from the names alone, so that it needs no key.
///
/// # Errors
/// The store does not answer.
pub async fn moments(vault: &Vault) -> Result<Vec<Moments>> {
    let mut chains: BTreeMap<ChainId, BTreeMap<u64, Stamp>> = BTreeMap::new();
    for (name, _) in vault.list(LOG).await? {
        if let Ok(part) = name.parse::<PartName>() {
            let chain = chains.entry(part.chain).or_default();
            chain.insert(part.sequence, part.time);
        }
    }
    let all = crate::ship::snapshot::references(vault).await?;
    let found = all.into_iter().map(|(name, references)| {
        let chain = chains.get(&references.chain);
        let parts = chain
            .into_iter()
            .flat_map(|it| it.range(references.first_part..));
        let mut next = references.first_part;
        let following = parts.take_while(|(sequence, _)| {
            next += 1;
            **sequence + 1 == next
        });
        let until = following.map(|(_, time)| *time).last();
        Moments {
            snapshot: name.time,
            until: until.map_or(name.time, |until| until.max(name.time)),
        }
    });
    Ok(found.collect())
}

/// Plans a restore to a moment; to the newest without one.
///
/// # Errors
/// Nothing is as old, no key opens it, or something of it is damaged: then the message says what can be had.
pub async fn plan(
    vault: &Vault,
    identities: &Identities,
    at: Option<Stamp>,
    without_damaged: bool,
) -> Result<Plan> {
    let content = vault.get(PLATFORM).await?.ok_or_else(|| {
        Error::Nothing(format!(
            "{} holds no copies of a Watchpost server",
            vault.name()
        ))
    })?;
    let platform = read_platform(&content)?.platform;
    let all = snapshots(vault).await?;
    let Some(oldest) = all.first() else {
        return Err(Error::Nothing(format!(
            "{} holds no whole copy yet: the first one was never finished",
            vault.name()
        )));
    };
    let mut candidates: Vec<&SnapshotName> = all
        .iter()
        .filter(|name| at.is_none_or(|at| name.time <= at))
        .collect();
    let Some(newest) = candidates.pop() else {
        return Err(Error::Nothing(format!(
            "the oldest copy in {} is of {}; name a later moment (--at)",
            vault.name(),
            oldest.time.rfc3339()
        )));
    };
    let (snapshot, manifest) = match read_snapshot(vault, identities, &platform, newest).await {
        Ok(manifest) => (newest.clone(), manifest),
        Err(Error::Damaged { object, reason }) => {
            let earlier = candidates.last().map(|name| name.time.rfc3339());
            let advice = earlier.map_or_else(
                || "there is no earlier one".to_owned(),
                |time| format!("the one before it can be had: --at {time}"),
            );
            return Err(Error::damaged(object, format!("{reason}; {advice}")));
        }
        Err(error) => return Err(error),
    };
    let parts = parts(vault, manifest.chain, manifest.first_part).await?;
    let parts = parts
        .into_iter()
        .take_while(|part| at.is_none_or(|at| part.time <= at));
    let parts: Vec<PartName> = parts.collect();
    let log = read_log(
        vault,
        identities,
        &platform,
        &manifest,
        &parts,
        without_damaged,
    )
    .await?;
    let moment = log
        .time
        .map_or(snapshot.time, |time| time.max(snapshot.time));
    Ok(Plan {
        platform,
        snapshot,
        manifest,
        log,
        moment,
    })
}

async fn read_snapshot(
    vault: &Vault,
    identities: &Identities,
    platform: &str,
    name: &SnapshotName,
) -> Result<Manifest> {
    let object = name.to_string();
    let sealed = vault.get_checked(&object).await?;
    let title = title(platform, "snapshot", &name.time.to_string());
    let packed = identities.open_bytes(&object, &title, &sealed)?;
    let plain = zstd::decode_all(packed.as_slice())
        .map_err(|error| Error::damaged(&object, error.to_string()))?;
    let manifest: Manifest = serde_json::from_slice(&plain)
        .map_err(|error| Error::damaged(&object, error.to_string()))?;
    match manifest.objects.len() == manifest.server.segments.len() {
        true => Ok(manifest),
        false => Err(Error::damaged(
            &object,
            "it names other objects than segments",
        )),
    }
}

/// The parts of a chain from one on, as far as none is missing.
async fn parts(vault: &Vault, chain: ChainId, first: u64) -> Result<Vec<PartName>> {
    let listed = vault.list(&chain_folder(chain)).await?;
    let names = listed.iter().filter_map(|(name, _)| name.parse().ok());
    let mut names: Vec<PartName> = names
        .filter(|part: &PartName| part.sequence >= first)
        .collect();
    names.sort();
    Ok(names)
}
