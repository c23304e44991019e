//! Asks every daemon for its health, over a new connection each time, as a load balancer does.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{DAEMONS, End, PATIENCE};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest that an answer is waited for, so that it can be said how late it was.
const GIVE_UP: Duration = Duration::from_secs(15);

/// How the daemons answered.
#[derive(Default)]
pub(super) struct Health {
    /// Times of all answers.
    times: Vec<Duration>,
    /// Answers that came later than they may, or not at all.
    pub(super) late: usize,
    slowest: Option<(&'static str, Duration)>,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = |share: usize| {
            times.get((times.len() * share / 1_000).min(times.len().saturating_sub(1)))
        };
        let milliseconds = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
        write!(
            f,
            "{} answers, median {} ms, 99 % within {} ms, 99.9 % within {} ms; {} later than {} ms",
            times.len(),
            milliseconds(at(500)),
            milliseconds(at(990)),
            milliseconds(at(999)),
            self.late,
            PATIENCE.as_millis()
        )?;
        match &self.slowest {
            Some((daemon, time)) => write!(f, "; the slowest {} ms, of {daemon}", time.as_millis()),
            None => Ok(()),
        }
    }
}

pub(super) fn ask(addresses: &[String; DAEMONS.len()], end: &End) -> Health {
    let mut health = Health::default();
    while !end.has_come() {
        for (daemon, address) in DAEMONS.into_iter().zip(addresses) {
            let began = Instant::now();
            let is_well = one(address).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"));
            let took = began.elapsed();
            health.times.push(took);
            if !is_well || took > PATIENCE {
                health.late += 1;
                eprintln!(
                    "health of {daemon}: {} after {} ms",
                    if is_well { "well" } else { "no" },
                    took.as_millis()
                );
            }
            if health.slowest.is_none_or(|(_, slowest)| took > slowest) {
                health.slowest = Some((daemon, took));
            }
        }
        end.sleep(PAUSE);
    }
    health
}

fn one(address: &str) -> Option<String> {
    let address: SocketAddr = address.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&address, GIVE_UP).ok()?;
    stream.set_read_timeout(Some(GIVE_UP)).ok()?;
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
