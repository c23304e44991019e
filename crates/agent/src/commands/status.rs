//! `status`: how a running agent on this host is doing, from its own metrics.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use watchpost_service::cli::Output;

use crate::config::AgentConfig;
use crate::metrics::AgentMetrics;
use crate::telemetry_client::{Answer, get};

/// Asks the metrics port and prints what it says. Exit code 0: well; 1: not ready, or not running.
pub(super) async fn run(config: AgentConfig, output: Output) -> ExitCode {
    if !config.telemetry.enabled {
        watchpost_service::cli::complain(format_args!(
            "The agent serves no status: telemetry.enabled is false.\n"
        ));
        return ExitCode::FAILURE;
    }
    let address = config.telemetry.listen;
    let answers = async {
        Ok::<_, std::io::Error>((
            get(address, "/ready").await?,
            get(address, "/metrics").await?,
        ))
    };
    let (ready, metrics) = match answers.await {
        Ok(answers) => answers,
        Err(error) => {
            let error = format!(
                "{error}: no agent runs here, or its telemetry.listen is another (--config)"
            );
            print(
                output,
                &json!({ "running": false, "address": address, "error": error }),
            );
            return ExitCode::FAILURE;
        }
    };
    let report = report(&ready, &metrics.body, &address.to_string());
    print(output, &report);
    if ready.status == 200 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn report(ready: &Answer, metrics: &str, address: &str) -> Value {
    let waiting_for: Value = serde_json::from_str(&ready.body).unwrap_or(Value::Null);
    let mut report = Map::new();
    report.insert("running".into(), true.into());
    report.insert("address".into(), address.into());
    report.insert("ready".into(), (ready.status == 200).into());
    report.insert(
        "waiting_for".into(),
        waiting_for
            .get("waiting_for")
            .cloned()
            .unwrap_or(Value::Null),
    );
    for (key, name) in AgentMetrics::STATUS {
        report.insert((*key).into(), sum(metrics, name));
    }
    report.insert("lines_dropped_by_reason".into(), by_reason(metrics));
    let hung = metrics.lines().filter(|line| {
        line.starts_with("watchpost_agent_collector_stale{") && line.ends_with(" 1")
    });
    let hung: Vec<&str> = hung.filter_map(|line| line.split('"').nth(1)).collect();
    report.insert("hung_collectors".into(), hung.into());
    report.into()
}

/// Lines that will not reach the server, by reason, of all outputs; nothing where there are none.
fn by_reason(metrics: &str) -> Value {
    let mut reasons: BTreeMap<&str, f64> = BTreeMap::new();
    for line in metrics.lines() {
        let Some((labels, lines)) = line
            .strip_prefix("watchpost_agent_lines_dropped_total{")
            .and_then(|rest| rest.rsplit_once("} "))
        else {
            continue;
        };
        let reason = labels.split("reason=\"").nth(1);
        let reason = reason.and_then(|rest| rest.split('"').next());
        *reasons.entry(reason.unwrap_or_default()).or_default() += lines.parse().unwrap_or(0.0);
    }
    reasons.retain(|_, lines| *lines > 0.0);
    if reasons.is_empty() {
        return Value::Null;
    }
    let reasons = reasons.into_iter();
    reasons
        .map(|(reason, lines)| (reason.to_owned(), number(lines)))
        .collect::<Map<_, _>>()
        .into()
}

/// The sum of all series of a metric; zero without one. (A sum of no floats is `-0.0`.)
fn sum(metrics: &str, name: &str) -> Value {
    let series = metrics.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
    });
    let sum = series
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .fold(0.0, |sum, value| sum + value);
    number(sum)
}

/// Counts as whole numbers, seconds with three decimals.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        (value as i64).into()
    } else {
        ((value * 1000.0).round() / 1000.0).into()
    }
}

fn print(output: Output, report: &Value) {
    match (output, report) {
        (Output::Human, Value::Object(fields)) => {
            // What matters most comes first; the rest in the order of the alphabet.
            let first = FIRST.iter().filter_map(|key| fields.get_key_value(*key));
            let rest = fields
                .iter()
                .filter(|(key, _)| !FIRST.contains(&key.as_str()));
            for (key, value) in first.chain(rest).filter(|(_, value)| !value.is_null()) {
                watchpost_service::cli::print(format_args!(
                    "{:<28}{}\n",
                    key.replace('_', " "),
                    text(key, value)
                ));
            }
        }
        _ => watchpost_service::cli::print(format_args!("{report}\n")),
    }
}

/// Keys a person looks for first.
const FIRST: &[&str] = &[
    "running",
    "ready",
    "waiting_for",
    "error",
    "hung_collectors",
];

fn list(entries: impl Iterator<Item = String>) -> String {
    entries.collect::<Vec<_>>().join(", ")
}

fn text(key: &str, value: &Value) -> String {
    match value {
        Value::Number(bytes) if key.ends_with("_bytes") => {
            format!("{:.1} MB", bytes.as_f64().unwrap_or(0.0) / 1e6)
        }
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => list(values.iter().map(|value| self::text("", value))),
        Value::Object(parts) => list(
            parts
                .iter()
                .map(|(part, why)| format!("{part}: {}", self::text("", why))),
        ),
        other => other.to_string(),
    }
}
