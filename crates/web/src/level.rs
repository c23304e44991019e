//! From which value on a metric looks alarming: as the alerter's threshold rules say. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The levels of metrics by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels(BTreeMap<String, Level>);

/// The levels of one metric.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Level {
    /// Whether small values are the bad ones.
    pub below: bool,
    /// From here on it looks like a warning.
    pub warn: Option<f64>,
    /// From here on it looks critical.
    pub critical: Option<f64>,
}

/// The levels of the rules that are shipped, for a server without an alerter.
impl Default for Levels {
    fn default() -> Self {
        let shipped = [
            ("cpu_usage_percent", 90.0, 95.0),
            ("memory_usage_percent", 85.0, 95.0),
            ("disk_usage_percent", 80.0, 90.0),
        ];
        let level = |(metric, warn, critical): (&str, f64, f64)| {
            let level = Level {
                below: false,
                warn: Some(warn),
                critical: Some(critical),
            };
            (metric.to_owned(), level)
        };
        Levels(shipped.into_iter().map(level).collect())
    }
}

impl Levels {
    /// The levels of the rules that look at the values of every host, as the alerter lists them
    /// (`/api/v1/rules`). Where several look at one metric, those that are reached first.
    pub fn of_rules(document: &Value) -> Levels {
        let mut found: BTreeMap<String, Level> = BTreeMap::new();
        for rule in document["rules"].as_array().into_iter().flatten() {
            let (Some(field), levels) = (rule["field"].as_str(), &rule["levels"]) else {
                continue;
            };
            if rule["kind"] != "threshold" || !is_of_every_host(&rule["where"]) {
                continue;
            }
            let below = levels["direction"] == "below";
            let level = found.entry(field.to_owned()).or_insert(Level {
                below,
                ..Level::default()
            });
            if level.below == below {
                let nearer = |known: Option<f64>, new: Option<f64>| match (known, new) {
                    (Some(known), Some(new)) if below => Some(known.max(new)),
                    (Some(known), Some(new)) => Some(known.min(new)),
                    (known, new) => known.or(new),
                };
                level.warn = nearer(level.warn, levels["warn"].as_f64());
                level.critical = nearer(level.critical, levels["critical"].as_f64());
            }
        }
        Levels(found)
    }

    /// How alarming a value looks: `critical`, `warn` or nothing.
    pub fn of(&self, metric: &str, value: Option<f64>) -> &'static str {
        let (Some(level), Some(value)) = (self.0.get(metric), value) else {
            return "";
        };
        let is_past = |limit: Option<f64>| {
            limit.is_some_and(|limit| {
                if level.below {
                    value <= limit
                } else {
                    value >= limit
                }
            })
        };
        match (is_past(level.critical), is_past(level.warn)) {
            (true, _) => "critical",
            (_, true) => "warn",
            _ => "",
        }
    }

    /// For scripts: `{"cpu_usage_percent": {"below": false, "warn": 90, "critical": 95}}`.
    pub fn document(&self) -> Value {
        let level = |level: &Level| json!({ "below": level.below, "warn": level.warn, "critical": level.critical });
        self.0
            .iter()
            .map(|(metric, found)| (metric.clone(), level(found)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// Whether the matchers only choose totals (`cpu=""`), so that the levels hold for any host.
fn is_of_every_host(matchers: &Value) -> bool {
    let mut matchers = matchers.as_array().into_iter().flatten();
    matchers.all(|matcher| matcher.as_str().is_some_and(|text| text.ends_with("=\"\"")))
}
