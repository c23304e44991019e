//! A server that reads requests and answers what a test wrote down, byte for byte, so that broken
//! answers can be scripted too.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use watchpost_client::{Client, ClientConfig, TokenSource};

/// A request as it came; its body is unpacked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `POST /api/v2/write?org=o`.
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Status, more header lines, body.
    Full(u16, String, String),
    /// A body in pieces, each sent on its own.
    Pieces(Vec<Vec<u8>>),
    /// A body that ends before it should.
    Broken(Vec<u8>),
    /// The connection is closed without a word.
    Closed,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Answer::Full(status, String::new(), String::new())
    }

    pub(crate) fn json(body: &str) -> Self {
        Answer::Full(
            200,
            "content-type: application/json\r\n".into(),
            body.into(),
        )
    }

    /// From text: `STATUS`, header lines, an empty line, the body.
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.parse().ok())
            .expect("a status");
        let headers = lines.map(|line| format!("{line}\r\n")).collect();
        Answer::Full(status, headers, body.trim_end_matches('\n').to_owned())
    }
}

/// The running server.
pub(crate) struct Scripted {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    /// Answers each request with the next of `answers`; the connection is closed after each.
    pub(crate) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, answer, &seen).await;
            }
        });
        Self { url, requests }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn config(&self) -> ClientConfig {
        ClientConfig::new(&self.url, "my org", TokenSource::fixed("t0ken"))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.config()).unwrap()
    }
}

async fn serve(stream: TcpStream, answer: Answer, seen: &Mutex<Vec<Request>>) {
    let mut stream = BufReader::new(stream);
    let request = read(&mut stream).await;
    seen.lock().unwrap().push(request);
    let close = "connection: close\r\n";
    match answer {
        Answer::Closed => {}
        Answer::Full(status, headers, body) => {
            let length = format!("content-length: {}\r\n", body.len());
            // 204 has no body and no length.
            let length = if status == 204 { "" } else { &length };
            let answer = format!("HTTP/1.1 {status} X\r\n{headers}{length}{close}\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        Answer::Pieces(pieces) => {
            let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{close}\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                let size = format!("{:x}\r\n", piece.len());
                stream
                    .write_all(&[size.as_bytes(), piece, b"\r\n"].concat())
                    .await
                    .unwrap();
                stream.flush().await.unwrap();
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        Answer::Broken(body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n{close}\r\n");
            stream
                .write_all(&[head.as_bytes(), &body].concat())
                .await
                .unwrap();
        }
    }
    // The client may have gone already, as it does when it meets a limit.
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Request {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let gzip = headers
        .get("content-encoding")
        .is_some_and(|encoding| encoding == "gzip");
    let mut text = String::new();
    if gzip {
        flate2::read::GzDecoder::new(&body[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(body).unwrap();
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Request {
        line,
        headers,
        body: text,
    }
}
