//! The values of a timing within an interval, and what the reference daemon makes of them.

/// Values of one timing that are kept. With more the percentiles are those of a random choice of so many (within 3 %
/// of rank); count, sum, upper, lower and deviation stay exact.
pub(super) const MAX_VALUES: usize = 1_024;

/// Values within one interval.
#[derive(Debug, Default)]
pub(super) struct Timing {
    values: Vec<f64>,
    seen: u64,
    /// Events behind the values: a value sent at a rate of 0.1 stands for ten.
    count: f64,
    sum: f64,
    sum_squares: f64,
    lower: f64,
    upper: f64,
}

/// `(name, value)` of a field.
pub(super) type Field = (String, f64);

impl Timing {
    /// Adds a value that stands for `1 / rate` events. It is kept while `may_keep`, and may replace another after.
    pub(super) fn add(&mut self, value: f64, rate: f64, may_keep: bool) {
        let first = self.seen == 0;
        self.seen += 1;
        self.count += 1.0 / rate;
        self.sum += value;
        self.sum_squares += value * value;
        self.lower = if first { value } else { self.lower.min(value) };
        self.upper = if first { value } else { self.upper.max(value) };
        if self.values.is_empty() || (may_keep && self.values.len() < MAX_VALUES) {
            self.values.push(value);
            return;
        }
        // Vitter's algorithm R: each of those seen is kept with the same chance.
        let at = fastrand::u64(..self.seen);
        if let Some(kept) = usize::try_from(at)
            .ok()
            .and_then(|at| self.values.get_mut(at))
        {
            *kept = value;
        }
    }

    /// Values that are kept.
    pub(super) fn kept(&self) -> usize {
        self.values.len()
    }

    /// The fields of the interval, and an empty interval after it. Names and arithmetic are those of StatsD's
    /// `lib/process_metrics.js`; a timing without values has its counts alone, which are zero.
    pub(super) fn flush(&mut self, seconds: f64, percentiles: &[u8]) -> Vec<Field> {
        let mut timing = std::mem::take(self);
        let field = |name: &str, value| (name.to_owned(), value);
        let mut fields = vec![
            field("count", timing.count),
            field("count_ps", timing.count / seconds),
        ];
        if timing.seen == 0 {
            return fields;
        }
        timing.values.sort_unstable_by(f64::total_cmp);
        let mean = timing.sum / timing.seen as f64;
        fields.extend([
            field("lower", timing.lower),
            field("upper", timing.upper),
            field("sum", timing.sum),
            field("sum_squares", timing.sum_squares),
            field("mean", mean),
            field("median", median(&timing.values)),
            field("std", timing.deviation(mean)),
        ]);
        for percentile in percentiles {
            timing.percentile(*percentile, &mut fields);
        }
        fields
    }

    /// Of all values where they are kept, else by their squares, which loses digits.
    fn deviation(&self, mean: f64) -> f64 {
        let kept = self.values.len() as u64 == self.seen;
        let differences = || self.values.iter().map(|value| (value - mean).powi(2)).sum();
        let squares: f64 = match kept {
            true => differences(),
            false => (self.sum_squares - mean * self.sum).max(0.0),
        };
        (squares / self.seen as f64).sqrt()
    }

    /// The lowest share of the values: their number, mean, sum and largest.
    fn percentile(&self, percentile: u8, fields: &mut Vec<Field>) {
        let number = self.values.len();
        let within = match number {
            1 => 1,
            // JavaScript's Math.round of a positive number.
            _ => (f64::from(percentile) / 100.0 * number as f64 + 0.5).floor() as usize,
        };
        let Some(upper) = within.checked_sub(1).and_then(|at| self.values.get(at)) else {
            return;
        };
        let kept = &self.values[..within];
        let (sum, squares) = kept.iter().fold((0.0, 0.0), |(sum, squares), value| {
            (sum + value, squares + value * value)
        });
        let mut push = |name: &str, value| fields.push((format!("{name}_{percentile}"), value));
        push("count", within as f64);
        push("mean", sum / within as f64);
        push("upper", *upper);
        push("sum", sum);
        push("sum_squares", squares);
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}
