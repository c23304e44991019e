//! A silence that is about to end while it still keeps alerts back is told: as an alert of its own,
//! which the routes send like any other and which ends with the silence.

use super::dispatcher::Dispatcher;
use super::silence::{Silence, SilenceState};
use crate::alert::{Alert, Nanos, SECOND, Severity};
use crate::labels::{ALERT_NAME, Labels};
use crate::matcher::all_match;
use crate::quantity;
use crate::trouble::SELF_JOB;

/// The name of these alerts.
pub const SILENCE_ENDS: &str = "silence_ends";

impl Dispatcher {
    /// New alerts about silences that end within `[silences] notice`.
    pub fn silence_notices(&self, now: Nanos) -> Vec<Alert> {
        let Some(notice) = self.routing.silence_notice else {
            return Vec::new();
        };
        let silences = self.silences.iter();
        let ending =
            silences.filter(|silence| notice_at(silence, notice, now).is_some_and(|at| at <= now));
        ending
            .filter_map(|silence| self.silence_notice(silence, now))
            .collect()
    }

    /// When the next silence comes near its end.
    pub(super) fn next_silence_notice(&self, now: Nanos) -> Option<Nanos> {
        let notice = self.routing.silence_notice?;
        let silences = self.silences.iter();
        let times = silences.filter_map(|silence| notice_at(silence, notice, now));
        times.filter(|at| *at > now).min()
    }

    fn silence_notice(&self, silence: &Silence, now: Nanos) -> Option<Alert> {
        let labels = Labels::from([
            (ALERT_NAME, SILENCE_ENDS),
            ("job", SELF_JOB),
            ("silence", &silence.id),
        ]);
        let known = self.alerts.get(&labels.fingerprint());
        if known.is_some_and(|known| !known.is_resolved(now)) {
            return None;
        }
        let firing = self.alerts.values().filter(|alert| !alert.is_resolved(now));
        let kept = firing.filter(|alert| all_match(&silence.matchers, &alert.labels));
        let kept = kept.count();
        if kept == 0 {
            return None;
        }
        let left = (silence.ends_at - now) as f64 / SECOND as f64;
        let summary = format!(
            "The silence of {} ({}) ends in {} and still keeps back {kept} firing {}",
            silence.created_by,
            silence.comment,
            quantity::duration(left),
            if kept == 1 { "alert" } else { "alerts" },
        );
        let mut alert = Alert::of_rule(labels, Severity::Info, now);
        alert.annotations.insert("summary".to_owned(), summary);
        alert.ends_at = Some(silence.ends_at);
        Some(alert)
    }
}

/// When its end is announced; never of one that is shorter than the notice, or over.
fn notice_at(silence: &Silence, notice: Nanos, now: Nanos) -> Option<Nanos> {
    let at = silence.ends_at.saturating_sub(notice);
    let is_told = at > silence.starts_at && silence.state(now) != SilenceState::Expired;
    is_told.then_some(at)
}
