//! The JSON shapes of the API. Times are RFC 3339.

use std::sync::Arc;

use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use crate::alert::{Alert, Nanos};
use crate::alerting::Alerting;
use watchpost_query::Kind as ServerKind;

use crate::dialect::question;
use crate::dialect::shape::{Batch, Purpose, batches};
use crate::event::Event;
use crate::pipeline::acknowledgement::Acknowledgement;
use crate::pipeline::explanation::Explanation;
use crate::pipeline::silence::Silence;
use crate::rules::definition::{Kind, Levels, Rule};
use crate::rules::evaluator::Series;
use crate::rules::life::state_name;

fn time(at: Option<Nanos>) -> Option<String> {
    at.map(format_rfc3339)
}

/// An alert with its annotations filled in and who looks after it.
pub(super) fn alert(alerting: &Alerting, alert: &Alert, now: Nanos) -> Value {
    let mut alert = alert.clone();
    alerting.annotate(&mut alert, now);
    let resolved = alert.is_resolved(now);
    let acknowledged = alerting
        .dispatcher
        .acknowledgements()
        .get(alert.fingerprint)
        .filter(|found| found.holds_for(&alert, now));
    let mut suppressed_by: Vec<Value> = alerting
        .dispatcher
        .groups_of(alert.fingerprint)
        .flat_map(|(_, group)| alerting.dispatcher.suppressions(&alert, group.route, now))
        .map(|found| json!(found))
        .collect();
    suppressed_by.dedup();
    json!({
        "fingerprint": alert.fingerprint,
        "name": alert.name(),
        "state": if resolved { "resolved" } else { "firing" },
        "severity": alert.severity,
        "flapping": alert.flapping,
        "labels": *alert.labels,
        "annotations": alert.annotations,
        "startsAt": format_rfc3339(alert.starts_at),
        "endsAt": time(alert.ends_at),
        "updatedAt": format_rfc3339(alert.updated_at),
        "value": alert.value,
        "threshold": alert.threshold,
        "reason": alert.reason,
        "suppressedBy": suppressed_by,
        "acknowledgement": acknowledged.map(acknowledgement),
        "receivers": receivers(alerting, &alert),
    })
}

