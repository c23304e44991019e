//! Holds a platform under what a bad day brings: thousands of connections of which some are slow, readers that do not read,
//! a disk that fills up, a clock that steps a year each way. Meanwhile every daemon says that it lives, within a second; and
//! at the end, after a kill, each write that was acknowledged is there.

mod crowd;
mod probe;
mod truth;
mod weather;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::measure;
use crate::platform::Site;
use weather::Clock;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How long it goes on.
    pub time: Duration,
    /// Connections to all daemons together.
    pub connections: usize,
}

/// The daemons that are held under it.
const DAEMONS: [&str; 4] = ["engine", "web", "alerter", "agent"];

/// The longest that a daemon may take to say that it lives.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shared by all threads: set when it is over.
#[derive(Clone, Default)]
struct End(Arc<AtomicBool>);

impl End {
    fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps, but not beyond the end.
    fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.has_come() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50).min(time));
        }
    }
}

/// What was found.
pub struct Report {
    seconds: u64,
    crowd: crowd::Counts,
    health: probe::Health,
    weather: weather::Weather,
    truth: truth::Truth,
}

impl measure::Report for Report {
    /// Nothing that was acknowledged is lost, and health answered in time.
    fn holds(&self) -> bool {
        self.truth.lost() == 0 && self.truth.acknowledged() > 0 && self.health.late == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} s", self.seconds)?;
        writeln!(f, "connections: {}", self.crowd)?;
        writeln!(f, "weather: {}", self.weather)?;
        writeln!(f, "health: {}", self.health)?;
        write!(f, "writes: {}", self.truth)
    }
}

/// Runs it. `None`, and said so, where a binary is not built.
///
/// # Errors
/// A thread of its own cannot be started, or has panicked.
pub fn run(terms: &Terms) -> Result<Option<Report>, String> {
    crowd::raise_limit();
    let rules = |_: &Path| include_str!("../../../../deploy/rules.toml").to_owned();
    let Some(site) = Site::new(rules) else {
        return Ok(None);
    };
    let clock = Clock::find(&site.path("clock"));
    let platform = site.up_as(|command| clock.command_of(command));
    let end = End::default();
    let truth = truth::Writer::new(&platform)?;
    let addresses = DAEMONS.map(|role| platform.authority(role));
    let outcome = std::thread::scope(|threads| {
        let writer = threads.spawn(|| truth.write(&end));
        let crowd = threads.spawn(|| crowd::press(&addresses, terms.connections, &platform, &end));
        let health = threads.spawn(|| probe::ask(&addresses, &end));
        let weather = threads.spawn(|| weather::change(&site, &clock, &end));
        end.sleep(terms.time);
        end.0.store(true, Ordering::Relaxed);
        let gone = |_| "a thread panicked".to_owned();
        Ok::<_, String>((
            writer.join().map_err(gone)?,
            crowd.join().map_err(gone)??,
            health.join().map_err(gone)?,
            weather.join().map_err(gone)?,
        ))
    });
    let (written, crowd, health, weather) = outcome?;
    platform.kill("engine");
    let truth = truth.compare(&platform, written);
    platform.stop();
    Ok(Some(Report {
        seconds: terms.time.as_secs(),
        crowd,
        health,
        weather,
        truth,
    }))
}
