//! `status` for people: how the alerter does, and what of it fails.

use serde_json::{Value, json};

use super::table::{cell, moment};
use crate::quantity::duration;

/// The answer of `/api/v1/status` as lines.
pub(super) fn text(answer: &Value) -> String {
    let number = |name: &str| cell(answer, name);
    let troubles = || answer["troubles"].as_array().into_iter().flatten();
    let is_away = troubles().any(|trouble| trouble["component"] == json!("database"));
    let sends = match (answer["dispatching"] == json!(true), is_away) {
        (true, true) => "no rule can be evaluated while the database is away; messages are sent",
        (true, false) => "every rule was evaluated; messages are sent",
        (false, _) => "nothing is sent yet: not every rule was evaluated since the start",
    };
    let file = &answer["ruleFile"];
    let mut lines = vec![
        format!(
            "alerter    {} at {}",
            number("version"),
            moment(answer, "now")
        ),
        format!("state      {sends}"),
        format!(
            "alerts     {} in {} groups; {} messages wait",
            number("alerts"),
            number("groups"),
            number("waitingMessages")
        ),
        format!(
            "rules      {} of {}, read {}",
            number("rules"),
            files(file),
            moment(file, "loadedAt")
        ),
    ];
    if let Some(error) = file["error"].as_str() {
        let tried = moment(file, "triedAt");
        lines.push(format!(
            "           its newest version, read {tried}, was refused:"
        ));
        lines.extend(error.lines().map(|line| format!("             {line}")));
    }
    for trouble in troubles() {
        let [component, reason] = ["component", "reason"].map(|name| cell(trouble, name));
        let seconds = trouble["forSeconds"].as_f64().unwrap_or_default();
        let (since, age) = (moment(trouble, "since"), duration(seconds));
        lines.push(match component.as_str() {
            "database" => {
                format!("database   has not answered for {age}, since {since}: {reason}")
            }
            _ => format!("fails      {component} for {age}, since {since}: {reason}"),
        });
    }
    lines.join("\n") + "\n"
}

/// The shipped rule file and one's own, as they are merged.
fn files(file: &Value) -> String {
    let own = file["own"].as_array().into_iter().flatten();
    let own = own.filter_map(Value::as_str).map(str::to_owned);
    let all: Vec<String> = std::iter::once(cell(file, "path")).chain(own).collect();
    all.join(" + ")
}
