//! Bodies while they are sent: one that never ends costs its sender, nobody else, and no more than the account has.

use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchpost_engine::clock::SystemClock;
use watchpost_engine::limits::Limits;

use crate::running::{Running, answered};

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_never_end_stay_within_their_part() {
    const MEMORY: usize = 256 << 20;
    const SENT: usize = 12 << 20;
    let limits = Limits {
        max_memory_bytes: 4 * MEMORY,
        ..Limits::default()
    };
    let server = Running::with(limits, Arc::new(SystemClock)).await;
    server.perform_setup().await;
    let org = server.json("/api/v2/orgs").await["orgs"][0]["id"].clone();
    let permission = json!({ "action": "write", "resource": { "type": "buckets", "orgID": org } });
    let token = server.token(&org, vec![permission]).await;
    let part = server.app.memory.limit() / 4;
    let head = format!(
        "POST /api/v2/write?org=myorg&bucket=bench HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Token {token}\r\nContent-Length: {}\r\n\r\n",
        60 << 20
    );
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut refused = 0;
    let mut open = Vec::new();
    for _ in 0..2 * part / SENT {
        let mut upload = TcpStream::connect(&address).await.expect("connects");
        upload.write_all(head.as_bytes()).await.expect("is sent");
        let chunk = vec![b'x'; 1 << 20];
        for _ in 0..SENT >> 20 {
            // A server that refused reads no more.
            if upload.write_all(&chunk).await.is_err() {
                break;
            }
        }
        // What is held grows until the account is used up; then the answer is there before the body.
        let mut answer = [0; 512];
        let wait = std::time::Duration::from_millis(200);
        if let Ok(Ok(length)) = tokio::time::timeout(wait, upload.read(&mut answer)).await {
            let answer = String::from_utf8_lossy(&answer[..length]).to_ascii_lowercase();
            assert!(answer.starts_with("http/1.1 503"), "{answer}");
            assert!(answer.contains("retry-after"), "{answer}");
            refused += 1;
        } else {
            open.push(upload);
        }
        assert!(
            server.app.bodies.held() <= part,
            "{}",
            server.app.bodies.held()
        );
    }
    assert!(refused > 0, "{} uploads are open", open.len());
    // Another token has its own part.
    assert_eq!(server.write("m v=1").await.0, 204);
    drop(open);
    let mut held = server.app.bodies.held();
    while held > 0 {
        tokio::task::yield_now().await;
        held = server.app.bodies.held();
    }
    let again = server
        .request_with(&token, "POST", "/api/v2/write?org=myorg&bucket=bench")
        .body("m v=2");
    assert_eq!(answered(again).await.0, 204);
}
