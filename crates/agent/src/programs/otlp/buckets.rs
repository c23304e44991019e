//! Buckets as Prometheus has them: each counts all values up to its bound.

use super::model::{Buckets, DataPoint};

/// Buckets of one sign that an exponential histogram keeps: with more, neighbours are joined, as its data model allows
/// (each step halves the scale).
const MAX_EXPONENTIAL: usize = 32;

/// Values up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) bound: f64,
    pub(super) count: u64,
}

/// Of a histogram with bounds of its own. None, if there is not one count more than bounds or they do not rise: then the
/// point has its count and sum alone.
pub(super) fn explicit(point: &DataPoint) -> Vec<Bucket> {
    let (counts, bounds) = (&point.bucket_counts, &point.explicit_bounds);
    if counts.len() != bounds.len() + 1 || !bounds.is_sorted_by(|a, b| a < b) {
        return Vec::new();
    }
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    added_up(bounds.zip(counts.iter().copied()))
}

/// Of an exponential histogram: bucket `i` of scale `s` holds values above `2^(i/2^s)` up to `2^((i+1)/2^s)`, and those
/// below zero likewise.
pub(super) fn exponential(point: &DataPoint) -> Vec<Bucket> {
    let (negative, positive) = (
        Joined::of(&point.negative, point.scale),
        Joined::of(&point.positive, point.scale),
    );
    let below = negative.counts.iter().enumerate().rev();
    let below = below.map(|(at, count)| (-negative.bound(at), *count));
    let zero = std::iter::once((point.zero_threshold.max(0.0), point.zero_count));
    let above = positive.counts.iter().enumerate();
    let above = above.map(|(at, count)| (positive.bound(at + 1), *count));
    let mut buckets = added_up(below.chain(zero).chain(above));
    buckets.push(Bucket {
        bound: f64::INFINITY,
        count: point.count,
    });
    buckets
}

fn added_up(each: impl Iterator<Item = (f64, u64)>) -> Vec<Bucket> {
    let mut sum = 0_u64;
    each.map(|(bound, count)| {
        sum = sum.saturating_add(count);
        Bucket { bound, count: sum }
    })
    .collect()
}

/// Buckets of one sign, joined until they are few.
struct Joined {
    scale: i32,
    offset: i64,
    counts: Vec<u64>,
}

impl Joined {
    fn of(buckets: &Buckets, scale: i32) -> Self {
        let mut joined = Self {
            scale,
            offset: i64::from(buckets.offset),
            counts: buckets.bucket_counts.clone(),
        };
        while joined.counts.len() > MAX_EXPONENTIAL {
            let first = joined.offset >> 1;
            let mut counts = Vec::with_capacity(joined.counts.len() / 2 + 1);
            for (at, count) in (joined.offset..).zip(&joined.counts) {
                let place = usize::try_from((at >> 1) - first).unwrap_or(0);
                counts.resize(counts.len().max(place + 1), 0_u64);
                counts[place] = counts[place].saturating_add(*count);
            }
            joined.scale = joined.scale.saturating_sub(1);
            (joined.offset, joined.counts) = (first, counts);
        }
        joined
    }

    /// The lower bound of the bucket at `place`.
    fn bound(&self, place: usize) -> f64 {
        let index = self.offset as f64 + place as f64;
        (index * (-f64::from(self.scale)).exp2()).exp2()
    }
}
