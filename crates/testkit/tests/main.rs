//! The test kit is tested as its users see it: suites in temporary folders, receivers spoken to
//! over sockets, shells as daemons.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod daemon;
mod http_receiver;
mod server;
mod skip;
mod smtp_receiver;
mod wait;

/// Everything a connection says until the other side closes it.
fn talk(address: std::net::SocketAddr, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
