//! Numbers that look random and are functions: of a seed, a name for what they are, and a time. So a value
//! is the same whoever asks, whenever, in whatever order.

use watchpost_core::time::NANOS_PER_SECOND;

/// A source of numbers for one thing, such as the CPU of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise(u64);

impl Noise {
    /// The root of all, from the user's seed.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5ca1_ab1e_0ddb_a11d))
    }

    /// A source for a part of it.
    #[must_use]
    pub fn of(self, part: &str) -> Self {
        Self(
            part.bytes()
                .fold(self.0, |state, byte| mix(state ^ u64::from(byte))),
        )
    }

    /// A source for the `index`th of its kind.
    #[must_use]
    pub fn at(self, index: i64) -> Self {
        Self(mix(self.0 ^ mix(index as u64)))
    }

    /// A number in [0, 1).
    pub fn unit(self) -> f64 {
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number in [low, high).
    pub fn between(self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of some things; `None` if there are none.
    pub fn pick<T: Copy>(self, choices: &[T]) -> Option<T> {
        choices
            .get((self.unit() * choices.len() as f64) as usize)
            .copied()
    }

    /// A wave in [-1, 1] that wanders over `seconds` and is smooth in between.
    pub fn wave(self, time: i64, seconds: i64) -> f64 {
        let period = seconds * NANOS_PER_SECOND;
        let (step, within) = (
            time.div_euclid(period),
            time.rem_euclid(period) as f64 / period as f64,
        );
        let smooth = within * within * (3.0 - 2.0 * within);
        let (from, to) = (
            self.at(step).between(-1.0, 1.0),
            self.at(step + 1).between(-1.0, 1.0),
        );
        from + (to - from) * smooth
    }

    /// Jitter in [-1, 1], new every second.
    pub fn jitter(self, time: i64) -> f64 {
        self.at(time.div_euclid(NANOS_PER_SECOND))
            .between(-1.0, 1.0)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators",
/// OOPSLA 2014).
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
