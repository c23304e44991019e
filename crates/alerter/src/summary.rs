//! The sentence that people read first about an alert, one for each state that it can be in: what fires
//! says how bad it is, what ended says how long it lasted and how bad it was.

use crate::alert::{Alert, AlertState, Nanos, SECOND};
use crate::labels::{ALERT_NAME, Labels, SEVERITY};
use crate::quantity::{duration, quantity};
use crate::rules::definition::{Direction, Kind, Rule};

/// The states that a rule may give a summary of its own, in the order in which an alert passes them. A
/// removed rule's alert is told as a forgotten one.
pub const STATES: [AlertState; 7] = [
    AlertState::Firing,
    AlertState::Worse,
    AlertState::Better,
    AlertState::Recovering,
    AlertState::NoData,
    AlertState::Resolved,
    AlertState::Forgotten,
];

/// In a title: `FIRING`, `NO DATA`.
pub fn title(state: AlertState) -> String {
    match state {
        AlertState::Forgotten | AlertState::Removed => "NO LONGER WATCHED".to_owned(),
        state => state.as_str().replace('_', " ").to_uppercase(),
    }
}

/// Whether a summary that was written for a firing alert says what is so.
pub fn is_past_its_level(state: AlertState) -> bool {
    matches!(
        state,
        AlertState::Firing | AlertState::Worse | AlertState::Better
    )
}

/// How the numbers and the state of an alert are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wording {
    /// The value with its unit; empty where there is none.
    pub value: String,
    /// What was passed: `above 95 %`, `within 4h`.
    pub level: String,
    /// The worst value while it fired; empty where none is known.
    pub worst: String,
    /// That a host says nothing is what the alert is about.
    pub is_silence: bool,
}

impl Wording {
    /// Of an alert of a rule.
    pub fn of_rule(rule: &Rule, alert: &Alert) -> Wording {
        let unit = rule.unit();
        let shown = |value: Option<f64>| value.map(|value| value_text(rule, value));
        let level = alert.threshold.map(|level| match &rule.kind {
            Kind::Forecast { .. } => format!("within {}", quantity(level, unit)),
            Kind::NoData { .. } => quantity(level, unit),
            kind => format!("{} {}", side(kind), quantity(level, unit)),
        });
        Wording {
            value: shown(alert.value).unwrap_or_default(),
            level: level.unwrap_or_default(),
            worst: shown(alert.worst).unwrap_or_default(),
            is_silence: matches!(rule.kind, Kind::NoData { .. }),
        }
    }

    /// Of an alert without a rule: its numbers have no unit.
    pub fn plain(alert: &Alert) -> Wording {
        let shown = |value: Option<f64>| value.map(|value| quantity(value, ""));
        Wording {
            value: shown(alert.value).unwrap_or_default(),
            level: shown(alert.threshold).unwrap_or_default(),
            worst: shown(alert.worst).unwrap_or_default(),
            is_silence: false,
        }
    }
}

/// The value of a rule with its unit: a forecast says how much time is left.
fn value_text(rule: &Rule, value: f64) -> String {
    let text = quantity(value, rule.unit());
    match rule.kind {
        Kind::Forecast { .. } if value <= 0.0 => "none left".to_owned(),
        Kind::Forecast { .. } if value >= NEVER_SECONDS => "not in sight".to_owned(),
        Kind::Forecast { .. } => format!("{text} left"),
        _ => text,
    }
}

/// A forecast that far away is none (five years, in seconds).
const NEVER_SECONDS: f64 = 1.5e8;

fn side(kind: &Kind) -> &'static str {
    let direction = kind.levels().map(|levels| levels.direction);
    direction.map_or("at", Direction::word)
}

