//! A thread that takes datagrams: it does nothing else, so that none is lost while others collect.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt;

use super::Aggregate;
use super::drops::drops;
use crate::programs::{Intake, socket};

/// The longest datagram of UDP.
const MAX_DATAGRAM: usize = 65_536;

/// Room for datagrams that wait, should the system allow so much (`net.core.rmem_max`): a burst while the processor
/// is busy elsewhere.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// After an error of the socket, which a datagram of another may cause.
const AFTER_ERROR: Duration = Duration::from_millis(10);

/// Reading a line needs little.
const STACK_BYTES: usize = 128 * 1024;

/// What datagrams go to.
pub(super) type Destination = (Arc<Mutex<Aggregate>>, Intake);

/// How the thread is woken to end.
#[derive(Debug)]
enum Waker {
    Udp(SocketAddr),
    Unix(PathBuf),
}

/// A socket and its thread.
#[derive(Debug)]
pub(super) struct Listener {
    ended: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
    /// Of a UDP socket, and what the system had dropped of it when it was looked at last.
    bound: Option<SocketAddr>,
    dropped: u64,
}

impl Listener {
    /// Listens at `address`.
    ///
    /// Errors: it cannot be bound; the message names it.
    pub(super) fn udp(address: &str, to: Destination) -> io::Result<Self> {
        let named = |error| io::Error::other(format!("cannot listen on udp {address}: {error}"));
        let socket = UdpSocket::bind(address).map_err(named)?;
        make_room(&socket);
        let bound = socket.local_addr()?;
        let mut own = bound;
        if own.ip().is_unspecified() {
            own.set_ip(match own.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let mut listener = Self::start(Waker::Udp(own), to, move |buffer| socket.recv(buffer))?;
        listener.bound = Some(bound);
        Ok(listener)
    }

    /// Listens at `path`.
    pub(super) fn unix(path: &Path, to: Destination) -> io::Result<Self> {
        let socket = socket::datagrams(path)?;
        make_room(&socket);
        let waker = Waker::Unix(path.to_owned());
        Self::start(waker, to, move |buffer| socket.recv(buffer))
    }

    fn start(
        waker: Waker,
        (aggregate, intake): Destination,
        receive: impl Fn(&mut [u8]) -> io::Result<usize> + Send + 'static,
    ) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ended);
        let run = move || {
            let mut buffer = vec![0; MAX_DATAGRAM];
            loop {
                let received = receive(&mut buffer);
                if has_ended.load(Ordering::Acquire) {
                    return;
                }
                let Ok(length) = received else {
                    std::thread::sleep(AFTER_ERROR);
                    continue;
                };
                let mut aggregate = aggregate.lock().unwrap_or_else(PoisonError::into_inner);
                aggregate.take(&buffer[..length], &intake);
            }
        };
        let thread = std::thread::Builder::new()
            .name("statsd".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(run)?;
        Ok(Self {
            ended,
            waker,
            thread: Some(thread),
            bound: None,
            dropped: 0,
        })
    }

    /// Datagrams that the system dropped since this was asked last. To a Unix socket the sender waits instead.
    pub(super) fn newly_dropped(&mut self) -> u64 {
        let dropped = self.bound.and_then(drops).unwrap_or(self.dropped);
        let before = std::mem::replace(&mut self.dropped, dropped);
        dropped.saturating_sub(before)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let woken = match &self.waker {
            Waker::Udp(own) => {
                let any: IpAddr = match own.ip() {
                    IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                UdpSocket::bind((any, 0)).and_then(|socket| socket.send_to(&[], own))
            }
            Waker::Unix(path) => {
                UnixDatagram::unbound().and_then(|socket| socket.send_to(&[], path))
            }
        };
        // A thread that cannot be woken ends with the process.
        if woken.is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        if let Waker::Unix(path) = &self.waker {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Asks for a larger buffer; the system gives what it allows.
fn make_room(socket: &impl AsFd) {
    let _ = sockopt::set_socket_recv_buffer_size(socket, RECEIVE_BUFFER);
}
