//! Secrets that no server hands out: made on the spot, each in a file of its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};

use super::layout::Layout;

/// 256 bits, as many as the servers' own tokens have.
const SECRET_BYTES: usize = 32;

/// Makes the token that opens the alerter's API to the web page, if there is none yet.
pub(super) fn make(layout: &Layout) -> Result<()> {
    let path = layout.token("alerter-api");
    if path.exists() {
        return Ok(());
    }
    let text = random()?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| writeln!(file, "{text}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A new secret, as hexadecimal digits.
pub(super) fn random() -> Result<String> {
    let mut random = [0; SECRET_BYTES];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .context("cannot read /dev/urandom")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
