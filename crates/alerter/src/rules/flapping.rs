//! Flap damping: an alert that comes and goes is told twice, then once as flapping, and its end
//! once it has been calm.

use serde::{Deserialize, Serialize};

use crate::alert::{Nanos, SECOND};

/// Firing for the third time within this is flapping.
pub const WINDOW: Nanos = 3_600 * SECOND;
/// A flapping alert ends when it was calm for so long: about what lies between the times when it
/// fires three times an hour, and less than the half hour after which it would be told again.
pub const CALM: Nanos = 1_200 * SECOND;

/// When a series began to fire lately, and whether that was too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flapping {
    /// The last two times, the older first.
    recent: [Option<Nanos>; 2],
    pub active: bool,
}

impl Flapping {
    /// It begins to fire; says whether it flaps now.
    pub fn fires(&mut self, now: Nanos) -> bool {
        let [older, newer] = self.recent;
        self.active |= older.is_some_and(|older| now.saturating_sub(older) <= WINDOW);
        self.recent = [newer, Some(now)];
        self.active
    }

    /// Its end is told.
    pub fn ends(&mut self) {
        self.active = false;
    }
}
