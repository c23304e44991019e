//! Attacks on the running platform, with no credentials or with those of its weakest roles: each is refused, and meanwhile
//! the server takes writes and says that it lives.

mod connections;
mod doors;
mod queries;
mod rights;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::{Finding, Scene, ensure};

/// The longest that health and a write may take together, under attack too: what probes of load balancers wait. (A
/// release build takes milliseconds; a debug build on a busy machine is what the tests judge.)
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that an attack waits for its answer: a debug build on a busy machine hashes a password for seconds.
const ATTACK_TIMEOUT: Duration = Duration::from_secs(60);

/// The tokens of all roles, none of which may destroy or reach anything.
const TOKENS: [&str; 7] = [
    "agent",
    "alerter",
    "web",
    "annotations",
    "grafana",
    "health",
    "archive",
];

/// An attack: what it is called, and how many tries it took.
type Attack = (&'static str, fn(&Target<'_>) -> Result<usize, String>);

const ATTACKS: [Attack; 15] = [
    (
        "a query that reaches the network",
        queries::reach_the_network,
    ),
    ("deep statements", queries::deep_statements),
    ("values that double", queries::doubling_programs),
    ("guessed passwords", doors::guess_passwords),
    ("pages of another origin", doors::other_origins),
    ("names that lead to loopback", doors::rebound_names),
    ("paths out of the folder", doors::traversal),
    ("half requests", connections::half_requests),
    ("heads without an end", connections::endless_heads),
    ("HTTP/2", connections::http2),
    ("readers that do not read", connections::slow_readers),
    ("uploads without an end", connections::endless_uploads),
    ("changes of alerts without the token", rights::change_alerts),
    ("labels of another organization", rights::foreign_labels),
    ("destruction by a token that may write", rights::destroy),
];

pub(super) fn judge(scene: &Scene) -> Finding {
    if scene.terms.external.is_some() {
        return Err(super::Miss::Skipped(
            "it attacks the embedded server, not one of others".into(),
        ));
    }
    let target = Target {
        scene,
        slowest: Mutex::default(),
    };
    let processes = scene.platform().processes();
    let mut tried = 0;
    for (name, attack) in ATTACKS {
        tried += attack(&target).map_err(|found| format!("{name}: {found}"))?;
        target
            .lives()
            .map_err(|found| format!("after {name}: {found}"))?;
    }
    let after = scene.platform().processes();
    ensure(after == processes, || {
        "a role ended and was started again".into()
    })?;
    let slowest = target.slowest.into_inner().unwrap_or_default();
    Ok(format!(
        "{} kinds, {tried} attempts, all withstood; health and a write took {} ms at most",
        ATTACKS.len(),
        slowest.as_millis()
    ))
}

/// The platform that is attacked.
struct Target<'a> {
    scene: &'a Scene,
    slowest: Mutex<Duration>,
}

impl Target<'_> {
    /// Host and port of a role; the server is `engine`.
    fn authority(&self, role: &str) -> String {
        self.scene.platform().authority(role)
    }

    fn token(&self, name: &str) -> Result<String, String> {
        let file = self.scene.platform().token_file(name);
        let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
        Ok(format!("Authorization: Token {}\r\n", text.trim()))
    }

    /// Asks a role; `headers` end in line breaks.
    fn ask(&self, role: &str, line: &str, headers: &str, body: &str) -> Result<Answer, String> {
        let authority = self.authority(role);
        let host = match headers.to_ascii_lowercase().contains("host:") {
            true => String::new(),
            false => format!("Host: {authority}\r\n"),
        };
        let request = format!(
            "{line} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let failed = |error: std::io::Error| format!("{role}: {line}: {error}");
        let mut stream = TcpStream::connect(&authority).map_err(failed)?;
        stream
            .set_read_timeout(Some(ATTACK_TIMEOUT))
            .map_err(failed)?;
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut answer = Vec::new();
        // One that refuses early may reset the connection behind its answer.
        let read = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        match status {
            Some(status) => Ok(Answer { status, text }),
            None => Err(format!("{role}: {line}: no answer ({read:?})")),
        }
    }

    fn query(&self, token: &str, flux: &str) -> Result<Answer, String> {
        let path = format!(
            "POST /api/v2/query?org={}",
            self.scene.platform().organization()
        );
        let headers = format!(
            "{}Content-Type: application/vnd.flux\r\n",
            self.token(token)?
        );
        self.ask("engine", &path, &headers, flux)
    }

    /// The server takes a write and says that it lives, both soon.
    fn lives(&self) -> Result<(), String> {
        let began = Instant::now();
        let health = self.ask("engine", "GET /health", "", "")?;
        ensure(health.status == 200, || {
            format!("/health answers {}", health.status)
        })?;
        let path = format!(
            "POST /api/v2/write?org={}&bucket=system_metrics_raw",
            self.scene.platform().organization()
        );
        let write = self.ask(
            "engine",
            &path,
            &self.token("agent")?,
            "judged_attack value=1",
        )?;
        ensure(write.status == 204, || {
            format!("a write is answered {}", write.status)
        })?;
        let took = began.elapsed();
        if let Ok(mut slowest) = self.slowest.lock() {
            *slowest = took.max(*slowest);
        }
        ensure(took < PATIENCE, || {
            format!("health and a write took {took:?}")
        })
    }
}

struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    /// The attack did not succeed, and what came back is an answer to it.
    fn is_refused(&self, what: &str) -> Result<(), String> {
        ensure((400..500).contains(&self.status), || {
            format!("{what}: {}", self.text.lines().next().unwrap_or_default())
        })
    }
}
