//! A server that takes everything, or nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::read::GzDecoder;

/// A server that counts lines.
pub(crate) struct Sink {
    pub(crate) url: String,
    lines: Arc<AtomicU64>,
    refuses: Arc<AtomicBool>,
}

impl Sink {
    /// Listens on a port of loopback.
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (lines, refuses) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (counted, refusing) = (Arc::clone(&lines), Arc::clone(&refuses));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, refusing) = (Arc::clone(&counted), Arc::clone(&refusing));
                std::thread::spawn(move || serve(stream, &counted, &refusing));
            }
        });
        Ok(Self {
            url,
            lines,
            refuses,
        })
    }

    /// Lines taken so far.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Whether it answers 503 from now on.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }
}

/// Answers 204, or 503, to every write of a connection, and pages to what is asked of it.
fn serve(stream: TcpStream, lines: &AtomicU64, refuses: &AtomicBool) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    loop {
        let (mut length, mut line, mut request) = (0_u64, String::new(), String::new());
        if input.read_line(&mut request).ok()? == 0 {
            return None;
        }
        while input.read_line(&mut line).ok()? > 2 {
            if let Some((_, value)) = line
                .split_once(':')
                .filter(|(key, _)| key.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        if length == 0 {
            answer_page(&mut out, &request)?;
            continue;
        }
        let mut body = Vec::new();
        GzDecoder::new(input.by_ref().take(length))
            .read_to_end(&mut body)
            .ok()?;
        let status = if refuses.load(Ordering::Relaxed) {
            "503 Service Unavailable"
        } else {
            lines.fetch_add(
                body.iter().filter(|byte| **byte == b'\n').count() as u64,
                Ordering::Relaxed,
            );
            "204 No Content"
        };
        out.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
            .ok()?;
    }
}

/// Samples of the page that is scraped.
const SAMPLES: usize = 500;

/// A page of Prometheus' text, or of what is well.
fn answer_page(out: &mut TcpStream, request: &str) -> Option<()> {
    let page = if request.contains("/metrics") {
        let sample = |number| {
            format!(
                "metric_{number}{{a=\"b\",c=\"{}\"}} {number}\n",
                number % 40
            )
        };
        (0..SAMPLES).map(sample).collect()
    } else {
        "{\"status\":\"pass\"}".to_owned()
    };
    let head = format!("content-type: text/plain\r\ncontent-length: {}", page.len());
    out.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}").as_bytes())
        .ok()
}
