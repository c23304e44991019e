//! Count, sum and checksum of a series: three numbers that a server can be asked for, and that no
//! missing, doubled, altered or misplaced point leaves as they are.

use serde::{Deserialize, Serialize};

use super::FieldKind;

/// Weights repeat after so many intervals; prime, so that no period of the data fits it.
pub const WEIGHT_PERIOD: i64 = 65_521;

/// Whole numbers enter the checksum modulo this prime, which keeps a sum of 10⁸ terms in an i64.
pub const VALUE_MODULUS: i64 = 1_000_003;

/// What a series adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSum {
    /// Points.
    pub count: u64,
    /// Sum of the values in units (eighths of a percent, bytes).
    pub sum: i64,
    /// Sum of [`checksum_term`] over the points.
    pub checksum: i64,
}

impl SeriesSum {
    /// Adds one point.
    pub fn add(&mut self, kind: FieldKind, units: i64, time: i64, interval: i64) {
        self.count += 1;
        self.sum += units;
        self.checksum += checksum_term(kind, units, time, interval);
    }

    /// Adds another part of the same series.
    pub fn merge(&mut self, other: SeriesSum) {
        self.count += other.count;
        self.sum += other.sum;
        self.checksum += other.checksum;
    }
}

/// A point's share in the checksum: its value times a weight that its time gives, so that two
/// values which change places are noticed.
pub fn checksum_term(kind: FieldKind, units: i64, time: i64, interval: i64) -> i64 {
    let weight = 1 + time / interval.max(1) % WEIGHT_PERIOD;
    match kind {
        FieldKind::Percent => units * weight,
        FieldKind::Bytes => units % VALUE_MODULUS * weight,
    }
}
