//! The JSON shapes of the API. Times are RFC 3339.

use serde_json::{Value, json};
use watchpost_core::time::format_rfc3339;

use crate::alert::{Alert, Nanos};
use crate::alerting::Alerting;
use crate::event::Event;
use crate::pipeline::acknowledgement::Acknowledgement;
use crate::pipeline::explanation::Explanation;
use crate::pipeline::silence::Silence;
use crate::rules::definition::Rule;
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
        .get(alert.fingerprint);
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

pub(super) fn rule(alerting: &Alerting, rule: &Rule) -> Value {
    let health = alerting.evaluator.health(&rule.name);
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
    })
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
        "flapShare": series.life.flapping.share(),
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
    value["sequence"] = json!(sequence);
    value
}

fn duration(nanos: Nanos) -> String {
    match nanos {
        0 => "0s".to_owned(),
        nanos => watchpost_core::duration::Duration::from_nanos(nanos).to_string(),
    }
}
