//! A server as InfluxDB 1.8 is: it tells its health, and knows none of the management paths.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Answers until the process ends.
pub(crate) struct OldServer {
    pub(crate) url: String,
}

impl OldServer {
    pub(crate) fn start() -> OldServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream);
            }
        });
        OldServer { url }
    }
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    let (status, body) = match first.contains(" /health ") {
        true => (
            "200 OK",
            r#"{"name":"influxdb","message":"ready for queries and writes","status":"pass","checks":[],"version":"1.8.10"}"#,
        ),
        false => ("404 Not Found", "404 page not found\n"),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + body).as_bytes()).ok()
}
