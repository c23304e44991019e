//! Connections that take places, memory or time: half requests, heads and bodies without an end, readers that do not read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::super::ensure;
use super::Target;

/// Connections that say half of what they have to.
const HALF_REQUESTS: usize = 100;

/// Bytes of a head without an end: a hundred times what one may have.
const ENDLESS: usize = 8 << 20;

/// Readers of each kind that do not read.
const READERS: usize = 16;

/// Uploads of which each says that it is as long as one may be, and how much of it is sent.
const UPLOADS: usize = 20;
const UPLOAD_BYTES: usize = 16 << 20;

/// The longest that an attacker waits for the other side to take or say something.
const ATTENTION: Duration = Duration::from_secs(5);

const ROLES: [&str; 4] = ["engine", "web", "alerter", "agent"];

pub(super) fn half_requests(target: &Target<'_>) -> Result<usize, String> {
    let token = target.token("agent")?;
    let authority = target.authority("engine");
    let organization = target.scene.platform().organization();
    let half = format!(
        "POST /api/v2/write?org={organization}&bucket=system_metrics_raw HTTP/1.1\r\nHost: {authority}\r\n{token}Content-Length: 1000000\r\n\r\nhalf"
    );
    let mut open = Vec::new();
    for turn in 0..HALF_REQUESTS {
        let Ok(mut stream) = TcpStream::connect(&authority) else {
            break;
        };
        // Every other one does not even end its headers.
        let length = if turn % 2 == 0 {
            half.len()
        } else {
            half.len() / 3
        };
        if stream.write_all(&half.as_bytes()[..length]).is_ok() {
            open.push(stream);
        }
    }
    target
        .lives()
        .map_err(|found| format!("beside {} of them {found}", open.len()))?;
    Ok(open.len())
}

/// A line, a field and fields without an end, at every port: each is cut off.
pub(super) fn endless_heads(target: &Target<'_>) -> Result<usize, String> {
    let heads = [
        ("", "G"),
        ("GET /", "a"),
        ("GET / HTTP/1.1\r\nA: ", "b"),
        ("GET / HTTP/1.1\r\n", "A: b\r\n"),
    ];
    for role in ROLES {
        for (begin, piece) in heads {
            let mut stream = connect(&target.authority(role))?;
            let piece = piece.repeat(16 << 10);
            let mut sent = 0;
            let taken = stream.write_all(begin.as_bytes()).and_then(|()| {
                while sent < ENDLESS {
                    stream.write_all(piece.as_bytes())?;
                    sent += piece.len();
                }
                Ok(())
            });
            ensure(taken.is_err(), || {
                format!("{role} takes {sent} bytes that begin with {begin:?}")
            })?;
        }
    }
    Ok(ROLES.len() * heads.len())
}

/// What begins by the preface of HTTP/2, with the floods that its servers know behind it: settings, pings, resets, headers
/// that go on. It is refused before any of them is read.
pub(super) fn http2(target: &Target<'_>) -> Result<usize, String> {
    let floods: [&[u8]; 4] = [
        b"\0\0\0\x04\0\0\0\0\0",
        b"\0\0\x08\x06\0\0\0\0\0........",
        b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08",
        b"\0\0\0\x09\0\0\0\0\x01",
    ];
    for role in ROLES {
        for frame in floods {
            let mut stream = connect(&target.authority(role))?;
            let request = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame.repeat(10_000)].concat();
            // One that is refused early is not read to its end.
            let _ = stream.write_all(&request);
            let mut answer = Vec::new();
            // A reset is an end as well; waiting in vain is none.
            let end = stream.read_to_end(&mut answer);
            let text = String::from_utf8_lossy(&answer);
            let status = text.get(..12).unwrap_or_default();
            let is_refused = ["", "HTTP/1.1 400", "HTTP/1.1 505"].contains(&status);
            let waits = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
            ensure(is_refused && !waits, || {
                format!("{role} goes on after the preface of HTTP/2: {text}")
            })?;
        }
    }
    Ok(ROLES.len() * floods.len())
}

/// Large answers and streams of events of which nothing is read: who reads gets his answer beside them.
pub(super) fn slow_readers(target: &Target<'_>) -> Result<usize, String> {
    let everything = "from(bucket: \"system_metrics_raw\") |> range(start: 0)";
    let query = format!(
        "POST /api/v2/query?org={} HTTP/1.1\r\nHost: localhost\r\n{}Content-Type: application/vnd.flux\r\n\
         Content-Length: {}\r\n\r\n{everything}",
        target.scene.platform().organization(),
        target.token("web")?,
        everything.len()
    );
    let events = "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut open = Vec::new();
    for (role, request) in [("engine", query.as_str()), ("web", events)] {
        for _ in 0..READERS {
            let mut stream = connect(&target.authority(role))?;
            stream
                .write_all(request.as_bytes())
                .map_err(|error| error.to_string())?;
            open.push(stream);
        }
    }
    target
        .lives()
        .map_err(|found| format!("beside {} of them {found}", open.len()))?;
    let one = "from(bucket: \"system_metrics_raw\") |> range(start: -1m) |> limit(n: 1)";
    let answer = target.query("operator", one)?;
    ensure(answer.status == 200, || {
        format!(
            "beside them the operator's query is answered {}",
            answer.text
        )
    })?;
    let page = target.ask("web", "GET /health", "", "")?;
    ensure(page.status == 200, || {
        format!("beside them the page answers {}", page.status)
    })?;
    Ok(open.len())
}

/// Uploads that never come to an end, by a token that may write: they stay within its part of the memory, and the server
/// takes other writes.
pub(super) fn endless_uploads(target: &Target<'_>) -> Result<usize, String> {
    let head = format!(
        "POST /api/v2/write?org={}&bucket=system_metrics_raw HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n",
        target.scene.platform().organization(),
        target.token("agent")?,
        UPLOAD_BYTES + 1
    );
    let piece = vec![b'#'; 1 << 20];
    let mut open = Vec::new();
    for _ in 0..UPLOADS {
        let mut stream = connect(&target.authority("engine"))?;
        let mut send = || {
            stream.write_all(head.as_bytes())?;
            for _ in 0..UPLOAD_BYTES / piece.len() {
                stream.write_all(&piece)?;
            }
            Ok::<_, std::io::Error>(())
        };
        // One that is refused is closed, one beyond what is taken is not read.
        let _ = send();
        open.push(stream);
    }
    target
        .lives()
        .map_err(|found| format!("beside {} of them {found}", open.len()))?;
    Ok(open.len())
}

fn connect(authority: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(authority);
    let stream = stream.map_err(|error| format!("{authority}: {error}"))?;
    let limited = stream
        .set_read_timeout(Some(ATTENTION))
        .and_then(|()| stream.set_write_timeout(Some(ATTENTION)));
    limited.map_err(|error| format!("{authority}: {error}"))?;
    Ok(stream)
}
