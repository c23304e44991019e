//! The key that opens the copies of `up --backup`, where its user has none yet.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::layout::Layout;
use super::options::Backup;

/// How the file of a key names its public half, as age's own tool writes it.
const PUBLIC: &str = "# public key: ";

/// For whom copies are encrypted: the given public keys, or one that is made at the first start and lies beside the
/// secrets. The role that makes copies never sees its private half.
pub(super) fn recipients(backup: &Backup, layout: &Layout, binaries: &Path) -> Result<Vec<String>> {
    if !backup.recipients.is_empty() {
        return Ok(backup.recipients.clone());
    }
    let path = layout.archive_key();
    if !path.exists() {
        let made = Command::new(binaries.join("watchpost-archive"))
            .args(["new-key", "--to"])
            .arg(&path)
            .output()
            .context("cannot start watchpost-archive")?;
        if !made.status.success() {
            let said = String::from_utf8_lossy(&made.stderr);
            bail!("no key for the copies: {}", said.trim());
        }
    }
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let public = text.lines().find_map(|line| line.strip_prefix(PUBLIC));
    let Some(public) = public else {
        bail!(
            "{} does not say its public key in a line `{PUBLIC}age1…`: name it with --recipient",
            path.display()
        );
    };
    Ok(vec![public.trim().to_owned()])
}
