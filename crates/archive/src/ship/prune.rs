//! Removing what no rule keeps: snapshots first, then what only they needed. A store that forbids it (object lock, a key
//! that may only add) is as good: its own lifecycle rules remove then.

use std::collections::BTreeSet;

use super::snapshot::references;
use crate::error::{Error, Result};
use crate::layout::{LOG, PartName, SEGMENTS, Stamp};
use crate::retention::{self, Keep, Verdict};
use crate::vault::Vault;

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: usize,
    /// Segments.
    pub segments: usize,
    /// Parts of the log.
    pub parts: usize,
    /// Names of the segments that are left.
    pub left: BTreeSet<String>,
    /// Why nothing was removed, or not all.
    pub refusal: Option<String>,
}

/// Removes what the rules do not keep. No snapshot may be in the making.
///
/// # Errors
/// The store does not answer. That it forbids removal is none.
pub async fn prune(vault: &Vault, keep: &Keep) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    let all = references(vault).await?;
    let times: BTreeSet<Stamp> = all.iter().map(|(name, _)| name.time).collect();
    let segments = vault.list(SEGMENTS).await?;
    pruned.left = segments.iter().map(|(name, _)| name.clone()).collect();
    let (kept, moments_from) = match retention::judge(&times, keep) {
        None => return Ok(pruned),
        Some(Verdict::ClockJumped { newest, before }) => {
            pruned.refusal = Some(format!(
                "the newest copy is of {}, the one before it of {}: nothing is removed while a clock is wrong",
                newest.rfc3339(),
                before.rfc3339()
            ));
            return Ok(pruned);
        }
        Some(Verdict::Keep { kept, moments_from }) => (kept, moments_from),
    };
    let mut needed = BTreeSet::new();
    for (name, references) in &all {
        if kept.contains(&name.time) {
            needed.extend(references.segments.iter().cloned());
            continue;
        }
        // The snapshot first: without its list it could not be said what it needs.
        for object in [name.to_string(), name.references()] {
            if !remove(vault, &object, &mut pruned).await? {
                return Ok(pruned);
            }
        }
        pruned.snapshots += 1;
    }
    for (name, _) in segments.iter().filter(|(name, _)| !needed.contains(name)) {
        if !remove(vault, name, &mut pruned).await? {
            return Ok(pruned);
        }
        pruned.left.remove(name);
        pruned.segments += 1;
    }
    let of_then = all.iter().filter(|(name, _)| name.time >= moments_from);
    let first = of_then.map(|(_, it)| (it.chain, it.first_part)).min();
    if let Some(first) = first {
        prune_log(vault, first, &mut pruned).await?;
    }
    Ok(pruned)
}

async fn prune_log(
    vault: &Vault,
    first: (crate::layout::ChainId, u64),
    pruned: &mut Pruned,
) -> Result<()> {
    for (name, _) in vault.list(LOG).await? {
        let Ok(part) = name.parse::<PartName>() else {
            continue;
        };
        if (part.chain, part.sequence) < first {
            if !remove(vault, &name, pruned).await? {
                return Ok(());
            }
            pruned.parts += 1;
        }
    }
    Ok(())
}

/// Whether it could be removed. A refusal is remembered.
async fn remove(vault: &Vault, name: &str, pruned: &mut Pruned) -> Result<bool> {
    match vault.remove(name).await {
        Ok(()) => Ok(true),
        Err(Error::Store { message, .. }) => {
            pruned.refusal = Some(format!("{name} cannot be removed: {message}"));
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
