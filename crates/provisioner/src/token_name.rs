//! The description of a token that is ours: our label, its name, and a fingerprint of its secret.
//!
//! Tokens cannot carry labels, and a server need not tell whose secret a file holds. The fingerprint
//! does: eight digits of a hash, which help nobody to guess the secret.

use ring::digest::{SHA256, digest};

const FINGERPRINT: &str = " (sha256 ";

/// `watchpost: agent (sha256 1a2b3c4d)`.
#[must_use]
pub fn write(mark: &str, name: &str, secret: &str) -> String {
    format!("{mark}: {name}{FINGERPRINT}{})", fingerprint(secret))
}

/// Name and fingerprint of a token that belongs to the mark; a token that was made just before its
/// run was stopped has no fingerprint yet.
#[must_use]
pub fn read<'a>(mark: &str, description: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    let rest = description.strip_prefix(mark)?.strip_prefix(':')?.trim();
    let Some((name, fingerprint)) = rest.rsplit_once(FINGERPRINT) else {
        return Some((rest, None));
    };
    Some((name, fingerprint.strip_suffix(')')))
}

/// Eight hexadecimal digits.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    let hash = digest(&SHA256, secret.trim().as_bytes());
    hash.as_ref()
        .iter()
        .take(4)
        .map(|it| format!("{it:02x}"))
        .collect()
}
