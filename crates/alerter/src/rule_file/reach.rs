//! Whether a receiver could be reached at all: an address that no request can be made to would page nobody, and only when
//! it is needed.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use reqwest::Url;

/// Longest topic of ntfy (its documentation, "Publishing").
const TOPIC_LIMIT: usize = 64;

/// Why nothing can be sent to a URL.
pub(super) fn url(text: &str) -> Result<(), String> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(format!(
            "{text:?} is not a URL; it starts with http:// or https://"
        ));
    }
    Url::parse(text)
        .map(drop)
        .map_err(|error| format!("{text:?} is not a URL: {error}"))
}

/// Why a name is no host's.
pub(super) fn host(text: &str) -> Result<(), String> {
    let is_address = text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_name = || {
        let url = Url::parse(&format!("http://{text}/"));
        url.is_ok_and(|url| url.path() == "/" && url.port().is_none() && url.username().is_empty())
            && !text.contains([':', '/', '?', '#', '@'])
    };
    if is_address || is_name() {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a host: a name or an address, without a port"
    ))
}

/// Why a topic is none of ntfy's.
pub(super) fn topic(text: &str) -> Result<(), String> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if (1..=TOPIC_LIMIT).contains(&text.len()) && text.chars().all(is_taken) {
        return Ok(());
    }
    Err(format!(
        "{text:?} is not a topic of ntfy: 1 to {TOPIC_LIMIT} of A to Z, a to z, 0 to 9, '-' and '_'"
    ))
}

/// Why a path is no file's that lines can be added to.
pub(super) fn file(path: &Path) -> Result<(), String> {
    let text = path.to_string_lossy();
    if text.is_empty() || text.ends_with('/') || text.contains('\0') || path.is_dir() {
        return Err(format!("{text:?} is not the path of a file"));
    }
    Ok(())
}

/// Why a program that is there cannot be run. One that is not there yet may come.
pub(super) fn program(path: &Path) -> Result<(), String> {
    file(path)?;
    match path.metadata() {
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Err(format!(
            "{} may not be run: it has no execute permission",
            path.display()
        )),
        _ => Ok(()),
    }
}
