//! The two places where passwords are tried.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::platform::Platform;

/// Everybody's, and never tried.
pub(super) const PASSWORD: &str = "the-right-password";

/// The longest that a refusal is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where passwords are tried.
pub(super) struct Door {
    pub(super) role: &'static str,
    /// Tries of one name that are looked at within a minute.
    tries: usize,
    request: fn(name: &str, authority: &str) -> String,
}

/// 60 tries of a name, and one more a second.
pub(super) const ENGINE: Door = Door {
    role: "engine",
    tries: 60,
    request: |name, authority| {
        let pair = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("{name}:wrong-password"),
        );
        format!(
            "POST /api/v2/signin HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Basic {pair}\r\nContent-Length: 0\r\n\r\n"
        )
    },
};

/// Five tries of a name a minute.
pub(super) const WEB: Door = Door {
    role: "web",
    tries: 5,
    request: |name, authority| {
        let body = format!("name={name}&password=wrong-password&to=%2F");
        format!(
            "POST /sign-in HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    },
};

impl Door {
    /// Users that are needed for so many tries.
    pub(super) fn users(&self, samples: usize) -> usize {
        samples.div_ceil(self.tries)
    }

    /// How long a wrong password took to be refused, from the last byte of the request to the first of the answer.
    pub(super) async fn refused(&self, authority: &str, name: &str) -> Result<Duration, String> {
        let request = (self.request)(name, authority);
        let exchange = async {
            let mut stream = connect(authority).await?;
            stream.write_all(request.as_bytes()).await?;
            let began = Instant::now();
            let mut answer = [0; 4096];
            let read = stream.read(&mut answer).await?;
            let took = began.elapsed();
            Ok::<_, std::io::Error>((took, String::from_utf8_lossy(&answer[..read]).into_owned()))
        };
        let outcome = tokio::time::timeout(PATIENCE, exchange).await;
        let (took, answer) = outcome
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("{}: {error}", self.role))?;
        match answer.starts_with("HTTP/1.1 401") {
            true => Ok(took),
            false => Err(format!("{} answers {name}: {answer}", self.role)),
        }
    }
}

/// Names of one length.
pub(super) fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number:06}")
}

/// A connection from a loopback address that no other had: an address has few tries.
async fn connect(authority: &str) -> std::io::Result<TcpStream> {
    static NEXT: AtomicU32 = AtomicU32::new(2);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // 127.1.0.2 and so on; the first ones are used by others.
    let from = Ipv4Addr::from_bits(0x7f01_0000 | (number & 0xffff));
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let to: SocketAddr = authority
        .parse()
        .map_err(|_| std::io::Error::other(format!("{authority} is no address")))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Makes users of the server, with a password and without.
pub(super) async fn make_users(platform: &Platform, users: usize) -> Result<(), String> {
    let authority = platform.authority("engine");
    let token = std::fs::read_to_string(platform.token_file("operator"));
    let token = token.map_err(|error| error.to_string())?;
    let post = async |path: &str, body: String| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Token {}\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        );
        let exchange = async {
            let mut stream = TcpStream::connect(&authority).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = exchange.await.map_err(|error| error.to_string())?;
        match answer.starts_with("HTTP/1.1 2") {
            true => Ok(answer),
            false => Err(format!("{path}: {answer}")),
        }
    };
    for (kind, number) in (0..users).flat_map(|number| [("with", number), ("without", number)]) {
        let user = format!("{{\"name\":\"{}\"}}", name(kind, number));
        let made = post("/api/v2/users", user).await?;
        if kind == "without" {
            continue;
        }
        let body = made.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let user: serde_json::Value =
            serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))?;
        let path = format!(
            "/api/v2/users/{}/password",
            user["id"].as_str().unwrap_or_default()
        );
        post(&path, format!("{{\"password\":\"{PASSWORD}\"}}")).await?;
    }
    Ok(())
}
