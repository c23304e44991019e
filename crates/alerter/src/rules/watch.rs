//! When a rule was looked at, and when nobody could look: silence counts only while somebody listens.

use serde::{Deserialize, Serialize};

use crate::alert::{Nanos, SECOND};

/// Most times without an answer that are remembered; of more, the oldest are forgotten.
const BLIND_LIMIT: usize = 1_000;
/// Blind times are remembered so long at least: a reload may let the rule look further back than it did.
const KEPT: Nanos = 86_400 * SECOND;
/// An answer may be so late and still be in time.
const SLACK: Nanos = 5 * SECOND;

/// An evaluation sees what came since the one before. Where one is left out (its query failed, the
/// alerter was down, the machine slept), the time after that is blind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// When the last answer came.
    looked_at: Option<Nanos>,
    /// Start and end of the blind times, oldest first.
    blind: Vec<(Nanos, Nanos)>,
}

impl Watch {
    /// An answer came, to a rule that is evaluated `every` so often. No silence that it measures began
    /// before `oldest`.
    pub fn looks(&mut self, every: Nanos, oldest: Nanos, now: Nanos) {
        let seen = self.looked_at.replace(now).filter(|at| *at <= now);
        match seen {
            None => self.blind = vec![(Nanos::MIN, now)],
            Some(at)
                if now.saturating_sub(at)
                    > every
                        .saturating_add(every / 2)
                        .min(every.saturating_add(SLACK)) =>
            {
                self.blind.push((at.saturating_add(every).min(now), now));
            }
            Some(_) => {}
        }
        let oldest = oldest.min(now.saturating_sub(KEPT));
        self.blind.retain(|(_, end)| *end > oldest);
        if self.blind.len() > BLIND_LIMIT {
            self.blind.remove(0);
        }
    }

    pub fn looked_at(&self) -> Option<Nanos> {
        self.looked_at
    }

    /// How long something that was last seen at `since` has been silent, as far as anybody could hear.
    /// After a blind time of `fresh` or more the count begins anew: what was sent meanwhile may be
    /// lost.
    pub fn silence(&self, since: Nanos, fresh: Nanos, now: Nanos) -> Nanos {
        let long = |(start, end): &&(Nanos, Nanos)| end.saturating_sub(*start) >= fresh;
        let anew = self.blind.iter().filter(long).map(|(_, end)| *end).max();
        let since = since.max(anew.unwrap_or(Nanos::MIN));
        let overlap = |(start, end): &(Nanos, Nanos)| {
            let (start, end) = ((*start).max(since), (*end).min(now));
            end.saturating_sub(start).max(0)
        };
        let blind: Nanos = self.blind.iter().map(overlap).sum();
        now.saturating_sub(since).saturating_sub(blind)
    }
}
