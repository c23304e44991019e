//! `explain` for people: what is, then each receiver with its reasons, then what happened.

use serde_json::{Value, json};

use super::table::{cell, moment};

/// The answer of `/api/v1/explain` as lines.
pub(super) fn text(answer: &Value) -> String {
    let mut lines = Vec::new();
    if answer["dispatching"] == json!(false) {
        lines.push("nothing is sent yet: not every rule was evaluated since the start".to_owned());
    }
    if !answer["series"].is_null() {
        lines.push(series(&answer["series"]));
        lines.push(rule(&answer["rule"]));
    }
    lines.push(alert(&answer["alert"]));
    for told in answer["receivers"].as_array().into_iter().flatten() {
        lines.extend(receiver(told));
    }
    lines.push("history".to_owned());
    lines.extend(
        answer["history"]
            .as_array()
            .into_iter()
            .flatten()
            .map(event),
    );
    lines.join("\n") + "\n"
}

fn series(series: &Value) -> String {
    let [state, value, reason] = ["state", "value", "reason"].map(|name| cell(series, name));
    let since = moment(series, "since");
    format!("series   {state} since {since}, value {value}: {reason}")
}

fn rule(rule: &Value) -> String {
    let [name, error] = ["name", "lastError"].map(|name| cell(rule, name));
    let at = moment(rule, "lastEvaluatedAt");
    let failing = if error.is_empty() {
        String::new()
    } else {
        format!(", failing: {error}")
    };
    format!("rule     {name} last evaluated {at}{failing}")
}

fn alert(alert: &Value) -> String {
    if alert.is_null() {
        return "alert    none, so nothing to send".to_owned();
    }
    let [state, severity] = ["state", "severity"].map(|name| cell(alert, name));
    let since = moment(alert, "startsAt");
    format!("alert    {state} {severity} since {since}")
}

/// The receiver and its route, what keeps the alert back, what was said and is due.
fn receiver(receiver: &Value) -> Vec<String> {
    let mut lines = vec![format!(
        "receiver {} by route {}",
        cell(receiver, "receiver"),
        cell(receiver, "route")
    )];
    for kept in receiver["suppressedBy"].as_array().into_iter().flatten() {
        let [stage, reason] = ["stage", "reason"].map(|name| cell(kept, name));
        lines.push(format!("  kept back by {stage}: {reason}"));
    }
    for (title, name) in [
        ("dedup", "dedup"),
        ("last message", "lastMessageAt"),
        ("first sent", "toldAt"),
        ("next flush", "nextLookAt"),
        ("repeated at", "repeatAt"),
    ] {
        let value = moment(receiver, name);
        if !value.is_empty() {
            lines.push(format!("  {title}: {value}"));
        }
    }
    let waiting = &receiver["waiting"];
    if !waiting.is_null() {
        let [attempts, error] = ["attempts", "lastError"].map(|name| cell(waiting, name));
        let at = moment(waiting, "nextAttemptAt");
        lines.push(format!(
            "  a message is waiting: {attempts} attempts, next {at}, {error}"
        ));
    }
    lines
}

fn event(event: &Value) -> String {
    let parts = ["event", "state", "receiver", "reason"].map(|name| cell(event, name));
    let parts = [moment(event, "at")].into_iter().chain(parts);
    let said: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    format!("  {}", said.join(" "))
}
