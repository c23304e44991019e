//! Thousands of connections: most ask for health now and then, one in a hundred sends its request drop by drop, and a few do
//! what no client does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{DAEMONS, End};
use crate::platform::Platform;

/// One connection in so many is slow.
const SLOW: usize = 100;

/// Of a hundred connections so many go to each of the daemons: the port of an agent is for a few scrapers and has places for
/// these, the others serve many.
const SHARES: [usize; DAEMONS.len()] = [45, 33, 21, 1];

/// Between two requests of a connection, with its number's share of it, so that they do not come together; and before one
/// that was closed is opened again.
const PAUSE: Duration = Duration::from_secs(30);

/// Between two drops of a slow request.
const DROP: Duration = Duration::from_secs(1);

/// The longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Of each kind of rudeness so many connections to the server.
const RUDE: usize = 8;

#[derive(Debug, Default)]
struct Counters {
    open: AtomicU64,
    most: AtomicU64,
    opened: AtomicU64,
    answered: AtomicU64,
    closed: AtomicU64,
    drops: AtomicU64,
    rude: AtomicU64,
}

/// What became of them.
pub(super) struct Counts {
    connections: usize,
    counters: Arc<Counters>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        write!(
            f,
            "{} wanted, {} at once, 1 in {SLOW} slow ({} drops); {} opened, {} requests answered, {} closed by a daemon; \
             {} rude ones ended",
            self.connections,
            of(&counters.most),
            of(&counters.drops),
            of(&counters.opened),
            of(&counters.answered),
            of(&counters.closed),
            of(&counters.rude)
        )
    }
}

/// As many descriptors as this process may have.
pub(super) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Refused, the connections beyond the limit fail, and the counts say so.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// Holds connections to all daemons until the end.
pub(super) fn press(
    addresses: &[String],
    connections: usize,
    platform: &Platform,
    end: &End,
) -> Result<Counts, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let counters = Arc::new(Counters::default());
    let token =
        std::fs::read_to_string(platform.token_file("web")).map_err(|error| error.to_string())?;
    let organization = platform.organization();
    let held = async {
        for number in 0..connections {
            let address = addresses[daemon_of(number)].clone();
            let (counters, end) = (Arc::clone(&counters), end.clone());
            tokio::spawn(async move {
                while !end.has_come() {
                    // A connection that ends makes room for the next of the same kind.
                    let _ = connect(number, &address, &counters).await;
                    let pause = if is_slow(number) { DROP } else { pause(number) };
                    sleep(pause).await;
                }
            });
            if number % 100 == 0 {
                sleep(Duration::from_millis(20)).await;
            }
        }
        for request in rude_requests(addresses, &organization, token.trim()) {
            for _ in 0..RUDE {
                let (request, counters) = (request.clone(), Arc::clone(&counters));
                tokio::spawn(async move {
                    loop {
                        let _ = be_rude(&request).await;
                        counters.rude.fetch_add(1, Ordering::Relaxed);
                        sleep(DROP).await;
                    }
                });
            }
        }
        while !end.has_come() {
            sleep(Duration::from_millis(200)).await;
        }
    };
    runtime.block_on(held);
    runtime.shutdown_background();
    Ok(Counts {
        connections,
        counters,
    })
}

/// The number of the daemon that a connection goes to.
fn daemon_of(number: usize) -> usize {
    // The first of each hundred is slow: each hundred begins with another place, so that each daemon has its share of those.
    let mut place = (number / SLOW + number) % SHARES.iter().sum::<usize>();
    let found = SHARES.iter().position(|share| {
        let is_here = place < *share;
        place = place.saturating_sub(*share);
        is_here
    });
    found.unwrap_or_default()
}

fn is_slow(number: usize) -> bool {
    number.is_multiple_of(SLOW)
}

fn pause(number: usize) -> Duration {
    let share = u32::try_from(number % 100).unwrap_or_default();
    PAUSE + PAUSE * share / 100
}

async fn connect(number: usize, address: &str, counters: &Counters) -> std::io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    counters.opened.fetch_add(1, Ordering::Relaxed);
    let open = counters.open.fetch_add(1, Ordering::Relaxed) + 1;
    counters.most.fetch_max(open, Ordering::Relaxed);
    let held = hold(number, stream, counters).await;
    counters.open.fetch_sub(1, Ordering::Relaxed);
    counters.closed.fetch_add(1, Ordering::Relaxed);
    held
}

async fn hold(number: usize, mut stream: TcpStream, counters: &Counters) -> std::io::Result<()> {
    if is_slow(number) {
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ")
            .await?;
        loop {
            stream.write_all(b"x").await?;
            counters.drops.fetch_add(1, Ordering::Relaxed);
            sleep(DROP).await;
        }
    }
    let mut answer = vec![0; 4_096];
    loop {
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await?;
        let read = timeout(PATIENCE, stream.read(&mut answer)).await??;
        if read == 0 {
            return Ok(());
        }
        if answer.starts_with(b"HTTP/1.1 200") {
            counters.answered.fetch_add(1, Ordering::Relaxed);
        }
        // One that is closed meanwhile is no longer held; what else comes is the end of the answer.
        if let Ok(read) = timeout(pause(number), stream.read(&mut [0; 512])).await
            && read? == 0
        {
            return Ok(());
        }
    }
}

/// What is sent, and whether it goes on without end.
#[derive(Clone)]
struct Rude {
    address: String,
    request: String,
    is_endless: bool,
}

fn rude_requests(addresses: &[String], organization: &str, token: &str) -> Vec<Rude> {
    let [engine, web, ..] = addresses else {
        return Vec::new();
    };
    let rude = |address: &String, request: String, is_endless| Rude {
        address: address.clone(),
        request,
        is_endless,
    };
    let everything = "from(bucket: \"system_metrics_raw\") |> range(start: 0)";
    let query = format!(
        "POST /api/v2/query?org={organization} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {token}\r\n\
         Content-Type: application/vnd.flux\r\nContent-Length: {}\r\n\r\n{everything}",
        everything.len()
    );
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    vec![
        rude(engine, "GET /".to_owned(), true),
        rude(
            web,
            "GET /health HTTP/1.1\r\nHost: localhost\r\nX: ".to_owned(),
            true,
        ),
        rude(engine, preface.to_owned(), false),
        rude(web, preface.to_owned(), false),
        // Readers that do not read: a large answer, a stream of events.
        rude(engine, query, false),
        rude(
            web,
            "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            false,
        ),
    ]
}

/// Sends it, and waits for the daemon to end it without reading what it says.
async fn be_rude(rude: &Rude) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(&rude.address).await?;
    stream.write_all(rude.request.as_bytes()).await?;
    if rude.is_endless {
        let piece = [b'a'; 16 << 10];
        loop {
            stream.write_all(&piece).await?;
        }
    }
    // Nothing is read: a daemon that waits for the reader gives up at its own time, and writing fails then.
    loop {
        sleep(DROP).await;
        stream.write_all(b"\r\n").await?;
    }
}
