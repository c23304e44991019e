//! The daemons in this process, on loopback, and a client that sends whatever it is given.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::Runtime;
use watchpost_alerter::config::AlerterConfig;
use watchpost_durable::Disk;
use watchpost_engine::api::router;
use watchpost_engine::api::setup::{self, Setup};
use watchpost_engine::app::{App, Settings};
use watchpost_engine::clock::SystemClock;
use watchpost_engine::limits::Limits;
use watchpost_service::cli::{self, CommonArgs};
use watchpost_service::connections;
use watchpost_service::egress::Egress;
use watchpost_service::shutdown::Shutdown;
use watchpost_web::config::WebConfig;

/// The token of everything.
pub(super) const TOKEN: &str = "the-token-of-all-roles";

/// How long an answer may take; the daemons have limits of their own below this.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an answer is waited for where the request says of its own length what need not be so.
const SHORT_PATIENCE: Duration = Duration::from_millis(300);

/// Bytes of an answer that are read.
const LONGEST_ANSWER: usize = 8 << 20;

/// The embedded server without a port.
pub(super) struct Engine {
    app: Arc<App>,
}

impl Engine {
    pub(super) fn start(folder: &Path) -> Self {
        let settings = Settings {
            data_dir: folder.to_owned(),
            limits: Limits {
                max_body_bytes: 1 << 20,
                max_line_bytes: 1 << 16,
                max_series_per_bucket: 1_000,
                max_query_bytes: 32 << 20,
                max_query_rows: 100_000,
                query_timeout_seconds: 20,
                max_memory_bytes: 256 << 20,
                ..Limits::default()
            },
            catch_up: false,
            disk: Disk::default(),
            egress: Egress::default(),
            is_https: false,
        };
        let app = Arc::new(App::open(&settings, Arc::new(SystemClock)).expect("it opens"));
        let wanted = Setup {
            username: "admin".to_owned(),
            password: String::new(),
            org: "myorg".to_owned(),
            bucket: "bench".to_owned(),
            retention_seconds: 0,
            token: Some(TOKEN.to_owned()),
        };
        setup::perform(&app, &wanted).expect("it is set up");
        Self { app }
    }
}

/// A daemon that serves.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    shutdown: Shutdown,
    // Dropped last: what it runs ends with it.
    _runtime: Runtime,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

/// As the daemons make theirs; `stack` is what one of its threads has.
fn runtime(stack: usize) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let builder = builder
        .worker_threads(2)
        .thread_stack_size(stack)
        .enable_all();
    builder.build().expect("a runtime")
}

