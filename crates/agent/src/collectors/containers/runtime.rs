//! The containers that a runtime's socket lists: Docker's API, which Podman speaks too. One read-only call.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How long a socket may take to answer in all. Docker answers for 100 containers in 20 ms.
const DEADLINE: Duration = Duration::from_secs(2);

/// An answer longer than this is none: 2,000 containers have some 3 MB.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Sockets below the root of a host; those of users follow.
pub(super) const SOCKETS: [&str; 2] = ["run/docker.sock", "run/podman/podman.sock"];
/// Sockets below `run/user/NUMBER`.
pub(super) const SOCKETS_OF_USERS: [&str; 2] = ["docker.sock", "podman/podman.sock"];

/// A container as a runtime lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) state: State,
}

/// How a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running {
        unhealthy: Option<bool>,
    },
    Restarting,
    Exited {
        code: i64,
    },
    /// Created and never started, or being removed.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    status: String,
}

/// Asks a socket for all its containers.
///
/// Errors: it cannot be connected to (permission, mostly), does not answer in time, or not in Docker's API.
pub(super) fn list(socket: &Path) -> io::Result<Vec<Listed>> {
    let body = get(socket, "/containers/json?all=1")?;
    let answers: Vec<Answer> = serde_json::from_slice(&body)?;
    Ok(answers.into_iter().filter_map(listed).collect())
}

fn listed(answer: Answer) -> Option<Listed> {
    let name = answer.names.first()?.trim_start_matches('/').to_owned();
    let state = match answer.state.as_str() {
        "running" | "paused" => State::Running {
            unhealthy: health(&answer.status),
        },
        "restarting" => State::Restarting,
        "exited" | "dead" | "stopped" => State::Exited {
            code: exit_code(&answer.status)?,
        },
        _ => State::Other,
    };
    Some(Listed {
        id: answer.id,
        name,
        image: answer.image,
        state,
    })
}

/// `Up 2 hours (healthy)`; a container without a check says nothing, one that starts is not judged.
fn health(status: &str) -> Option<bool> {
    if status.ends_with("(unhealthy)") {
        Some(true)
    } else {
        (status.ends_with("(healthy)") || status.contains("(health: starting)")).then_some(false)
    }
}

/// `Exited (137) 3 minutes ago`.
fn exit_code(status: &str) -> Option<i64> {
    let (_, rest) = status.split_once('(')?;
    rest.split_once(')')?.0.parse().ok()
}

/// A request of HTTP/1.0, whose answer ends with the connection.
fn get(socket: &Path, path: &str) -> io::Result<Vec<u8>> {
    let began = Instant::now();
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(DEADLINE))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let left = DEADLINE
            .checked_sub(began.elapsed())
            .filter(|left| !left.is_zero());
        stream.set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..length]);
        if answer.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer is too long",
            ));
        }
    }
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let good = answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200");
    match head {
        Some(end) if good => Ok(answer.split_off(end + 4)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the answer is not that of Docker's API",
        )),
    }
}
