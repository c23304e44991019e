//! One plain HTTP request, for what has to be asked of a server before a test has a client.

use std::io::{Read, Write};
use std::net::TcpStream;

/// A request with a token and a JSON body, which may be empty.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// `http://HOST:PORT`; nothing else is spoken here.
    pub(super) url: &'a str,
    pub(super) path: &'a str,
    pub(super) token: &'a str,
    pub(super) body: &'a str,
}

/// Status and body of the answer; `None` if there is none.
pub(super) fn send(request: &Request<'_>) -> Option<(u16, String)> {
    let Request {
        method,
        url,
        path,
        token,
        body,
    } = request;
    let host = url.strip_prefix("http://")?;
    let mut stream = TcpStream::connect(host).ok()?;
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Token {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split_whitespace().nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}
