//! Half-open ranges of time.

/// `start <= time < stop`, nanoseconds since 1970 (negative before).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first instant inside.
    pub start: i64,
    /// The first instant after.
    pub stop: i64,
}

impl TimeRange {
    /// Every time that can be stored (`i64::MAX` itself is none, see
    /// [`watchpost_core::line_protocol::MAX_TIMESTAMP`]).
    pub const ALL: TimeRange = TimeRange {
        start: i64::MIN,
        stop: i64::MAX,
    };

    pub fn new(start: i64, stop: i64) -> TimeRange {
        TimeRange { start, stop }
    }

    pub fn contains(self, time: i64) -> bool {
        self.start <= time && time < self.stop
    }

    /// Whether no time is inside.
    pub fn is_empty(self) -> bool {
        self.start >= self.stop
    }

    /// Whether the two have an instant in common.
    pub fn overlaps(self, other: TimeRange) -> bool {
        self.start < other.stop && other.start < self.stop && !self.is_empty() && !other.is_empty()
    }

    /// Whether every instant of `other` is inside.
    pub fn covers(self, other: TimeRange) -> bool {
        self.start <= other.start && other.stop <= self.stop
    }

    /// The instants in both; empty if there are none.
    pub fn intersection(self, other: TimeRange) -> TimeRange {
        TimeRange {
            start: self.start.max(other.start),
            stop: self.stop.min(other.stop),
        }
    }

    /// The smallest range around both.
    pub fn hull(self, other: TimeRange) -> TimeRange {
        TimeRange {
            start: self.start.min(other.start),
            stop: self.stop.max(other.stop),
        }
    }
}
