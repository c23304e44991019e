//! The fake webhook and the fake Slack.

use std::time::Duration;

use watchpost_testkit::{HttpReceiver, Refusal};

use crate::talk;

const POST: &str = "POST /hook?a=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                    Connection: close\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";

#[test]
fn requests_are_recorded_whole() {
    let receiver = HttpReceiver::webhook();
    let answer = talk(receiver.address(), POST);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let requests = receiver.requests.wait(1);
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path, "/hook?a=1");
    assert_eq!(requests[0].header("content-TYPE"), Some("application/json"));
    assert_eq!(requests[0].text(), "{\"a\": 1}");
    receiver.requests.clear();
    assert!(receiver.requests.is_empty());
}

#[test]
fn a_held_request_is_recorded_and_not_answered() {
    let receiver = HttpReceiver::webhook();
    receiver.hold(true);
    let mut stream = std::net::TcpStream::connect(receiver.address()).unwrap();
    std::io::Write::write_all(&mut stream, POST.as_bytes()).unwrap();
    receiver.requests.wait(1);
    stream.set_nonblocking(true).unwrap();
    let nothing = std::io::Read::read(&mut stream, &mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    receiver.hold(false);
    assert!(talk(receiver.address(), POST).starts_with("HTTP/1.1 200"));
}

#[test]
fn slack_says_ok() {
    let receiver = HttpReceiver::slack();
    assert!(talk(receiver.address(), POST).ends_with("ok"));
    assert!(receiver.url("/T/B/x").ends_with("/T/B/x"));
}

#[test]
fn the_first_requests_are_refused_as_told() {
    let receiver = HttpReceiver::webhook();
    receiver.refuse(1, &Refusal::status(429).retry_after("7").body("slow down"));
    receiver.refuse(1, &Refusal::status(503));
    receiver.delay(Duration::from_millis(1));
    let answer = talk(receiver.address(), POST);
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("retry-after: 7\r\n"), "{answer}");
    assert!(answer.ends_with("slow down"), "{answer}");
    assert!(talk(receiver.address(), POST).starts_with("HTTP/1.1 503"));
    assert!(talk(receiver.address(), POST).starts_with("HTTP/1.1 200"));
    assert_eq!(receiver.requests.len(), 3);
}

#[test]
fn a_dropped_receiver_leaves_its_port() {
    let receiver = HttpReceiver::webhook();
    let address = receiver.address();
    drop(receiver);
    watchpost_testkit::wait::until("the port to close", || {
        std::net::TcpStream::connect(address).err()
    });
}

#[test]
fn tests_on_tokio_can_wait() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let receiver = HttpReceiver::webhook();
        let address = receiver.address();
        let sending = tokio::task::spawn_blocking(move || talk(address, POST));
        assert_eq!(receiver.requests.wait_async(1).await.len(), 1);
        sending.await.unwrap();
    });
}
