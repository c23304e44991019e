//! What a message says of one alert beside its summary: few short facts, each once.

use super::text::single_line;
use crate::labels::{ALERT_NAME, SEVERITY};
use crate::template::{AlertView, is_visible};

/// Longest text of a fact, in bytes: a label may hold a page.
const FACT_LIMIT: usize = 300;
/// Labels beyond this are left out.
const LABELS_SHOWN: usize = 8;

/// A name and a text on one line, without markup and not escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// Host, value, level, time, and the labels that are not said by then.
pub(super) fn of(alert: &AlertView<'_>) -> Vec<Fact> {
    let is_over = alert.ends_at.is_some();
    let level = match (alert.level.is_empty(), is_over) {
        (true, _) => String::new(),
        (false, true) => alert.level.clone(),
        (false, false) => format!("{} ({})", alert.level, alert.severity),
    };
    let worst = Some(&alert.worst).filter(|worst| **worst != alert.value_with_unit);
    let time = match is_over {
        true => format!("{} – {}, {}", alert.since, alert.until, alert.lasted),
        false => format!("{} ({})", alert.since, alert.lasted),
    };
    let facts = [
        ("Host", alert.host.to_owned()),
        ("Value", alert.value_with_unit.clone()),
        (worst_name(&alert.level), worst.cloned().unwrap_or_default()),
        ("Level", level),
        (if is_over { "Lasted" } else { "Since" }, time),
        ("Rule", alert.name.to_owned()),
        ("Labels", labels(alert)),
    ];
    let facts = facts.into_iter().filter(|(_, text)| is_visible(text));
    let fact = |(name, text): (&'static str, String)| Fact {
        name,
        text: super::cut(&single_line(&text), FACT_LIMIT),
    };
    facts.map(fact).collect()
}

/// The worst value is the greatest or the least, by the side of its level.
fn worst_name(level: &str) -> &'static str {
    match level.split(' ').next() {
        Some("above") => "Max",
        Some("below") => "Min",
        _ => "Worst",
    }
}

/// Labels that say more than name, host, severity and summary do.
fn labels(alert: &AlertView<'_>) -> String {
    let is_said = |name: &str, value: &str| {
        [ALERT_NAME, SEVERITY, "host", "metric_type"].contains(&name)
            || alert.summary.contains(value)
    };
    let labels = alert
        .labels
        .iter()
        .filter(|(name, value)| !is_said(name, value));
    let named: Vec<String> = labels
        .take(LABELS_SHOWN)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    named.join(", ")
}