/// The summary where the rule has none of its own for the state.
pub fn default(rule: &Rule, alert: &Alert, now: Nanos) -> String {
    let end = alert.ends_at.filter(|end| *end <= now).unwrap_or(now);
    let sentence = Sentence {
        rule,
        alert,
        wording: Wording::of_rule(rule, alert),
        subject: subject(rule, &alert.labels),
        lasted: duration(end.saturating_sub(alert.starts_at) as f64 / SECOND as f64),
    };
    match &rule.kind {
        Kind::NoData { .. } => sentence.of_silence(),
        Kind::Forecast { level, .. } => sentence.of_forecast(*level),
        Kind::Anomaly { .. } => sentence.of_anomaly(),
        _ => sentence.of_value(),
    }
}

/// The parts of a summary.
struct Sentence<'a> {
    rule: &'a Rule,
    alert: &'a Alert,
    wording: Wording,
    subject: String,
    lasted: String,
}

impl Sentence<'_> {
    fn of_value(&self) -> String {
        let Wording { value, level, .. } = &self.wording;
        let subject = &self.subject;
        match self.alert.state {
            AlertState::Firing => format!("{subject} at {value}, {level}"),
            AlertState::Worse => format!("{subject} {} to {value}, {level}", self.away()),
            AlertState::Better => format!("{subject} {} to {value}, still {level}", self.back()),
            AlertState::Recovering => format!("{subject} at {value}{}", self.recovers()),
            AlertState::Resolved => format!("{subject} back at {value} after {}", self.past()),
            _ => self.without_data(),
        }
    }

    fn of_anomaly(&self) -> String {
        let Wording { value, level, .. } = &self.wording;
        let subject = &self.subject;
        match self.alert.state {
            AlertState::Firing => {
                format!("{subject} is unusual: {value} away from normal, {level}")
            }
            AlertState::Worse => format!("{subject} is even more unusual: {value}, {level}"),
            AlertState::Better => format!("{subject} is less unusual: {value}, still {level}"),
            AlertState::Recovering => {
                format!(
                    "{subject} is almost back to normal: {value}{}",
                    self.recovers()
                )
            }
            AlertState::Resolved => format!("{subject} is back to normal after {}", self.past()),
            _ => self.without_data(),
        }
    }

    fn of_forecast(&self, goal: f64) -> String {
        let (subject, goal) = (&self.subject, quantity(goal, self.rule.series_unit()));
        let seconds = self.alert.value.unwrap_or_default();
        let reaches = match seconds {
            seconds if seconds <= 0.0 => format!("{subject} has reached {goal}"),
            seconds if seconds >= NEVER_SECONDS => {
                format!("{subject} is no longer heading for {goal}")
            }
            seconds => format!("{subject} reaches {goal} in {}", duration(seconds)),
        };
        match self.alert.state {
            AlertState::Firing | AlertState::Worse => reaches,
            AlertState::Better => format!("{reaches}, later than forecast before"),
            AlertState::Recovering => format!("{reaches}, recovering{}", self.recovers()),
            AlertState::Resolved => {
                let levels = self.rule.kind.levels();
                let level = levels.and_then(|levels| levels.recover.or(levels.warn));
                let level = level.or(self.alert.threshold).unwrap_or_default();
                let within = duration(level);
                format!(
                    "{subject} no longer reaches {goal} within {within}, after {}",
                    self.lasted
                )
            }
            _ => self.without_data(),
        }
    }

    fn of_silence(&self) -> String {
        let subject = &self.subject;
        let value = duration(self.alert.value.unwrap_or_default());
        match self.alert.state {
            AlertState::Resolved => format!("{subject} sends data again after {}", self.silence()),
            AlertState::NoData | AlertState::Forgotten | AlertState::Removed => self.without_data(),
            _ => format!("{subject} has sent nothing for {value}"),
        }
    }

    /// How long nothing came: since the last point, which was before the alert.
    fn silence(&self) -> String {
        match self.alert.worst {
            Some(seconds) => duration(seconds),
            None => self.lasted.clone(),
        }
    }

    fn without_data(&self) -> String {
        let (subject, lasted) = (&self.subject, &self.lasted);
        match self.alert.state {
            AlertState::Forgotten => {
                let after = duration(self.rule.forget_after as f64 / SECOND as f64);
                format!("{subject} is no longer watched: no data for {after}")
            }
            AlertState::Removed => format!("{subject} is no longer watched: {}", self.alert.reason),
            _ if self.wording.value.is_empty() => format!("{subject} sends no data any more"),
            _ => format!(
                "{subject} sends no data any more; it was at {}, firing for {lasted}",
                self.wording.value
            ),
        }
    }

    /// The level behind which it ends.
    fn recovers(&self) -> String {
        let levels = self.rule.kind.levels();
        let Some((levels, recover)) = levels.and_then(|levels| Some((levels, levels.recover?)))
        else {
            return String::new();
        };
        let side = match levels.direction {
            Direction::Above => Direction::Below,
            Direction::Below => Direction::Above,
        };
        format!(
            ", ends {} {}",
            side.word(),
            quantity(recover, self.rule.unit())
        )
    }

    /// `12m (max 98 %)`
    fn past(&self) -> String {
        let side = match self.rule.kind.direction() {
            Direction::Above => "max",
            Direction::Below => "min",
        };
        match self.wording.worst.as_str() {
            "" => self.lasted.clone(),
            worst => format!("{} ({side} {worst})", self.lasted),
        }
    }

    /// How a value moves to where it is worse.
    fn away(&self) -> &'static str {
        match self.rule.kind.direction() {
            Direction::Above => "rose",
            Direction::Below => "fell",
        }
    }

    fn back(&self) -> &'static str {
        match self.rule.kind.direction() {
            Direction::Above => "fell",
            Direction::Below => "rose",
        }
    }
}