pub(super) fn receivers(alerting: &Alerting, alert: &Alert) -> Vec<String> {
    let groups = alerting.dispatcher.groups_of(alert.fingerprint);
    let mut names: Vec<String> = groups
        .map(|(_, group)| group.name.receiver.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

pub(super) fn acknowledgement(found: &Acknowledgement) -> Value {
    json!({
        "fingerprint": found.fingerprint,
        "owner": found.owner,
        "comment": found.comment,
        "at": format_rfc3339(found.at),
        "expiresAt": time(found.expires_at),
    })
}

pub(super) fn silence(silence: &Silence, now: Nanos) -> Value {
    json!({
        "id": silence.id,
        "state": silence.state(now),
        "holds": silence.holds(now),
        "matchers": silence.matchers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "startsAt": format_rfc3339(silence.starts_at),
        "endsAt": format_rfc3339(silence.ends_at),
        "updatedAt": format_rfc3339(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "recurring": silence.recurring,
    })
}

/// A rule, how it does, and what a page needs to draw its levels over its series.
pub(super) fn rule(alerting: &Alerting, rule: &Arc<Rule>, server: ServerKind, now: Nanos) -> Value {
    let health = alerting.evaluator.health(&rule.name);
    let selector = &rule.selector;
    json!({
        "name": rule.name,
        "kind": rule.kind.name(),
        "every": duration(rule.every),
        "for": duration(rule.hold),
        "keepFiringFor": duration(rule.keep_firing_for),
        "labels": rule.labels,
        "annotations": rule.annotations,
        "lastEvaluatedAt": time(health.last_evaluated),
        "lastError": health.last_error,
        "series": health.series,
        "firing": health.firing,
        "bucket": selector.bucket,
        "measurement": selector.measurement,
        "field": selector.field,
        "where": selector.matchers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "groupBy": selector.group_by,
        "aggregate": aggregate(&rule.kind),
        "window": duration(rule.kind.window()),
        "unit": rule.unit(),
        "levels": rule.kind.levels().map(levels),
        "levelsOf": levels_of(&rule.kind),
        "target": target(&rule.kind),
        "query": queries(rule, now).map(|batch| question::text(&batch, server)).next(),
    })
}

/// The queries of one evaluation: the values', then the baseline's.
fn queries(rule: &Arc<Rule>, now: Nanos) -> impl Iterator<Item = Batch> {
    let only = std::slice::from_ref(rule);
    let values = batches(only, &[], now).into_iter();
    values.chain(batches(&[], only, now))
}

/// Each query of an evaluation with what it is for.
pub(super) fn query_texts(rule: &Arc<Rule>, server: ServerKind, now: Nanos) -> Value {
    let view = |batch: Batch| {
        let purpose = match batch.members.first().map(|member| member.purpose) {
            Some(Purpose::Baseline) => "baseline",
            _ => "values",
        };
        json!({ "purpose": purpose, language(server): question::text(&batch, server) })
    };
    queries(rule, now).map(view).collect()
}

/// The language of a kind of server, as the member that holds the text is called.
fn language(server: ServerKind) -> &'static str {
    match server {
        ServerKind::InfluxDb2 => "flux",
        ServerKind::VictoriaMetrics => "metricsql",
        ServerKind::InfluxDb3 => "sql",
    }
}

fn aggregate(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Threshold { aggregate, .. } | Kind::Anomaly { aggregate, .. } => {
            Some(aggregate.as_str())
        }
        _ => None,
    }
}

fn levels(levels: &Levels) -> Value {
    json!({
        "direction": levels.direction.word(),
        "warn": levels.warn,
        "critical": levels.critical,
        "recover": levels.recover,
    })
}

/// What is compared with the levels: only `value` and `rate` are on the axis of the series.
fn levels_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Threshold { .. } | Kind::Flux { .. } => "value",
        Kind::Rate { .. } => "rate",
        Kind::NoData { .. } => "silence",
        Kind::Anomaly { .. } => "score",
        Kind::Forecast { .. } => "seconds_until_target",
    }
}

/// What a forecast waits for, on the axis of the series.
fn target(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Forecast { level, .. } => Some(*level),
        _ => None,
    }
}

/// One series under a rule.
pub(super) fn series(series: &Series) -> Value {
    json!({
        "labels": *series.labels,
        "fingerprint": series.labels.fingerprint(),
        "state": state_name(&series.life),
        "phase": series.life.phase,
        "feed": series.life.feed,
        "severity": series.life.severity,
        "since": format_rfc3339(series.life.since),
        "value": series.life.value,
        "lastSeenAt": format_rfc3339(series.life.last_seen),
        "flapping": series.life.flapping.active,
        "reason": series.life.reason.to_string(),
    })
}

pub(super) fn explanation(found: &Explanation) -> Value {
    json!({
        "receiver": found.receiver,
        "route": found.route,
        "group": found.group,
        "suppressedBy": found.suppressed_by,
        "endIsOwed": found.end_is_owed,
        "dedup": found.dedup,
        "lastMessageAt": time(found.last_message_at),
        "toldAt": time(found.told_at),
        "nextLookAt": format_rfc3339(found.next_flush_at),
        "repeatAt": time(found.repeat_at),
        "waiting": found.waiting.as_ref().map(|waiting| json!({
            "attempts": waiting.attempts,
            "nextAttemptAt": format_rfc3339(waiting.next_attempt_at),
            "lastError": waiting.last_error,
        })),
    })
}

pub(super) fn event(sequence: u64, event: &Event) -> Value {
    let mut value = json!(event);
    value["at"] = json!(format_rfc3339(event.at));
    value["since"] = json!(time(event.since));
    value["sequence"] = json!(sequence);
    value
}

fn duration(nanos: Nanos) -> String {
    match nanos {
        0 => "0s".to_owned(),
        nanos => watchpost_core::duration::Duration::from_nanos(nanos).to_string(),
    }
}
