//! Unix sockets for programs of the host.

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

/// Who reaches the folder may send, as with loopback: the folder's owner decides.
const MODE: u32 = 0o666;

/// A socket for datagrams at `path`. One that a dead process left is replaced.
///
/// Errors: a process listens there, the path is no socket, or the folder may not be written; the message names it.
pub(super) fn datagrams(path: &Path) -> io::Result<UnixDatagram> {
    let is_alive = || UnixDatagram::unbound().and_then(|socket| socket.connect(path));
    bound(path, is_alive, || UnixDatagram::bind(path))
}

/// A socket for connections at `path`. See [`datagrams`].
pub(super) fn connections(path: &Path) -> io::Result<UnixListener> {
    let is_alive = || UnixStream::connect(path).map(drop);
    bound(path, is_alive, || UnixListener::bind(path))
}

fn bound<S>(
    path: &Path,
    is_alive: impl Fn() -> io::Result<()>,
    bind: impl Fn() -> io::Result<S>,
) -> io::Result<S> {
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {}: {error}", path.display()),
        )
    };
    if let Ok(found) = path.symlink_metadata() {
        let refused = || is_alive().is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused);
        if !found.file_type().is_socket() || !refused() {
            return Err(named(ErrorKind::AddrInUse.into()));
        }
        std::fs::remove_file(path).map_err(named)?;
    }
    let socket = bind().map_err(named)?;
    std::fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(named)?;
    Ok(socket)
}
