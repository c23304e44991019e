//! What systemd hears of a role, over a socket as it makes one.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use watchpost_service::service_manager::ServiceManager;
use watchpost_service::shutdown::{Drained, Shutdown};

/// Longest a datagram is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// What is heard of a role that stops after `count` datagrams.
fn story(
    socket: &UnixDatagram,
    name: &std::ffi::OsStr,
    watchdog: Option<Duration>,
    count: usize,
) -> Vec<String> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let shutdown = Shutdown::new();
        let manager = ServiceManager::connect(name).unwrap();
        manager.keep_notified(watchdog, &shutdown);
        let mut story: Vec<String> = (0..count).map(|_| heard(socket)).collect();
        assert_eq!(shutdown.drain(PATIENCE).await, Drained::Complete);
        story.push(heard(socket));
        story
    })
}

#[test]
fn it_hears_that_a_role_is_ready_works_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    // So long a watchdog that only the first tick, which is at once, falls into the test.
    let watchdog = Some(Duration::from_secs(3_600));
    assert_eq!(
        story(&socket, path.as_os_str(), watchdog, 2),
        ["READY=1", "WATCHDOG=1", "STOPPING=1"]
    );
}

#[test]
fn without_a_watchdog_it_hears_nothing_between() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    assert_eq!(
        story(&socket, path.as_os_str(), None, 1),
        ["READY=1", "STOPPING=1"]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_begins_with_an_at_sign() {
    use std::os::linux::net::SocketAddrExt as _;
    let name = format!("watchpost-notify-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let name = format!("@{name}");
    assert_eq!(
        story(&socket, name.as_ref(), None, 1),
        ["READY=1", "STOPPING=1"]
    );
}

#[test]
fn a_socket_that_is_not_there_is_an_error() {
    assert!(ServiceManager::connect("/nowhere/notify".as_ref()).is_err());
}
