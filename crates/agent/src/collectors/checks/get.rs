//! One page as a whole: what a scrape needs, where a check wants to know only how it ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use super::ask::{Answer, Question, Timed, connect, secure};
use super::target::{Scheme, Target};

/// Bytes of an answer's head.
const MAX_HEAD: usize = 16 * 1024;

/// An answer of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its status.
    pub status: u16,
    /// Its content type; empty, if it has none.
    pub content_type: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// Fetches a page of at most `max_bytes` within `timeout`, but for a resolver that does not answer. It is asked by
/// HTTP/1.0, whose answer ends with the connection; no redirect is followed.
///
/// Errors: it cannot be reached, takes longer, is longer, or is no HTTP.
pub fn get(
    target: &Target,
    tls: Option<Arc<ClientConfig>>,
    headers: &[(&str, String)],
    timeout: Duration,
    max_bytes: u64,
) -> io::Result<Page> {
    let until = Instant::now() + timeout;
    let left = || {
        until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
            .ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))
    };
    let addresses: Vec<SocketAddr> = (target.host.as_str(), target.port)
        .to_socket_addrs()?
        .collect();
    let stream = connect(&addresses, left)?;
    stream.set_read_timeout(Some(left()?))?;
    stream.set_write_timeout(Some(left()?))?;
    let mut stream = Timed { stream, until };
    match target.scheme {
        Scheme::Http => exchange(&mut stream, target, headers, max_bytes),
        Scheme::Https => {
            let question = Question {
                target: target.clone(),
                timeout,
                status: Vec::new(),
                body: String::new(),
                tls,
            };
            let mut secured = secure(stream, &question, &mut Answer::default())?;
            exchange(&mut secured, target, headers, max_bytes)
        }
        _ => Err(io::Error::other("the URL is none of http:// and https://")),
    }
}

fn exchange(
    stream: &mut (impl Read + Write),
    target: &Target,
    headers: &[(&str, String)],
    max_bytes: u64,
) -> io::Result<Page> {
    let agent = concat!("watchpost-agent/", env!("CARGO_PKG_VERSION"));
    let path = &target.path;
    let mut request = format!(
        "GET {path} HTTP/1.0\r\nHost: {target}\r\nUser-Agent: {agent}\r\nConnection: close\r\n"
    );
    for (name, value) in headers {
        if value.contains(char::is_control) {
            return Err(io::Error::other(format!("{name} has a control character")));
        }
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let most = max_bytes + MAX_HEAD as u64;
    let read = stream.take(most + 1).read_to_end(&mut answer);
    // A server that ends a TLS connection without a word is believed as far as its length says.
    let is_cut = match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => true,
        Err(error) => return Err(error),
        Ok(_) => false,
    };
    if answer.len() as u64 > most {
        return Err(io::Error::other(format!(
            "it is longer than {max_bytes} bytes"
        )));
    }
    page(answer, is_cut)
}

/// Takes an answer apart. `is_cut`, if its end may be missing.
fn page(mut answer: Vec<u8>, is_cut: bool) -> io::Result<Page> {
    let bad = |what: &str| io::Error::other(format!("the answer {what}"));
    let end = answer
        .windows(4)
        .take(MAX_HEAD)
        .position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| bad("is not HTTP"))?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    let header = |wanted: &str| {
        let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim().to_owned())
    };
    if header("transfer-encoding").is_some() || header("content-encoding").is_some() {
        return Err(bad("is encoded, which was not asked for"));
    }
    let length = header("content-length").and_then(|text| text.parse::<usize>().ok());
    let is_short = length.map_or(is_cut, |length| body.len() < length);
    if is_short {
        return Err(bad("ends before its end"));
    }
    Ok(Page {
        status: status.ok_or_else(|| bad("is not HTTP"))?,
        content_type: header("content-type").unwrap_or_default(),
        body,
    })
}
