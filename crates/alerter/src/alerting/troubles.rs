//! What of the alerter itself fails is an alert like any other.

use super::Alerting;
use crate::alert::{AlertState, Nanos, SECOND};
use crate::event::Event;
use crate::trouble::{Component, Troubles};

/// A clock that was set and then goes on for so long is right again.
const CLOCK_STEADY_AFTER: Nanos = 600 * SECOND;

impl Alerting {
    /// The clock of the host was set, by so much: forward, or back if negative.
    pub fn clock_was_set(&mut self, by: Nanos, now: Nanos) {
        let length = watchpost_core::duration::Duration::from_nanos(by.saturating_abs());
        let direction = if by < 0 { "back" } else { "forward" };
        let why = format!("it was set {direction} by {length}");
        self.trouble(Component::Clock, Some(why), now);
        self.clock_steady_at = Some(now.saturating_add(CLOCK_STEADY_AFTER));
    }

    /// Notes that something of ours fails (`Some(why)`) or works again; what lasts is an alert.
    pub fn trouble(&mut self, component: Component, failed: Option<String>, now: Nanos) {
        // While the database is away its bucket of the history is, too: that is no second trouble.
        let is_part =
            component == Component::History && self.troubles.fails_now(&Component::Database);
        match failed.filter(|_| !is_part) {
            Some(why) => self.troubles.fails(component, why, now),
            None => {
                if self.troubles.works(&component, now) {
                    self.settle(&component, now);
                }
            }
        }
    }

    /// Notes whether a receiver was reached, or why not. While the network is away its receivers have no
    /// troubles of their own, but for those that somebody was sent already.
    pub(super) fn note_reach(&mut self, receiver: &str, away: Option<&str>, now: Nanos) {
        let routing = self.dispatcher.routing();
        if routing.policies.get(receiver).is_none_or(|it| it.is_local) {
            return; // It says nothing of the network.
        }
        self.reach.take(receiver, away, now);
        let Some((why, receivers)) = self.reach.network() else {
            if away.is_none() {
                self.trouble(Component::Network, None, now);
            }
            return;
        };
        let why = format!("{why} (tried: {})", receivers.join(", "));
        let receivers = receivers.into_iter().map(|name| Component::Receiver {
            name: name.to_owned(),
        });
        let receivers: Vec<Component> = receivers.collect();
        for receiver in receivers {
            if !self.dispatcher.was_sent(receiver.labels().fingerprint()) {
                self.trouble(receiver, None, now);
            }
        }
        self.trouble(Component::Network, Some(why), now);
    }

    fn settle(&mut self, component: &Component, now: Nanos) {
        // An answer counts from when it was asked for; what did not answer works from now on.
        let now = now.max(self.ticked_at);
        let id = component.labels().fingerprint();
        self.close(id, AlertState::Resolved, "works again", now);
    }

    /// What fails now.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    pub(super) fn tell_troubles(&mut self, now: Nanos) {
        if self.clock_steady_at.take_if(|at| *at <= now).is_some() {
            self.trouble(Component::Clock, None, now);
        }
        for component in self.troubles.settled(now) {
            self.settle(&component, now);
        }
        for alert in self.troubles.alerts(now) {
            let known = self.dispatcher.alert(alert.fingerprint);
            let known = known.filter(|known| !known.is_resolved(now));
            if known.is_none() {
                self.events
                    .push(Event::alert_changed(now, "firing", &alert));
            }
            if known.is_none_or(|known| known.reason != alert.reason) {
                self.dispatcher.put(alert, now);
            }
        }
    }
}
