//! What of the alerter itself fails is an alert like any other.

use super::Alerting;
use crate::alert::{AlertState, Nanos};
use crate::event::Event;
use crate::trouble::{Component, Troubles};

impl Alerting {
    /// Notes that something of ours fails (`Some(why)`) or works again; what lasts is an alert.
    pub fn trouble(&mut self, component: Component, failed: Option<String>, now: Nanos) {
        match failed {
            Some(why) => self.troubles.fails(component, why, now),
            None => {
                if self.troubles.works(&component, now) {
                    self.settle(&component, now);
                }
            }
        }
    }

    fn settle(&mut self, component: &Component, now: Nanos) {
        let id = component.labels().fingerprint();
        self.close(id, AlertState::Resolved, "works again", now);
    }

    /// What fails now.
    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    pub(super) fn tell_troubles(&mut self, now: Nanos) {
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
