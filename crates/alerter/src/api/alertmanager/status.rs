//! The status, with the routes as a configuration that `amtool config` can show and test.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use super::Answer;
use crate::alert::Nanos;
use crate::api::Server;
use crate::matcher::Matcher;
use crate::pipeline::inhibition::InhibitRule;
use crate::pipeline::route::{GroupBy, Route, RouteTree};
use crate::rule_file::RuleFile;

pub(in crate::api) async fn status(State(server): State<Server>) -> Answer {
    let file = server.desk.ask(|_, file, _| file.clone()).await?;
    Ok(Json(json!({
        "cluster": { "status": "disabled", "peers": [] },
        // JSON is YAML.
        "config": { "original": configuration(&file.content).to_string() },
        "uptime": format_rfc3339(file.loaded_at),
        "versionInfo": {
            "version": env!("CARGO_PKG_VERSION"),
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
        },
    })))
}

/// Routes, receivers' names and inhibition in Alertmanager's words. Mute windows, escalations and
/// the settings of receivers have none there.
fn configuration(file: &RuleFile) -> Value {
    let names = file.receivers.keys().map(|name| json!({ "name": name }));
    let mut root = route(&file.routing.routes, 0);
    // The root takes everything; Alertmanager refuses to be told so.
    if let Some(root) = root.as_object_mut() {
        root.remove("matchers");
        root.remove("continue");
    }
    json!({
        "route": root,
        "receivers": names.collect::<Vec<_>>(),
        "inhibit_rules": file.routing.inhibit.iter().map(inhibit).collect::<Vec<_>>(),
    })
}

fn route(tree: &RouteTree, index: usize) -> Value {
    let Route {
        receiver,
        matchers,
        group_by,
        group_wait,
        group_interval,
        repeat_interval,
        proceeds,
        ..
    } = &tree.node(index).route;
    let group_by = match group_by {
        GroupBy::All => vec!["...".to_owned()],
        GroupBy::Labels(names) => names.clone(),
    };
    let mut route = json!({
        "receiver": receiver,
        "matchers": texts(matchers),
        "group_by": group_by,
        "group_wait": duration(*group_wait),
        "continue": proceeds,
        "routes": tree.children(index).map(|child| self::route(tree, child)).collect::<Vec<_>>(),
    });
    // Alertmanager knows no intervals of zero.
    let intervals = [
        ("group_interval", group_interval),
        ("repeat_interval", repeat_interval),
    ];
    for (name, length) in intervals.into_iter().filter(|(_, length)| **length > 0) {
        route[name] = json!(duration(*length));
    }
    route
}

fn inhibit(rule: &InhibitRule) -> Value {
    json!({
        "source_matchers": texts(&rule.source),
        "target_matchers": texts(&rule.target),
        "equal": rule.equal,
    })
}

fn texts(matchers: &[Matcher]) -> Vec<String> {
    matchers.iter().map(ToString::to_string).collect()
}

/// As Prometheus writes it; nothing is shorter than a millisecond there.
fn duration(nanos: Nanos) -> String {
    format!("{}ms", nanos / 1_000_000)
}
