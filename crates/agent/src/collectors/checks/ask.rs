//! One check: connects, asks, reads, each within what is left of its time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::super::command;
use super::certificate;
use super::target::{Scheme, Target};

/// Bytes of a page that are read: enough for a status page, and no more than a process may hold.
const MAX_PAGE: u64 = 256 * 1024;

/// What ping may say.
const MAX_PING: u64 = 64 * 1024;

/// What is asked and what must come back.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) target: Target,
    pub(super) timeout: Duration,
    /// Good statuses; 200 to 399, if there are none.
    pub(super) status: Vec<u16>,
    /// Text that a page must hold; any, if empty.
    pub(super) body: String,
    /// Made when the first certificate is asked for.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) resolve: Option<Duration>,
    pub(super) connect: Option<Duration>,
    pub(super) total: Option<Duration>,
    pub(super) status: Option<u16>,
    /// End of the certificate, in nanoseconds since 1970.
    pub(super) certificate: Option<i64>,
    /// Why it is not good.
    pub(super) failure: Option<String>,
}

/// Asks within the time of the question, but for a resolver that does not answer.
pub(super) fn ask(question: &Question) -> Answer {
    let began = Instant::now();
    let mut answer = Answer::default();
    match try_ask(question, began, &mut answer) {
        Ok(()) => answer.total = answer.total.or(Some(began.elapsed())),
        Err(error) => answer.failure = Some(error.to_string()),
    }
    answer
}

fn try_ask(question: &Question, began: Instant, answer: &mut Answer) -> io::Result<()> {
    let target = &question.target;
    if target.scheme == Scheme::Ping {
        return ping(question, answer);
    }
    let addresses: Vec<SocketAddr> = (target.host.as_str(), target.port)
        .to_socket_addrs()?
        .collect();
    answer.resolve = Some(began.elapsed());
    if addresses.is_empty() {
        return Err(io::Error::other("the name has no address"));
    }
    if target.scheme == Scheme::Dns {
        return Ok(());
    }
    let left = || {
        question
            .timeout
            .checked_sub(began.elapsed())
            .filter(|left| !left.is_zero())
    };
    let left = || left().ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut));
    let connecting = Instant::now();
    let stream = connect(&addresses, left)?;
    answer.connect = Some(connecting.elapsed());
    stream.set_read_timeout(Some(left()?))?;
    stream.set_write_timeout(Some(left()?))?;
    let mut stream = Timed {
        stream,
        until: began + question.timeout,
    };
    match target.scheme {
        Scheme::Http => page(&mut stream, question, answer),
        Scheme::Https | Scheme::Tls => {
            let mut secured = secure(stream, question, answer)?;
            if target.scheme == Scheme::Https {
                page(&mut secured, question, answer)
            } else {
                Ok(())
            }
        }
        Scheme::Tcp | Scheme::Dns | Scheme::Ping => Ok(()),
    }
}

/// The first address that answers.
pub(super) fn connect(
    addresses: &[SocketAddr],
    left: impl Fn() -> io::Result<Duration>,
) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for address in addresses {
        match TcpStream::connect_timeout(address, left()?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A stream whose reads end with the time of the check, however slowly bytes drip.
pub(super) struct Timed {
    pub(super) stream: TcpStream,
    pub(super) until: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self
            .until
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero());
        self.stream
            .set_read_timeout(Some(left.ok_or(io::ErrorKind::TimedOut)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Shakes hands; a certificate that does not hold is a failure, whose end is told all the same.
pub(super) fn secure(
    mut stream: Timed,
    question: &Question,
    answer: &mut Answer,
) -> io::Result<StreamOwned<ClientConnection, Timed>> {
    let config = question
        .tls
        .clone()
        .ok_or_else(|| io::Error::other("no certificate authorities on this machine"))?;
    let name = ServerName::try_from(question.target.host.clone()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    let mut shaken = Ok(());
    while connection.is_handshaking() && shaken.is_ok() {
        shaken = connection.complete_io(&mut stream).map(|_| ());
    }
    let first = connection
        .peer_certificates()
        .and_then(|certificates| certificates.first());
    answer.certificate = first.and_then(|certificate| certificate::ends(certificate));
    shaken.map(|()| StreamOwned::new(connection, stream))
}

/// A request of HTTP/1.1 for one page; no redirect is followed.
fn page(
    stream: &mut (impl Read + Write),
    question: &Question,
    answer: &mut Answer,
) -> io::Result<()> {
    let target = &question.target;
    let agent = concat!("watchpost-agent/", env!("CARGO_PKG_VERSION"));
    let path = &target.path;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut bytes = Vec::new();
    let read = stream.take(MAX_PAGE).read_to_end(&mut bytes);
    // A server that ends a TLS connection without a word has still said what it said.
    if let Err(error) = read
        && (bytes.is_empty() || error.kind() != io::ErrorKind::UnexpectedEof)
    {
        return Err(error);
    }
    let text = String::from_utf8_lossy(&bytes);
    let status = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    let status = status.ok_or_else(|| io::Error::other("the answer is not HTTP"))?;
    answer.status = Some(status);
    let good = match question.status.as_slice() {
        [] => (200..400).contains(&status),
        statuses => statuses.contains(&status),
    };
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if !good {
        return Err(io::Error::other(format!("the status is {status}")));
    }
    if !body.contains(&question.body) {
        return Err(io::Error::other("the page does not hold the text"));
    }
    Ok(())
}

/// One packet by the system's ping, which has the rights for it.
fn ping(question: &Question, answer: &mut Answer) -> io::Result<()> {
    let seconds = question.timeout.as_secs().max(1).to_string();
    let arguments = [
        "-n",
        "-q",
        "-c",
        "1",
        "-W",
        &seconds,
        "--",
        &question.target.host,
    ];
    let output = command::run(
        "ping",
        &arguments,
        question.timeout + Duration::from_secs(1),
        MAX_PING,
    )?;
    if output.code != Some(0) {
        return Err(io::Error::other("no answer"));
    }
    // `rtt min/avg/max/mdev = 0.045/0.045/0.045/0.000 ms`
    let mean = output.text.lines().find_map(|line| {
        line.split_once(" = ")?
            .1
            .split('/')
            .next()?
            .parse::<f64>()
            .ok()
    });
    answer.total = mean
        .filter(|mean| mean.is_finite() && *mean >= 0.0)
        .map(|mean| Duration::from_secs_f64(mean / 1000.0));
    Ok(())
}
