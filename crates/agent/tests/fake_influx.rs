//! A scripted InfluxDB: takes writes, answers as a test tells it, can go away and come back on its port.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use flate2::read::GzDecoder;
use watchpost_testkit::wait;

/// One write that arrived.
#[derive(Clone, Debug)]
pub(crate) struct WriteRequest {
    /// The lines of its body.
    pub(crate) lines: Vec<String>,
    /// The answer's status.
    pub(crate) status: u16,
    /// When it came.
    pub(crate) at: Instant,
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    retry_after: Option<u32>,
    body: String,
}

impl Answer {
    /// 204: stored.
    pub(crate) fn stored() -> Self {
        Self {
            status: 204,
            retry_after: None,
            body: String::new(),
        }
    }

    /// An error as InfluxDB words it.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "code": "a code", "message": message }).to_string();
        Self {
            status,
            retry_after: None,
            body,
        }
    }

    /// With a `Retry-After` of some seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

type Policy = Box<dyn FnMut(&[String], &str) -> Answer + Send>;

struct State {
    writes: Vec<WriteRequest>,
    policy: Policy,
    connections: Vec<TcpStream>,
    up: bool,
}

/// The server. It ends with the test process.
pub(crate) struct FakeInflux {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FakeInflux {
    /// Stores everything.
    pub(crate) fn start() -> Self {
        let server = Self::away();
        server.come_back();
        server
    }

    /// Has a port, but nobody listens there yet.
    pub(crate) fn away() -> Self {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let policy: Policy = Box::new(|_, _| Answer::stored());
        let state = State {
            writes: Vec::new(),
            policy,
            connections: Vec::new(),
            up: false,
        };
        Self {
            address,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers by `policy` (lines, token) from now on.
    pub(crate) fn answer(&self, policy: impl FnMut(&[String], &str) -> Answer + Send + 'static) {
        self.lock().policy = Box::new(policy);
    }

    /// Stops listening and cuts all connections.
    pub(crate) fn go_away(&self) {
        let mut state = self.lock();
        state.up = false;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        // Wakes the accepting thread, which then gives up the port.
        drop(TcpStream::connect(self.address));
        wait::until("the port to be free", || {
            TcpStream::connect(self.address).is_err().then_some(())
        });
    }

    /// Listens again.
    pub(crate) fn come_back(&self) {
        let listener = wait::until("the port", || TcpListener::bind(self.address).ok());
        self.lock().up = true;
        let state = Arc::clone(&self.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut locked = lock(&state);
                if !locked.up {
                    return;
                }
                locked.connections.extend(stream.try_clone());
                drop(locked);
                let state = Arc::clone(&state);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
    }

    /// Every write so far.
    pub(crate) fn writes(&self) -> Vec<WriteRequest> {
        self.lock().writes.clone()
    }

    /// Lines that were stored, with how often each was.
    pub(crate) fn stored(&self) -> BTreeMap<String, usize> {
        let mut lines = BTreeMap::new();
        for write in self.writes().iter().filter(|write| write.status == 204) {
            for line in &write.lines {
                *lines.entry(line.clone()).or_default() += 1;
            }
        }
        lines
    }

    /// Distinct timestamps (nanoseconds) of stored lines that contain `part`.
    pub(crate) fn times(&self, part: &str) -> Vec<i64> {
        let stored = self.stored();
        let lines = stored.keys().filter(|line| line.contains(part));
        let mut times: Vec<i64> = lines
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for FakeInflux {
    fn drop(&mut self) {
        if self.lock().up {
            self.go_away();
        }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the requests of one connection until it ends.
fn serve(stream: TcpStream, state: &Mutex<State>) {
    let Ok(mut out) = stream.try_clone() else {
        return;
    };
    let mut input = BufReader::new(stream);
    while let Some((path, headers, body)) = read_request(&mut input) {
        let answer = if path.starts_with("/api/v2/write") {
            write(state, &headers, &body)
        } else if path == "/health" {
            Answer {
                status: 200,
                body: r#"{"name":"influxdb","status":"pass","version":"v2.7.12"}"#.to_owned(),
                ..Answer::stored()
            }
        } else {
            Answer::error(404, "not found")
        };
        let retry = answer.retry_after.map_or(String::new(), |seconds| {
            format!("retry-after: {seconds}\r\n")
        });
        let head = format!(
            "HTTP/1.1 {} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{retry}\r\n",
            answer.status,
            answer.body.len()
        );
        if out
            .write_all(format!("{head}{}", answer.body).as_bytes())
            .is_err()
        {
            return;
        }
    }
}

type Request = (String, BTreeMap<String, String>, Vec<u8>);

fn read_request(input: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut first = String::new();
    input.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        let Some((key, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(key.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some((path, headers, body))
}

fn write(state: &Mutex<State>, headers: &BTreeMap<String, String>, body: &[u8]) -> Answer {
    let mut text = String::new();
    GzDecoder::new(body).read_to_string(&mut text).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let token = headers
        .get("authorization")
        .map(|value| value.trim_start_matches("Token ").to_owned());
    let token = token.unwrap_or_default();
    let mut state = lock(state);
    let answer = (state.policy)(&lines, &token);
    let status = answer.status;
    state.writes.push(WriteRequest {
        lines,
        status,
        at: Instant::now(),
    });
    answer
}
