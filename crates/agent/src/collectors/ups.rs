//! Uninterruptible power supplies that NUT watches: its daemon (upsd) is asked by its protocol (RFC 9271), where it
//! listens.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

/// How long the daemon may take for a connection, and for each answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Supplies at most.
const MAX_SUPPLIES: usize = 16;

/// Bytes of all its answers: a supply has some 60 variables.
const MAX_BYTES: u64 = 256 * 1024;

/// Variables of a supply by their names.
type Variables = BTreeMap<String, String>;

/// The supplies of one daemon.
pub struct Ups {
    address: String,
    failing: bool,
}

impl Ups {
    /// Asks the daemon at `address`.
    pub fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            failing: false,
        }
    }

    fn ask(&self) -> io::Result<Vec<(String, Variables)>> {
        let address = self.address.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let mut daemon = Daemon {
            answers: BufReader::new(stream.try_clone()?.take(MAX_BYTES)),
            stream,
        };
        let supplies = daemon.list("UPS")?;
        let mut all = Vec::new();
        for (supply, _) in supplies.into_iter().take(MAX_SUPPLIES) {
            let variables = daemon.list(&format!("VAR {supply}"))?;
            all.push((supply, variables.into_iter().collect()));
        }
        // It would end with the connection, too.
        let _ = daemon.stream.write_all(b"LOGOUT\n");
        Ok(all)
    }
}

struct Daemon {
    stream: TcpStream,
    answers: BufReader<io::Take<TcpStream>>,
}

impl Daemon {
    /// `LIST WHAT`: names and texts between `BEGIN LIST WHAT` and `END LIST WHAT`, each line `WHAT NAME "TEXT"`.
    fn list(&mut self, what: &str) -> io::Result<Vec<(String, String)>> {
        self.stream.write_all(format!("LIST {what}\n").as_bytes())?;
        let begin = self.line()?;
        if begin != format!("BEGIN LIST {what}") {
            let why = format!("it answers {begin:?} to LIST {what}");
            return Err(io::Error::other(why));
        }
        let mut list = Vec::new();
        loop {
            let line = self.line()?;
            if line.starts_with("END LIST") {
                return Ok(list);
            }
            let rest = line.strip_prefix(what).map(str::trim_start);
            if let Some((name, text)) = rest.and_then(|rest| rest.split_once(' ')) {
                list.push((name.to_owned(), unquoted(text)));
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.answers.read_until(b'\n', &mut bytes)?;
        match bytes.pop() {
            Some(b'\n') => Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned()),
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A text in quotes, in which quotes and backslashes have a backslash before them.
fn unquoted(text: &str) -> String {
    let text = text.strip_prefix('"').unwrap_or(text);
    let text = text.strip_suffix('"').unwrap_or(text);
    text.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// The states of `ups.status` are words: `OL CHRG`, `OB LB` (on line, on battery, low battery).
fn row(supply: &str, variables: &Variables, at: i64) -> Row {
    let number = |name: &str| {
        let value = variables.get(name)?.parse::<f64>().ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };
    let share = |name: &str, most: f64| number(name).filter(|value| *value <= most);
    let status = variables.get("ups.status");
    let has = |state: &str| {
        let mut states = status?.split_ascii_whitespace();
        Some(u64::from(states.any(|word| word == state)))
    };
    Row::new("system", at)
        .tag("sensor", supply)
        .optional_float("battery_percent", share("battery.charge", 100.0))
        .optional_integer("battery_discharging", has("OB"))
        .optional_integer("battery_low", has("LB"))
        .optional_integer("battery_replace", has("RB"))
        .optional_integer("mains_online", has("OL"))
        .optional_integer(
            "battery_runtime_seconds",
            number("battery.runtime").map(|seconds| seconds as u64),
        )
        // Above a hundred it is overloaded.
        .optional_float(
            "ups_load_percent",
            share("ups.load", 1000.0).map(|load| load.min(100.0)),
        )
}

impl Collector for Ups {
    fn name(&self) -> &'static str {
        "ups"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        match self.ask() {
            Ok(supplies) => {
                self.failing = false;
                for (supply, variables) in &supplies {
                    points.push(row(supply, variables, at));
                }
            }
            // Most hosts have none.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused && !self.failing => {}
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(address = self.address, %error, "NUT's daemon cannot be queried.");
                }
            }
        }
        Ok(())
    }
}
