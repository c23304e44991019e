//! Attacks on the running platform, with no credentials or with those of its weakest roles: each is refused, and meanwhile
//! the server takes writes and says that it lives.

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

/// Wrong passwords at once.
const GUESSES: usize = 100;

/// Connections that say half of what they have to.
const HALF_REQUESTS: usize = 100;

/// Unary minuses in one statement, 60 kB of it: each nested one more.
const DEPTH: usize = 60_000;

/// An attack: what it is called, and how many tries it took.
type Attack = (&'static str, fn(&Target<'_>) -> Result<usize, String>);

const ATTACKS: [Attack; 8] = [
    ("a query that reaches the network", reach_the_network),
    ("deep statements", deep_statements),
    ("guessed passwords", guess_passwords),
    ("half requests", half_requests),
    ("pages of another origin", other_origins),
    ("paths out of the folder", traversal),
    ("changes of alerts without the token", change_alerts),
    ("destruction by a token that may write", destroy),
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
        let address = match role {
            "engine" => self.scene.platform().server(),
            role => self.scene.platform().address(role),
        };
        address
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned()
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

fn reach_the_network(target: &Target<'_>) -> Result<usize, String> {
    let (web, engine) = (target.authority("web"), target.authority("engine"));
    let hosts = [
        web,
        engine,
        "169.254.169.254".into(),
        "localhost:22".into(),
        "[::1]:22".into(),
    ];
    let mut tried = 0;
    for token in [
        "alerter",
        "web",
        "grafana",
        "agent",
        "annotations",
        "operator",
    ] {
        for host in &hosts {
            for script in [
                format!(
                    "import \"experimental/http\" import \"array\" array.from(rows: [{{a: http.get(url: \"http://{host}/\").statusCode}}])"
                ),
                format!(
                    "import \"http/requests\" import \"array\" array.from(rows: [{{a: requests.post(url: \"http://{host}/\", body: bytes(v: \"\")).statusCode}}])"
                ),
            ] {
                target
                    .query(token, &script)?
                    .is_refused(&format!("{token} reaches {host}"))?;
                tried += 1;
            }
        }
    }
    Ok(tried)
}

fn deep_statements(target: &Target<'_>) -> Result<usize, String> {
    let headers = format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\n",
        target.token("agent")?
    );
    let bodies = [
        format!("q=SELECT {}1 FROM cpu", "- ".repeat(DEPTH)),
        format!("q=SELECT 1{} FROM cpu", "%2B1".repeat(DEPTH)),
        format!("q=SELECT v FROM cpu WHERE v=1{}", " OR v=1".repeat(DEPTH)),
        format!(
            "q=SELECT {}1{} FROM cpu",
            "(".repeat(DEPTH),
            ")".repeat(DEPTH)
        ),
    ];
    for body in &bodies {
        // Whatever it says of them: that it says something is the point.
        target.ask("engine", "POST /query?db=watchpost", &headers, body)?;
    }
    let flux = format!("x = {}1", "-".repeat(DEPTH));
    target.query("web", &flux)?.is_refused("a deep program")?;
    Ok(bodies.len() + 1)
}

fn guess_passwords(target: &Target<'_>) -> Result<usize, String> {
    // `admin:wrong-password`
    let headers = "Authorization: Basic YWRtaW46d3JvbmctcGFzc3dvcmQ=\r\n";
    std::thread::scope(|threads| {
        let guesses: Vec<_> = (0..GUESSES)
            .map(|_| threads.spawn(|| target.ask("engine", "POST /api/v2/signin", headers, "")))
            .collect();
        target
            .lives()
            .map_err(|found| format!("meanwhile {found}"))?;
        for guess in guesses {
            let answer = guess.join().map_err(|_| "a guess panicked".to_owned())??;
            answer.is_refused("a wrong password")?;
        }
        Ok(GUESSES)
    })
}

fn half_requests(target: &Target<'_>) -> Result<usize, String> {
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

fn other_origins(target: &Target<'_>) -> Result<usize, String> {
    let setup = "{\"username\":\"evil\",\"password\":\"evil-password\",\"org\":\"evil\",\"bucket\":\"evil\"}";
    let origins = ["http://evil.example", "http://127.0.0.1:1", "null"];
    for origin in origins {
        let headers = format!("Origin: {origin}\r\nContent-Type: text/plain\r\n");
        let answer = target.ask("engine", "POST /api/v2/setup", &headers, setup)?;
        answer.is_refused(&format!("set-up from {origin}"))?;
        let answer = target.ask("web", "POST /api/v1/silences", &headers, "{}")?;
        answer.is_refused(&format!("a silence from {origin}"))?;
    }
    Ok(2 * origins.len())
}

fn traversal(target: &Target<'_>) -> Result<usize, String> {
    let paths = [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/static/../../etc/passwd",
        "//etc/passwd",
        "/%00",
        "/..%5c..%5cetc%5cpasswd",
    ];
    for role in ["engine", "web", "alerter"] {
        for path in paths {
            let answer = target.ask(role, &format!("GET {path}"), "", "")?;
            ensure(!answer.text.contains("root:"), || {
                format!("{role} shows {path}")
            })?;
        }
    }
    Ok(3 * paths.len())
}

fn change_alerts(target: &Target<'_>) -> Result<usize, String> {
    let changes = [
        "POST /api/v1/silences",
        "DELETE /api/v1/silences/1",
        "POST /api/v2/silences",
        "DELETE /api/v2/silence/1",
    ];
    for change in changes {
        for token in [
            String::new(),
            target.token("agent")?,
            target.token("operator")?,
        ] {
            let answer = target.ask("alerter", change, &token, "{}")?;
            answer.is_refused(change)?;
        }
    }
    Ok(3 * changes.len())
}

fn destroy(target: &Target<'_>) -> Result<usize, String> {
    let organization = target.scene.platform().organization();
    let all = "{\"start\":\"1970-01-01T00:00:00Z\",\"stop\":\"2100-01-01T00:00:00Z\"}";
    let before = count(target)?;
    for token in [
        "agent",
        "web",
        "grafana",
        "alerter",
        "annotations",
        "health",
    ] {
        let headers = target.token(token)?;
        let path = format!("POST /api/v2/delete?org={organization}&bucket=system_metrics_raw");
        let answer = target.ask("engine", &path, &headers, all)?;
        answer.is_refused(&format!("{token} deletes"))?;
        for method in ["GET", "POST"] {
            let path = format!("{method} /query?db=watchpost&q=DELETE%20FROM%20cpu");
            // A refusal of a statement is an answer of 200.
            target.ask("engine", &path, &headers, "")?;
        }
    }
    let after = count(target)?;
    ensure(after >= before, || {
        format!("{before} points of cpu were there, {after} are")
    })?;
    Ok(18)
}

/// Points of one hour, which only grow.
fn count(target: &Target<'_>) -> Result<i64, String> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let start = now
        .map_err(|error| error.to_string())?
        .as_secs()
        .saturating_sub(3_600);
    let text = format!(
        "from(bucket: \"system_metrics_raw\") |> range(start: {start}, stop: {}) |> filter(fn: (r) => r._measurement == \"cpu\") |> toFloat() |> group() |> count()",
        start + 3_600
    );
    let tables = target.scene.platform().query(&text);
    let rows = tables.iter().flat_map(|table| table.rows());
    Ok(rows.filter_map(|row| row.i64("_value")).sum())
}
