//! What a service manager (systemd) is notified of: that a role is ready, that it still works, that it stops.
//!
//! The protocol of sd_notify(3) is a datagram of text to a socket that the environment names, so this needs no library.
//! Without such a socket, as in a terminal or a container, nothing is sent.

#[cfg(unix)]
use std::ffi::OsStr;
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
#[cfg(unix)]
use std::time::Duration;

use crate::shutdown::Shutdown;

/// Says that the role is ready. If the manager watches it (`WatchdogSec=`), the runtime that this is called on says from
/// now on that it still turns, twice in that time: a runtime that hangs is ended and started again.
#[cfg(unix)]
pub fn ready(shutdown: &Shutdown) {
    let variable = |name: &str| std::env::var_os(name);
    let Some(socket) = variable("NOTIFY_SOCKET").filter(|it| !it.is_empty()) else {
        return;
    };
    let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
    let is_own =
        number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
    let watchdog = number("WATCHDOG_USEC").filter(|time| *time > 0 && is_own);
    match ServiceManager::connect(&socket) {
        Ok(manager) => manager.keep_notified(watchdog.map(Duration::from_micros), shutdown),
        Err(error) => {
            tracing::warn!(socket = %socket.display(), %error, "the service manager cannot be notified");
        }
    }
}

/// Other systems have no such manager.
#[cfg(not(unix))]
pub fn ready(_shutdown: &Shutdown) {}

/// The socket of the manager that started this process.
#[cfg(unix)]
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
}

#[cfg(unix)]
impl ServiceManager {
    /// Takes the socket as `NOTIFY_SOCKET` names it: a path, or an abstract name after `@`.
    ///
    /// # Errors
    /// Nothing listens there.
    pub fn connect(name: &OsStr) -> std::io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A manager that is behind keeps no role from its work.
        socket.set_nonblocking(true)?;
        match abstract_name(name) {
            Some(abstract_name) => connect_abstract(&socket, abstract_name)?,
            None => socket.connect(name)?,
        }
        Ok(Self { socket })
    }

    /// Sends that the role is ready, with `watchdog` twice in that time that it works, and once that it stops.
    pub fn keep_notified(self, watchdog: Option<Duration>, shutdown: &Shutdown) {
        self.send("READY=1");
        let stop = shutdown.clone();
        shutdown.spawn(async move {
            match watchdog {
                None => stop.requested().await,
                Some(time) => {
                    let mut tick = tokio::time::interval(time / 2);
                    while stop.unless_requested(tick.tick()).await.is_some() {
                        self.send("WATCHDOG=1");
                    }
                }
            }
            self.send("STOPPING=1");
        });
    }

    fn send(&self, state: &str) {
        if let Err(error) = self.socket.send(state.as_bytes()) {
            tracing::warn!(state, %error, "the service manager was not notified");
        }
    }
}

#[cfg(unix)]
fn abstract_name(name: &OsStr) -> Option<&[u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    name.as_bytes().strip_prefix(b"@")
}

#[cfg(target_os = "linux")]
fn connect_abstract(socket: &UnixDatagram, name: &[u8]) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn connect_abstract(_socket: &UnixDatagram, _name: &[u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
