//! Asking the metrics port of an agent on this host: plain HTTP to a loopback address, for which the
//! InfluxDB client (tokens, TLS, retries) would be the wrong tool.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The answer comes from memory: longer than this there is none.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Far above what the agent's metrics take (200 series a metric at most).
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Gets `path` from `address`. HTTP/1.0, so that the answer is whole when the connection ends.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())
            .await?;
        let mut text = String::new();
        stream
            .take(MAX_ANSWER_BYTES)
            .read_to_string(&mut text)
            .await?;
        io::Result::Ok(text)
    };
    let text = tokio::time::timeout(TIMEOUT, exchange)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    parse(&text).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the answer is not HTTP: another program listens there",
        )
    })
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Answer, parse};

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}");
        assert_eq!(
            answer,
            Some(Answer {
                status: 503,
                body: "{}".to_owned()
            })
        );
        assert_eq!(parse("SSH-2.0-OpenSSH"), None);
    }
}
