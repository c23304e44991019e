//! Line protocol on a Unix socket: programs connect and write lines, as to Telegraf's `socket_listener`. A sender that
//! is faster than the agent hands on is slowed down by its socket, and loses nothing.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::inbox::Inbox;
use super::{Intake, line, socket};
use crate::clock;
use crate::collectors::{CollectError, Collector, HostFiles, Points};

/// Connections at a time: each has a thread.
const MAX_CONNECTIONS: usize = 16;

/// A connection that sends nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(300);

/// How often a connection's thread looks whether the agent ends, while nothing comes.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes of one line: a series key has 64 KiB, and fields follow it.
const MAX_LINE: usize = 128 * 1024;

/// Bytes read at a time.
const PIECE: usize = 16 * 1024;

/// How long a line waits for room: collections empty the inbox every interval.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hands on the points of the connections.
pub struct LineProtocol {
    path: PathBuf,
    intake: Intake,
    inbox: Inbox,
    listener: Option<Listener>,
}

impl LineProtocol {
    /// Listens at `path` at once; where that fails, again at each collection.
    pub fn new(path: &Path, intake: Intake) -> Self {
        let mut new = Self {
            path: path.to_owned(),
            intake,
            inbox: Inbox::default(),
            listener: None,
        };
        // Told at the first collection, if it still fails then.
        let _ = new.listen();
        new
    }

    fn listen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            let (inbox, intake) = (self.inbox.clone(), self.intake.clone());
            self.listener = Some(Listener::start(&self.path, inbox, intake)?);
        }
        Ok(())
    }
}

impl Collector for LineProtocol {
    fn name(&self) -> &'static str {
        "line_protocol"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        _at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        self.inbox.empty_into(points);
        self.listen().map_err(|error| CollectError::Unavailable {
            why: error.to_string(),
        })
    }
}

/// What the threads of connections share.
#[derive(Clone)]
struct Shared {
    inbox: Inbox,
    intake: Intake,
    connections: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

/// The socket and the thread that accepts.
struct Listener {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn start(path: &Path, inbox: Inbox, intake: Intake) -> io::Result<Self> {
        let listener = socket::connections(path)?;
        let shared = Shared {
            inbox,
            intake,
            connections: Arc::default(),
            ended: Arc::default(),
        };
        let ended = Arc::clone(&shared.ended);
        let thread = thread("line_protocol", move || accept(&listener, &shared))?;
        Ok(Self {
            path: path.to_owned(),
            ended,
            thread: Some(thread),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        if UnixStream::connect(&self.path).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    builder.stack_size(128 * 1024).spawn(run)
}

fn accept(listener: &UnixListener, shared: &Shared) {
    loop {
        let accepted = listener.accept();
        if shared.ended.load(Ordering::Acquire) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            std::thread::sleep(LOOK); // Mostly for want of descriptors.
            continue;
        };
        if shared.connections.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::AcqRel);
            shared
                .intake
                .refuse(&"there are as many connections as are served", b"");
            continue;
        }
        let of_thread = shared.clone();
        let serve = move || {
            serve(stream, &of_thread);
            of_thread.connections.fetch_sub(1, Ordering::AcqRel);
        };
        if thread("line_protocol", serve).is_err() {
            shared.connections.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Reads the lines of one connection to its end.
fn serve(mut stream: UnixStream, shared: &Shared) {
    let (mut held, mut piece) = (Vec::new(), vec![0; PIECE]);
    let mut idle = Duration::ZERO;
    let mut is_too_long = false;
    if stream.set_read_timeout(Some(LOOK)).is_err() {
        return;
    }
    while !shared.ended.load(Ordering::Acquire) && idle < IDLE {
        let length = match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if is_timeout(&error) => {
                idle += LOOK;
                continue;
            }
            Err(_) => break,
        };
        idle = Duration::ZERO;
        held.extend_from_slice(&piece[..length]);
        // A line that is too long is passed over to its end.
        if is_too_long {
            let end = held.iter().position(|byte| *byte == b'\n');
            held.drain(..end.map_or(held.len(), |end| end + 1));
            is_too_long = end.is_none();
        }
        if let Some(end) = held.iter().rposition(|byte| *byte == b'\n') {
            put(&held[..=end], shared);
            held.drain(..=end);
        }
        if held.len() > MAX_LINE {
            shared.intake.refuse(&"it is longer than 128 KiB", &held);
            held.clear();
            is_too_long = true;
        }
    }
    // The last line may end with the connection.
    put(&held, shared);
}

fn put(text: &[u8], shared: &Shared) {
    line::read(text, clock::now(), &shared.intake, |point| {
        shared.inbox.put_patiently(point, PATIENCE)
    });
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
