//! Flap detection: the weighted share of changes among the last 21 observations.
//!
//! The method is Nagios' (documentation, "Detection and Handling of State Flapping"), also
//! Kapacitor's: newer changes weigh more (0.8 for the oldest to 1.2 for the newest).

use serde::{Deserialize, Serialize};

/// Observations that are remembered.
const HISTORY: u32 = 21;
/// Above this a series starts to flap, below the other it stops.
const ENTER: f64 = 0.5;
const LEAVE: f64 = 0.25;

/// Bit n is observation n back: whether the value was bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Flapping {
    bits: u32,
    count: u32,
    pub active: bool,
}

impl Flapping {
    /// Adds an observation and says whether the series flaps now.
    pub fn observe(&mut self, bad: bool) -> bool {
        self.bits = (self.bits << 1 | u32::from(bad)) & ((1 << HISTORY) - 1);
        self.count = (self.count + 1).min(HISTORY);
        let share = self.share();
        self.active = if self.active {
            share >= LEAVE
        } else {
            share > ENTER
        };
        self.active
    }

    /// Weighted share of changes, 0 to 1.
    pub fn share(&self) -> f64 {
        let pairs = HISTORY - 1;
        let weight = |age: u32| 1.2 - 0.4 * f64::from(age) / f64::from(pairs - 1);
        let changes = (self.bits ^ (self.bits >> 1)) & ((1 << self.count.saturating_sub(1)) - 1);
        let weighted: f64 = (0..pairs)
            .filter(|age| changes >> age & 1 == 1)
            .map(weight)
            .sum();
        weighted / f64::from(pairs)
    }
}
