//! Annotations: the time an alert fired, as a stretch that a chart can shade.
//!
//! What has ended comes from `alerts_history` (or, where no history is written, from the store);
//! what fires now comes from the running alerter.

use watchpost_client::flux_text;
use watchpost_core::csv::Table;

use crate::alert::{Alert, Nanos};
use crate::event::{Event, EventKind, MEASUREMENT};

/// Most annotations of one answer; the newest stay.
pub const LIMIT: usize = 2_000;

/// Which annotations are wanted. An empty text means "any".
#[derive(Clone, Debug)]
pub struct Wanted {
    pub start: Nanos,
    pub stop: Nanos,
    pub rule: String,
    pub host: String,
}

/// An alert fired from `start` to `end`, or fires yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotation {
    pub rule: String,
    /// When it ended; the worst so far of one that fires.
    pub severity: String,
    pub host: String,
    pub fingerprint: String,
    pub start: Nanos,
    pub end: Option<Nanos>,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    pub text: String,
}

impl Annotation {
    /// Of the event that ended an alert; `None` of every other one.
    pub fn of_event(event: &Event) -> Option<Annotation> {
        let ended = event.event == EventKind::Transition
            && matches!(event.state.as_str(), "resolved" | "forgotten");
        Some(Annotation {
            rule: event.rule.clone(),
            severity: event.severity.clone(),
            host: event.host.clone(),
            fingerprint: event.fingerprint.clone(),
            start: event.since.filter(|_| ended)?,
            end: Some(event.at),
            value: event.value,
            threshold: event.threshold,
            text: event.message.clone(),
        })
    }

    pub fn of_firing(alert: &Alert) -> Annotation {
        Annotation {
            rule: alert.name().to_owned(),
            severity: alert.severity.to_string(),
            host: alert.labels.get("host").to_owned(),
            fingerprint: alert.fingerprint.to_string(),
            start: alert.starts_at,
            end: None,
            value: alert.value,
            threshold: alert.threshold,
            text: alert.labels.to_string(),
        }
    }
}

impl Wanted {
    pub fn takes(&self, annotation: &Annotation) -> bool {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        annotation.start <= self.stop
            && annotation.end.is_none_or(|end| end >= self.start)
            && is(&self.rule, &annotation.rule)
            && is(&self.host, &annotation.host)
    }

    /// The query of the ends in `alerts_history` since `start`. An alert that ended after `stop`
    /// may have begun before it, so the query goes on until `now`.
    pub fn query(&self, bucket: &str, now: Nanos) -> String {
        let mut conditions = vec![
            flux_text::equals("_measurement", MEASUREMENT),
            flux_text::equals("event", EventKind::Transition.as_str()),
            format!(
                "({})",
                flux_text::one_of("state", ["resolved", "forgotten"])
            ),
        ];
        for (tag, value) in [("rule", &self.rule), ("host", &self.host)] {
            if !value.is_empty() {
                conditions.push(flux_text::equals(tag, value));
            }
        }
        format!(
            "from(bucket: {})\n  |> range(start: {}, stop: {})\n  |> filter(fn: (r) => {})\n  \
             |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n  \
             |> group()\n  |> sort(columns: [\"_time\"], desc: true)\n  |> limit(n: {LIMIT})",
            flux_text::string(bucket),
            flux_text::time(self.start),
            flux_text::time(now.max(self.start + 1)),
            conditions.join(" and "),
        )
    }
}

/// The annotations in the answer to [`Wanted::query`].
pub fn read(tables: &[Table]) -> Vec<Annotation> {
    let annotation = |row: watchpost_core::csv::Row<'_>| {
        let end = row.time("_time")?;
        let text = |name: &str| row.str(name).unwrap_or_default().to_owned();
        let lasted = row.f64("duration_seconds")?;
        Some(Annotation {
            rule: text("rule"),
            severity: text("severity"),
            host: text("host"),
            fingerprint: text("fingerprint"),
            start: end.saturating_sub((lasted * 1e9) as Nanos),
            end: Some(end),
            value: row.f64("value"),
            threshold: row.f64("threshold"),
            text: text("message"),
        })
    };
    let rows = tables.iter().flat_map(Table::rows);
    rows.filter_map(annotation).collect()
}

/// Those that are wanted, oldest first, at most [`LIMIT`]; and whether older ones were left out.
pub fn select(found: Vec<Annotation>, wanted: &Wanted) -> (Vec<Annotation>, bool) {
    let mut kept: Vec<Annotation> = found.into_iter().filter(|one| wanted.takes(one)).collect();
    kept.sort_by(|a, b| (a.start, &a.fingerprint).cmp(&(b.start, &b.fingerprint)));
    let surplus = kept.len().saturating_sub(LIMIT);
    drop(kept.drain(..surplus));
    (kept, surplus > 0)
}
