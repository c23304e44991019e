//! The script of a notification rule: the statuses it is about, and `monitor.notify` with its endpoint.

use std::time::Duration as StandardDuration;

use serde_json::Value;
use watchpost_core::duration::Duration;
use watchpost_flux::syntax::format::quote;

use crate::alerting::{record, task_option, template};
use crate::meta::{NotificationEndpoint, NotificationRule};

/// How much further back than its interval a rule looks, so that no status falls between two runs.
const OVERLAP: StandardDuration = StandardDuration::from_secs(60);

/// The script of a rule and its endpoint.
///
/// # Errors
/// Its interval is no duration.
pub fn rule_script(
    rule: &NotificationRule,
    endpoint: &NotificationEndpoint,
) -> Result<String, String> {
    let text = |member: &str| {
        rule.settings
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let every = text("every");
    let offset = rule.settings.get("offset").and_then(Value::as_str);
    let parts = Parts::of(rule, endpoint);
    let mut script = String::from("import \"influxdata/influxdb/monitor\"\n");
    parts
        .imports
        .iter()
        .for_each(|import| script.push_str(&format!("import \"{import}\"\n")));
    script.push_str("import \"experimental\"\n\n");
    script.push_str(&task_option(&rule.name, every, offset));
    script.push('\n');
    script.push_str(&parts.definitions);
    let about = record(&[
        ("_notification_rule_id", quote(&rule.id.to_string())),
        ("_notification_rule_name", quote(&rule.name)),
        ("_notification_endpoint_id", quote(&endpoint.id.to_string())),
        ("_notification_endpoint_name", quote(&endpoint.name)),
    ]);
    script.push_str(&format!("notification = {about}\n"));
    script.push_str(&statuses(rule, every)?);
    script.push_str(&format!(
        "all_statuses\n    |> monitor[\"notify\"](\n        data: notification,\n        endpoint:\n{},\n    )\n",
        parts.call
    ));
    Ok(script)
}

/// What differs from one type of endpoint to the other.
struct Parts {
    imports: Vec<&'static str>,
    definitions: String,
    call: String,
}

impl Parts {
    fn of(rule: &NotificationRule, endpoint: &NotificationEndpoint) -> Self {
        let of_rule = |member: &str| {
            rule.settings
                .get(member)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let of_endpoint = |member: &str| {
            endpoint
                .settings
                .get(member)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let secret = |member: &str| {
            let key = of_endpoint(member).strip_prefix("secret: ")?;
            Some(format!("secrets[\"get\"](key: {})", quote(key)))
        };
        match of_endpoint("type") {
            "slack" => {
                let token = secret("token")
                    .map(|token| format!(", token: {token}"))
                    .unwrap_or_default();
                let url = quote(of_endpoint("url"));
                Self {
                    imports: vec!["slack", "influxdata/influxdb/secrets"],
                    definitions: format!(
                        "slack_endpoint = slack[\"endpoint\"](url: {url}{token})\n"
                    ),
                    call: slack_call(of_rule("channel"), of_rule("messageTemplate")),
                }
            }
            "pagerduty" => {
                let key = secret("routingKey").unwrap_or_else(|| "\"\"".to_owned());
                Self {
                    imports: vec!["pagerduty", "influxdata/influxdb/secrets"],
                    definitions: "pagerduty_endpoint = pagerduty[\"endpoint\"]()\n".to_owned(),
                    call: pagerduty_call(
                        &key,
                        of_endpoint("clientURL"),
                        of_rule("messageTemplate"),
                    ),
                }
            }
            _ => {
                let authorization = match of_endpoint("authMethod") {
                    "bearer" => secret("token").map(|token| format!("\"Bearer \" + {token}")),
                    "basic" => {
                        secret("username")
                            .zip(secret("password"))
                            .map(|(user, password)| {
                                format!("http[\"basicAuth\"](u: {user}, p: {password})")
                            })
                    }
                    _ => None,
                };
                Self::http(of_endpoint("url"), authorization)
            }
        }
    }

    fn http(url: &str, authorization: Option<String>) -> Self {
        let mut imports = vec!["http", "json"];
        let mut headers = "\"Content-Type\": \"application/json\"".to_owned();
        if let Some(authorization) = authorization {
            imports.push("influxdata/influxdb/secrets");
            headers.push_str(&format!(", \"Authorization\": {authorization}"));
        }
        let url = quote(url);
        let definitions =
            format!("headers = {{{headers}}}\nendpoint = http[\"endpoint\"](url: {url})\n");
        Self {
            imports,
            definitions,
            call: HTTP_CALL.to_owned(),
        }
    }
}

const HTTP_CALL: &str = "            endpoint(
                mapFn: (r) => {
                    body = {r with _version: 1}

                    return {headers: headers, data: json[\"encode\"](v: body)}
                },
            )";

fn slack_call(channel: &str, message: &str) -> String {
    format!(
        "            slack_endpoint(
                mapFn: (r) =>
                    ({{
                        channel: {},
                        text: {},
                        color:
                            if r[\"_level\"] == \"crit\" then
                                \"danger\"
                            else if r[\"_level\"] == \"warn\" then
                                \"warning\"
                            else
                                \"good\",
                    }}),
            )",
        quote(channel),
        template(message)
    )
}

fn pagerduty_call(key: &str, client: &str, message: &str) -> String {
    format!(
        "            pagerduty_endpoint(
                mapFn: (r) =>
                    ({{
                        routingKey: {key},
                        client: \"influxdata\",
                        clientURL: {},
                        class: r._check_name,
                        group: r[\"_source_measurement\"],
                        severity: pagerduty[\"severityFromLevel\"](level: r[\"_level\"]),
                        eventAction: pagerduty[\"actionFromLevel\"](level: r[\"_level\"]),
                        source: notification[\"_notification_rule_name\"],
                        summary: {},
                        timestamp: time(v: r[\"_source_timestamp\"]),
                    }}),
            )",
        quote(client),
        template(message)
    )
}

/// `statuses`, a stream for each level or change of level that the rule is about, and all of them together.
fn statuses(rule: &NotificationRule, every: &str) -> Result<String, String> {
    let interval: Duration = every.parse().map_err(|error| format!("every: {error}"))?;
    let nanoseconds = interval
        .fixed_nanos()
        .ok_or("every: a rule's interval has no months")?;
    let back = Duration::from_nanos(nanoseconds.saturating_add(OVERLAP.as_nanos() as i64));
    let filter = tag_filter(rule)
        .map(|test| format!(", fn: (r) => {test}"))
        .unwrap_or_default();
    let mut text = format!("statuses = monitor[\"from\"](start: -{back}{filter})\n");
    let rules = rule
        .settings
        .get("statusRules")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut names = Vec::new();
    for one in rules {
        let level = |member: &str| {
            one.get(member)
                .and_then(Value::as_str)
                .map(str::to_lowercase)
        };
        let current = level("currentLevel").unwrap_or_else(|| "any".to_owned());
        let (name, step) = match level("previousLevel") {
            Some(previous) => (
                format!("{previous}_to_{current}"),
                format!(
                    "monitor[\"stateChanges\"](fromLevel: \"{previous}\", toLevel: \"{current}\")"
                ),
            ),
            None if current == "any" => (
                "any_status".to_owned(),
                "filter(fn: (r) => true)".to_owned(),
            ),
            None => (
                current.clone(),
                format!("filter(fn: (r) => r[\"_level\"] == \"{current}\")"),
            ),
        };
        text.push_str(&format!("{name} = statuses |> {step}\n"));
        names.push(name);
    }
    let recent = format!(
        "filter(fn: (r) => r[\"_time\"] >= experimental[\"subDuration\"](from: now(), d: {every}))"
    );
    text.push_str("all_statuses =\n");
    match names.as_slice() {
        [] => text.push_str(&format!("    statuses |> {recent}\n\n")),
        [only] => text.push_str(&format!("    {only} |> {recent}\n\n")),
        several => text.push_str(&format!(
            "    union(tables: [{}])\n        |> sort(columns: [\"_time\"])\n        |> {recent}\n\n",
            several.join(", ")
        )),
    }
    Ok(text)
}

fn tag_filter(rule: &NotificationRule) -> Option<String> {
    let rules = rule.settings.get("tagRules").and_then(Value::as_array)?;
    let tests: Vec<String> = rules
        .iter()
        .filter_map(|one| {
            let text = |member: &str| one.get(member).and_then(Value::as_str);
            let (key, value) = (quote(text("key")?), text("value")?);
            let pattern = || format!("/{}/", value.replace('/', "\\/"));
            Some(match text("operator").unwrap_or("equal") {
                "notequal" => format!("r[{key}] != {}", quote(value)),
                "equalregex" => format!("r[{key}] =~ {}", pattern()),
                "notequalregex" => format!("r[{key}] !~ {}", pattern()),
                _ => format!("r[{key}] == {}", quote(value)),
            })
        })
        .collect();
    (!tests.is_empty()).then(|| tests.join(" and "))
}
