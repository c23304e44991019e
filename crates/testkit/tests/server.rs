//! Whichever server can be had answers, and our engine comes back on its port.

use std::net::SocketAddr;

use watchpost_testkit::{Server, server};

use crate::talk;

fn health(server: &Server) -> String {
    let authority = server.url.strip_prefix("http://").unwrap();
    let address: SocketAddr = authority.parse().unwrap();
    talk(
        address,
        &format!("GET /health HTTP/1.0\r\nHost: {authority}\r\n\r\n"),
    )
}

#[test]
fn the_server_is_healthy_also_after_a_crash() {
    let Some(mut server) = server() else {
        return;
    };
    if !server.is_embedded() {
        return watchpost_testkit::skip("only the engine can be killed by a test");
    }
    assert!(health(&server).contains(" 200 "), "{}", server.log());
    let url = server.url.clone();
    server.kill();
    server.start_again();
    assert_eq!(server.url, url);
    assert!(health(&server).contains(" 200 "), "{}", server.log());
    server.restart();
    assert!(health(&server).contains(" 200 "), "{}", server.log());
}
