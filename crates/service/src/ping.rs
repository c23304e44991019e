//! Whether the process on this machine answers, for health checks that have no program but this one: a container without
//! a shell.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// Time to connect, and again for the answer: half of what health checks usually wait.
const DEADLINE: Duration = Duration::from_secs(2);

/// Bytes read of an answer: its first line.
const ANSWER: u64 = 64;

/// Asks `/health` at the address that the process listens on and says how it went. Exit code 0 if it answers with 200.
///
/// Over TLS only that the port opens is tried: no certificate names the loopback address.
pub fn answer(listen: SocketAddr, has_tls: bool) -> ExitCode {
    match ask(listen, has_tls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{listen} does not answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(listen: SocketAddr, has_tls: bool) -> io::Result<()> {
    let address = reachable(listen);
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    if has_tls {
        return Ok(());
    }
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    // In one piece: a server that answers the first of several pieces and closes resets the connection, and its answer is
    // lost.
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(stream.take(ANSWER)).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    match line.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(io::Error::other(line.trim_end().to_owned())),
    }
}

/// Loopback, where the process listens on all addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(it) if it.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(it) if it.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(address, listen.port())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::{ask, reachable};

    #[test]
    fn all_addresses_are_asked_over_loopback() {
        let asked = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:5000"), "127.0.0.1:5000");
        assert_eq!(asked("[::]:5000"), "[::1]:5000");
        assert_eq!(asked("10.0.0.7:5000"), "10.0.0.7:5000");
    }

    #[test]
    fn only_a_200_is_well() {
        for (answer, well) in [
            ("HTTP/1.1 200 OK\r\n\r\n{}", true),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
            ("", false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                // To its end: closing before it is read resets the connection.
                let mut lines = BufReader::new(&stream).lines();
                while lines.next().unwrap().unwrap() != "" {}
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert_eq!(ask(address, false).is_ok(), well, "{answer}");
            server.join().unwrap();
            // Nobody listens any more.
            assert!(ask(address, false).is_err());
        }
    }
}