/// `CPU usage of web-1`, `Disk usage of /data on web-1`.
pub fn subject(rule: &Rule, labels: &Labels) -> String {
    let host = labels.get("host");
    if matches!(rule.kind, Kind::NoData { .. }) && !host.is_empty() {
        return host.to_owned();
    }
    let name = match &rule.kind {
        Kind::Flux { .. } => rule.name.clone(),
        _ => field_name(&rule.selector.field),
    };
    let part = part(rule, labels);
    match (part.is_empty(), host.is_empty()) {
        (true, true) => name,
        (true, false) => format!("{name} of {host}"),
        (false, true) => format!("{name} of {part}"),
        (false, false) => format!("{name} of {part} on {host}"),
    }
}

/// Tags that name a part of a host, the most telling first.
const PARTS: [&str; 6] = [
    "mountpoint",
    "interface",
    "device",
    "process",
    "cpu",
    "name",
];
/// Tags that say where a host is and what it is for, not which of its series is meant.
const OF_THE_HOST: [&str; 7] = [
    "host",
    "region",
    "environment",
    "service",
    "metric_type",
    ALERT_NAME,
    SEVERITY,
];

/// What the labels name besides the host.
fn part(rule: &Rule, labels: &Labels) -> String {
    if let Some(name) = PARTS.iter().find(|name| !labels.get(name).is_empty()) {
        let part = labels.get(name);
        // A number alone says nothing: `cpu 0`.
        return match part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => format!("{name} {part}"),
            false => part.to_owned(),
        };
    }
    let is_own = |name: &str| OF_THE_HOST.contains(&name) || !rule.labels.get(name).is_empty();
    let others = labels.iter().filter(|(name, _)| !is_own(name));
    let named: Vec<String> = others
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    named.join(", ")
}

/// `disk_usage_percent` is `Disk usage`.
fn field_name(field: &str) -> String {
    let unit = ["_percent", "_bytes", "_ms", "_seconds", "_mhz"];
    let name = unit.iter().find_map(|unit| field.strip_suffix(unit));
    let words = name
        .unwrap_or(field)
        .split('_')
        .filter(|word| !word.is_empty());
    let word = |(at, word): (usize, &str)| match word {
        "cpu" | "io" | "tcp" | "udp" | "ip" => word.to_uppercase(),
        _ if at == 0 => capital(word),
        _ => word.to_owned(),
    };
    words.enumerate().map(word).collect::<Vec<_>>().join(" ")
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}