pub(super) fn engine(folder: &Path) -> Served {
    let runtime = runtime(watchpost_flux::program::STACK_BYTES);
    let shutdown = Shutdown::new();
    let routes = router(Engine::start(folder).app);
    let address = runtime.block_on(async {
        let listener = connections::bind(loopback(0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        connections::serve(
            listener,
            None,
            routes,
            connections::Limits::server(),
            &shutdown,
        );
        address
    });
    Served {
        address,
        shutdown,
        _runtime: runtime,
    }
}

pub(super) fn web(folder: &Path, engine: SocketAddr, alerter: SocketAddr) -> Served {
    let runtime = runtime(2 << 20);
    let shutdown = Shutdown::new();
    let token = secret(folder);
    let mut config = WebConfig::default();
    config.http.listen.set_port(0);
    config.influx.url = format!("http://{engine}");
    config.influx.org = "myorg".to_owned();
    config.influx.bucket = "bench".to_owned();
    config.influx.token_file = Some(token.clone());
    config.tiers.hourly_bucket = "bench".to_owned();
    config.tiers.daily_bucket = "bench".to_owned();
    config.tiers.alerts_bucket = "bench".to_owned();
    config.annotations.bucket = "bench".to_owned();
    config.annotations.token_file = Some(token.clone());
    config.alerter.url = format!("http://{alerter}");
    config.alerter.token_file = Some(token);
    let address = runtime
        .block_on(watchpost_web::serve::start(config, &shutdown))
        .expect("it starts");
    Served {
        address,
        shutdown,
        _runtime: runtime,
    }
}

pub(super) fn alerter(folder: &Path, engine: SocketAddr) -> Served {
    let token = secret(folder);
    let free = TcpListener::bind(loopback(0))
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let rules = folder.join("rules.toml");
    fs::write(&rules, include_str!("rules.toml")).expect("a file");
    let set = |key: &str, value: String| (key.to_owned(), value);
    let arguments = CommonArgs {
        log_level: Some("off".to_owned()),
        set: vec![
            set("influx.url", format!("http://{engine}")),
            set("influx.org", "myorg".to_owned()),
            set("influx.bucket", "bench".to_owned()),
            set("influx.token_file", token.display().to_string()),
            set("api.token_file", token.display().to_string()),
            set("api.listen.listen", free.to_string()),
            set("rules.file", rules.display().to_string()),
            set("store.folder", folder.display().to_string()),
            set("history.enabled", "false".to_owned()),
        ],
        ..CommonArgs::default()
    };
    let Ok(started) = cli::start::<AlerterConfig>(&arguments, [].into()) else {
        panic!("the alerter's configuration is refused");
    };
    let (runtime, shutdown) = (runtime(2 << 20), Shutdown::new());
    let (stop, (failed, failure)) = (shutdown.clone(), mpsc::channel());
    runtime.spawn(async move {
        if let Err(error) = watchpost_alerter::daemon::run(started, [].into(), stop).await {
            // Received as long as the start is waited for.
            let _ = failed.send(error.to_string());
        }
    });
    while TcpStream::connect(free).is_err() {
        if let Ok(error) = failure.recv_timeout(Duration::from_millis(20)) {
            panic!("the alerter does not start: {error}");
        }
    }
    Served {
        address: free,
        shutdown,
        _runtime: runtime,
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn secret(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("token");
    fs::write(&path, TOKEN).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    path
}

/// Sends requests, over one connection as long as that lives.
pub(super) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// Sends a head, which ends in line breaks, and a body. `None`: the daemon closed the connection without a word, or
    /// the request leaves open where it ends and is waited for.
    pub(super) fn ask(&mut self, head: &[u8], body: &[u8]) -> Option<Reply> {
        let shown = String::from_utf8_lossy(head).to_ascii_lowercase();
        let is_framed = ["transfer-encoding", "expect", "upgrade", "connection"]
            .iter()
            .all(|name| !shown.contains(name))
            && shown.matches("content-length").count() < 2;
        let patience = if is_framed { PATIENCE } else { SHORT_PATIENCE };
        // One that was kept may be closed by now.
        for _ in 0..2 {
            let is_kept = self.stream.is_some();
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => TcpStream::connect(self.address).expect("the daemon takes connections"),
            };
            stream.set_read_timeout(Some(patience)).expect("a time");
            stream.set_nodelay(true).expect("an option");
            // One that refuses early closes before all is written; what it said is there to be read.
            let _ = stream.write_all(head).and_then(|()| stream.write_all(body));
            match read(&mut stream, head.starts_with(b"HEAD ")) {
                Ok((reply, is_open)) => {
                    self.stream = is_open.then_some(stream);
                    return Some(reply);
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    assert!(!is_framed, "no answer in {PATIENCE:?}");
                    return None;
                }
                Err(_) if is_kept => {}
                Err(_) => return None,
            }
        }
        None
    }
}

/// An answer, and whether the connection can be used again.
fn read(stream: &mut TcpStream, is_head: bool) -> io::Result<(Reply, bool)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            if bytes.starts_with(b"HTTP/1.1 1") {
                bytes.drain(..end + 4);
                continue;
            }
            break end + 4;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status: u16 = status.ok_or_else(|| io::Error::other("no status"))?;
    let value = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let is_stream = value("content-type:").is_some_and(|kind| kind.contains("event-stream"));
    let is_chunked = value("transfer-encoding:") == Some("chunked");
    let length = value("content-length:").and_then(|length| length.parse::<usize>().ok());
    let has_body = !is_head && !matches!(status, 204 | 304) && !is_stream;
    let is_whole = |bytes: &[u8]| match (has_body, length) {
        (false, _) => true,
        (true, Some(length)) => bytes.len() >= end + length,
        (true, None) => is_chunked && bytes.ends_with(b"0\r\n\r\n"),
    };
    let mut is_open = value("connection:") != Some("close") && !is_stream;
    while !is_whole(&bytes) && bytes.len() < LONGEST_ANSWER {
        if more(stream, &mut bytes).is_err() {
            is_open = false;
            break;
        }
    }
    is_open &= is_whole(&bytes) && bytes.len() < LONGEST_ANSWER;
    let text = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Ok((Reply { status, text }, is_open))
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut piece = [0; 16 << 10];
    match stream.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            bytes.extend_from_slice(&piece[..read]);
            Ok(())
        }
    }
}

/// Sends bytes, waits shortly for an answer, and hangs up: its status.
pub(super) fn send_and_close(address: SocketAddr, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).expect("the daemon takes connections");
    stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .expect("a time");
    stream.write_all(bytes).ok()?;
    read(&mut stream, false).ok().map(|(reply, _)| reply.status)
}
