//! Two samples of times compared by their ranks (Mann and Whitney, 1947): what is far out counts as little as it should on a
//! machine that does other things beside.

use std::time::Duration;

/// The longest difference that is looked for.
const LONGEST: Duration = Duration::from_secs(10);

/// How far the ranks of the first sample lie from what chance gives, in its standard deviations; above zero where they are
/// longer.
pub(super) fn z(first: &[Duration], second: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> = first.iter().map(|time| (*time, true)).collect();
    all.extend(second.iter().map(|time| (*time, false)));
    all.sort_unstable();
    let mut sum = 0.0;
    let mut place = 0;
    while place < all.len() {
        // Times that are equal share the mean of their ranks.
        let equal = all[place..].iter().take_while(|it| it.0 == all[place].0);
        let (count, of_first) = equal.fold((0, 0), |(count, of_first), it| {
            (count + 1, of_first + usize::from(it.1))
        });
        let rank = number(place) + (number(count) + 1.0) / 2.0;
        sum += rank * number(of_first);
        place += count;
    }
    let (one, two) = (number(first.len()), number(second.len()));
    let expected = one * (one + two + 1.0) / 2.0;
    let deviation = (one * two * (one + two + 1.0) / 12.0).sqrt();
    (sum - expected) / deviation
}

/// The smallest time that the first sample would have to take longer for [`z`] to reach `bound`.
pub(super) fn smallest_shift(first: &[Duration], second: &[Duration], bound: f64) -> Duration {
    let (mut low, mut high) = (Duration::ZERO, LONGEST);
    while high - low > Duration::from_micros(10) {
        let middle = (low + high) / 2;
        let longer: Vec<Duration> = first.iter().map(|time| *time + middle).collect();
        match z(&longer, second) < bound {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

pub(super) fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Counts of a sample are far below what a float holds.
#[allow(clippy::cast_precision_loss, reason = "thousands, not 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(step: u64, shift: u64) -> Vec<Duration> {
        let spread = (0..200).map(|turn| turn * step % 211 + shift);
        spread.map(Duration::from_millis).collect()
    }

    #[test]
    fn what_is_alike_does_not_differ_and_what_is_shifted_does() {
        assert!(z(&times(7, 0), &times(11, 0)).abs() < 1.0);
        assert!(z(&times(7, 60), &times(11, 0)) > 4.5);
        assert!(z(&times(7, 0), &times(11, 60)) < -4.5);
        let equal = vec![Duration::from_secs(1); 50];
        assert!(z(&equal, &equal).abs() < 1e-9);
        let shift = smallest_shift(&times(7, 0), &times(11, 0), 4.5);
        assert!((10..60).contains(&shift.as_millis()), "{shift:?}");
        assert_eq!(median(&times(7, 0)).as_millis() / 10, 10);
    }
}
