//! Windows of time that aggregates are computed over.

use std::sync::Arc;

use crate::range::TimeRange;

/// How a range is cut into windows. A window holds the times `start <= time < stop`; the first
/// and last are clipped to the range of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Windowing {
    /// One window: the whole range.
    Whole,
    /// Windows of a fixed length that begin at `offset` plus multiples of `every` (nanoseconds;
    /// `every` > 0, any `offset`).
    Every { every: i64, offset: i64 },
    /// Calendar windows: sorted boundaries; window `i` is `boundaries[i]..boundaries[i + 1]`.
    /// Times outside of the first and last boundary are in no window.
    Boundaries(Arc<[i64]>),
}

impl Windowing {
    /// The window that holds a time, clipped to the range; `None` if there is none.
    pub fn window_of(&self, time: i64, range: TimeRange) -> Option<TimeRange> {
        if !range.contains(time) {
            return None;
        }
        let window = match self {
            Windowing::Whole => range,
            Windowing::Every { every, offset } => {
                let into = i128::from(time) - i128::from(*offset);
                let start = i128::from(time) - into.rem_euclid(i128::from((*every).max(1)));
                let stop = start + i128::from((*every).max(1));
                TimeRange::new(saturate(start), saturate(stop))
            }
            Windowing::Boundaries(boundaries) => {
                let after = boundaries.partition_point(|boundary| *boundary <= time);
                let start = *boundaries.get(after.checked_sub(1)?)?;
                TimeRange::new(start, *boundaries.get(after)?)
            }
        };
        Some(window.intersection(range))
    }
}

fn saturate(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}
