//! The alerter's own metrics.

use std::time::Duration;

use watchpost_service::metrics::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramVec, LATENCY_BUCKETS, Registry,
};

use crate::alert::{Nanos, SECOND};
use crate::alerting::Alerting;
use crate::clock::now;

pub(super) struct Meters {
    evaluations: CounterVec,
    evaluation_seconds: Histogram,
    notifications: CounterVec,
    delivery_seconds: HistogramVec,
    dead_letters: CounterVec,
    alerts: GaugeVec,
    groups: Gauge,
    waiting: Gauge,
    last_evaluation: Gauge,
    reload_success: Gauge,
    reload_failures: Counter,
}

impl Meters {
    pub(super) fn new(registry: &Registry) -> Meters {
        let meters = Meters {
            evaluations: registry.counter_vec(
                "watchpost_alerter_evaluations_total",
                "Evaluations of rules by result.",
                &["rule", "result"],
            ),
            evaluation_seconds: registry.histogram(
                "watchpost_alerter_evaluation_seconds",
                "Time from the beginning of an evaluation of all rules that are due to the answer for a rule.",
                LATENCY_BUCKETS,
            ),
            notifications: registry.counter_vec(
                "watchpost_alerter_notifications_total",
                "Attempts to deliver a message by receiver and result.",
                &["receiver", "result"],
            ),
            delivery_seconds: registry.histogram_vec(
                "watchpost_alerter_delivery_seconds",
                "Time an attempt to deliver took.",
                &["receiver"],
                LATENCY_BUCKETS,
            ),
            dead_letters: registry.counter_vec(
                "watchpost_alerter_dead_letters_total",
                "Messages that were given up.",
                &["receiver"],
            ),
            alerts: registry.gauge_vec("watchpost_alerter_alerts", "Alerts by state.", &["state"]),
            groups: registry.gauge("watchpost_alerter_groups", "Groups of alerts."),
            waiting: registry.gauge(
                "watchpost_alerter_outbox_messages",
                "Messages that wait for delivery.",
            ),
            last_evaluation: registry.gauge(
                "watchpost_alerter_last_evaluation_timestamp_seconds",
                "When a rule was last evaluated with success.",
            ),
            reload_success: registry.gauge(
                "watchpost_alerter_rule_file_valid",
                "Whether the newest rule file is in force.",
            ),
            reload_failures: registry.counter(
                "watchpost_alerter_rule_file_refusals_total",
                "Rule files that were refused.",
            ),
        };
        meters.reload_success.set(1.0);
        meters
    }

    pub(super) fn evaluated(&self, rule: &str, ok: bool, at: Nanos) {
        let took = (now() - at).max(0) as f64 / SECOND as f64;
        self.evaluation_seconds.observe(took);
        self.evaluations
            .with(&[rule, if ok { "ok" } else { "error" }])
            .increment();
        if ok {
            self.last_evaluation.set(at as f64 / SECOND as f64);
        }
    }

    pub(super) fn sent(&self, receiver: &str, ok: bool, took: Duration) {
        self.notifications
            .with(&[receiver, if ok { "ok" } else { "error" }])
            .increment();
        self.delivery_seconds
            .with(&[receiver])
            .observe(took.as_secs_f64());
    }

    pub(super) fn dead(&self, receiver: &str) {
        self.dead_letters.with(&[receiver]).increment();
    }

    pub(super) fn reloaded(&self, ok: bool) {
        self.reload_success.set(if ok { 1.0 } else { 0.0 });
        if !ok {
            self.reload_failures.increment();
        }
    }

    pub(super) fn observe(&self, alerting: &Alerting) {
        let (alerts, groups, waiting) = alerting.dispatcher.sizes();
        self.alerts.with(&["known"]).set(alerts as f64);
        self.groups.set(groups as f64);
        self.waiting.set(waiting as f64);
    }
}
