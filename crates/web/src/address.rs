//! Addresses of pages and of the API, all made here: relative to the root of the pages, so that they
//! hold below any path a proxy serves them at, and with each part encoded, however a host is named.
//! `assets/address.js` does the same in a browser.

use std::fmt::Write as _;

use axum::http::Uri;

/// Characters that mean nothing in an address (RFC 3986, 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if is_unreserved(byte) {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// Whether a name comes through browsers and proxies as a part of a path: they resolve dots, even
/// encoded ones, and some decode slashes.
fn fits_a_path(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '%'])
}

/// The address of something in a collection, `hosts/web-1`; a name that does not fit into a path
/// stands in the query, `hosts?name=..`.
pub fn of(collection: &str, name: &str) -> String {
    if fits_a_path(name) {
        let mut address = format!("{collection}/");
        encode(name, &mut address);
        address
    } else {
        with_query(&[collection], &[("name", name)])
    }
}

/// A path with a query; parameters whose value is empty are left out.
pub fn with_query(path: &[&str], query: &[(&str, &str)]) -> String {
    let mut address = path.join("/");
    let mut separator = '?';
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(separator);
        encode(name, &mut address);
        address.push('=');
        encode(value, &mut address);
        separator = '&';
    }
    address
}

/// From the page at this path, as it arrived here, to the root of all pages: `./` or `../` and so on.
pub fn base(path: &str) -> String {
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        depth => "../".repeat(depth - 1),
    }
}

/// Where a proxy serves the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// `https://example.com`, as browsers write it.
    pub origin: String,
    /// `/mon/`.
    pub path: String,
}

impl Public {
    /// Of an absolute URL of http or https; `None` for anything else, and for nothing.
    pub fn read(url: &str) -> Option<Public> {
        let uri = url.parse::<Uri>().ok()?;
        let scheme = uri.scheme_str()?;
        let authority = uri.authority()?.as_str().to_ascii_lowercase();
        let default = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let is_safe = uri
            .path()
            .bytes()
            .all(|byte| is_unreserved(byte) || byte == b'/');
        let authority = authority.strip_suffix(default).unwrap_or(&authority);
        let path = format!("{}/", uri.path().trim_end_matches('/'));
        (is_safe && !authority.contains('@') && uri.query().is_none()).then(|| Public {
            origin: format!("{scheme}://{authority}"),
            path,
        })
    }
}
