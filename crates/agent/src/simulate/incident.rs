//! Scripted incidents: what goes wrong in a fleet, on which host, when and for how long.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use watchpost_service::config::Interval;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The processors are busy: 97 % and a load to match.
    CpuSpike,
    /// The root file system fills up to 99 % over the length of the incident, and stays full.
    DiskFill,
    /// Somebody makes room: a disk that was filled is as before, from then on.
    DiskClean,
    /// The host says nothing.
    Silent,
}

impl Kind {
    const ALL: [(&'static str, Self); 4] = [
        ("cpu-spike", Self::CpuSpike),
        ("disk-fill", Self::DiskFill),
        ("disk-clean", Self::DiskClean),
        ("silent", Self::Silent),
    ];

    /// How long it takes unless told otherwise: long enough for the default rules to see it.
    fn default_length(self) -> Duration {
        match self {
            Self::CpuSpike | Self::DiskFill => Duration::from_secs(600),
            Self::Silent => Duration::from_secs(300),
            Self::DiskClean => Duration::ZERO,
        }
    }
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What goes wrong.
    pub kind: Kind,
    /// The host's name, or `*` for all.
    pub host: String,
    /// Time after the start of the simulation.
    pub after: Duration,
    /// How long it takes.
    pub length: Duration,
}

/// Text that is no incident.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an incident: {problem}; write one as cpu-spike@host-3:+60s or disk-fill@host-1:+5m:for=20m"
)]
pub struct ParseIncidentError {
    text: String,
    problem: String,
}

impl Incident {
    /// How far it is at `elapsed` nanoseconds after the start: `None` before it and after it, else 0 to 1.
    /// A disk stays full, or clean.
    pub fn progress(&self, elapsed: i64) -> Option<f64> {
        let since = elapsed as f64 / 1e9 - self.after.as_secs_f64();
        let share = if self.length.is_zero() {
            1.0
        } else {
            since / self.length.as_secs_f64()
        };
        match self.kind {
            _ if since < 0.0 => None,
            Kind::DiskFill | Kind::DiskClean => Some(share.min(1.0)),
            _ => (share < 1.0).then_some(share),
        }
    }

    /// Whether it happens to the host of this name.
    pub fn concerns(&self, host: &str) -> bool {
        self.host == "*" || self.host == host
    }
}

impl FromStr for Incident {
    type Err = ParseIncidentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |problem: String| ParseIncidentError {
            text: text.to_owned(),
            problem,
        };
        let (kind, rest) = text
            .split_once('@')
            .ok_or_else(|| fail("no @ before the host".to_owned()))?;
        let kind = Kind::ALL
            .iter()
            .find(|(name, _)| *name == kind)
            .map(|(_, kind)| *kind)
            .ok_or_else(|| {
                fail(format!(
                    "{kind:?} is none of {}",
                    Kind::ALL.map(|(name, _)| name).join(", ")
                ))
            })?;
        let mut parts = rest.split(':');
        let host = parts.next().unwrap_or_default();
        if host.is_empty() {
            return Err(fail("no host after the @".to_owned()));
        }
        let duration = |text: &str| {
            text.parse::<Interval>()
                .map(Interval::get)
                .map_err(|error| fail(error.to_string()))
        };
        let after = parts.next().and_then(|after| after.strip_prefix('+'));
        let after = duration(after.ok_or_else(|| fail("no :+TIME after the host".to_owned()))?)?;
        let length = match parts.next() {
            None => kind.default_length(),
            Some(part) => duration(
                part.strip_prefix("for=")
                    .ok_or_else(|| fail(format!("{part:?} is not for=LENGTH")))?,
            )?,
        };
        match parts.next() {
            None => Ok(Self {
                kind,
                host: host.to_owned(),
                after,
                length,
            }),
            Some(part) => Err(fail(format!("{part:?} is too much"))),
        }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Kind::ALL
            .iter()
            .find(|(_, kind)| *kind == self.kind)
            .map_or("", |(name, _)| name);
        write!(
            f,
            "{name}@{}:+{}:for={}",
            self.host,
            Interval(self.after),
            Interval(self.length)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Incident;

    #[test]
    fn incidents_are_written_and_read() {
        for text in ["cpu-spike@host-3:+1m:for=10m", "silent@*:+0s:for=5m"] {
            assert_eq!(text.parse::<Incident>().unwrap().to_string(), text);
        }
        assert_eq!(
            "disk-fill@a:+60s".parse::<Incident>().unwrap().to_string(),
            "disk-fill@a:+1m:for=10m"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| text.parse::<Incident>().unwrap_err().to_string();
        assert!(
            error("fire@host-1:+1s")
                .contains("is none of cpu-spike, disk-fill, disk-clean, silent")
        );
        assert!(error("silent").contains("no @"));
        assert!(error("silent@host-1").contains("no :+TIME"));
        assert!(error("silent@host-1:+x").contains("duration"));
        assert!(error("silent@host-1:+1s:5m").contains("not for=LENGTH"));
    }

    #[test]
    fn a_spike_ends_and_a_full_disk_stays_full() {
        let second = 1_000_000_000;
        let spike: Incident = "cpu-spike@a:+10s:for=10s".parse().unwrap();
        assert_eq!(
            [9, 10, 15, 20].map(|at| spike.progress(at * second)),
            [None, Some(0.0), Some(0.5), None]
        );
        let fill: Incident = "disk-fill@a:+10s:for=10s".parse().unwrap();
        assert_eq!(fill.progress(100 * second), Some(1.0));
    }
}
