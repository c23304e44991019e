//! Samples of Prometheus as points, in the layout that Telegraf calls metric version 2: one measurement, the labels as
//! tags, the name as the field. Buckets of a histogram keep their bound in the tag `le`, and quantiles of a summary
//! theirs in `quantile`, so that Flux's `histogramQuantile` finds them.

use std::collections::HashMap;

use watchpost_core::point::{Point, SeriesKey};
use watchpost_core::time::{NANOS_PER_HOUR, NANOS_PER_SECOND};

use super::text::{Format, Sample, read};
use crate::collectors::Points;
use crate::programs::{Intake, name_text, set_tag};

/// The measurement of all samples.
pub const MEASUREMENT: &str = "prometheus";

/// A time further back is not believed: the sample is that of now.
const OLDEST: i64 = NANOS_PER_HOUR;

/// A time further ahead is not believed.
const NEWEST: i64 = 600 * NANOS_PER_SECOND;

/// A page with more samples than were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {0} samples")]
pub struct TooManySamples(pub usize);

/// The points of one page.
#[derive(Debug)]
pub struct Samples<'s> {
    /// Tags of every point; a label of the same name becomes `exported_NAME`.
    tags: Vec<(&'s str, &'s str)>,
    at: i64,
    points: Vec<Point>,
    places: HashMap<(SeriesKey, i64), usize>,
    count: usize,
}

impl<'s> Samples<'s> {
    /// Samples with these tags, stamped `at` where they have no time.
    pub fn new(tags: Vec<(&'s str, &'s str)>, at: i64) -> Self {
        Self {
            tags,
            at,
            points: Vec::new(),
            places: HashMap::new(),
            count: 0,
        }
    }

    /// Takes the samples of a page; lines that are none are refused and counted.
    ///
    /// Errors: it has more than `max` of them.
    pub fn take(
        &mut self,
        page: &[u8],
        format: Format,
        max: usize,
        intake: &Intake,
    ) -> Result<(), TooManySamples> {
        let mut taken = 0;
        read(page, format, |line| match line {
            Ok(_) if taken > max => {}
            Ok(sample) => {
                taken += 1;
                self.add(&sample);
            }
            Err((why, line)) => intake.refuse(&why, line),
        });
        if taken > max {
            return Err(TooManySamples(max));
        }
        intake.take(taken as u64);
        Ok(())
    }

    fn add(&mut self, sample: &Sample<'_>) {
        let given = sample.timestamp.unwrap_or(self.at);
        let time = match Self::is_near(given, self.at) {
            true => given,
            false => self.at,
        };
        let mut series = SeriesKey::new(MEASUREMENT, self.tags.iter().copied());
        for (label, value) in &sample.labels {
            match self.tags.iter().any(|(tag, _)| tag == label) {
                true => set_tag(&mut series, &format!("exported_{label}"), value),
                false => set_tag(&mut series, label, value),
            }
        }
        self.set(series, time, &sample.name, sample.value);
    }

    /// Whether a time that came with a sample is believed.
    pub fn is_near(time: i64, now: i64) -> bool {
        (now.saturating_sub(OLDEST)..now.saturating_add(NEWEST)).contains(&time)
    }

    /// Adds a field; what is not finite has no text in line protocol.
    pub fn set(&mut self, series: SeriesKey, time: i64, name: &str, value: f64) {
        let name = name_text(name);
        if !value.is_finite() || name.is_empty() {
            return;
        }
        self.count += 1;
        let points = &mut self.points;
        let place = *self
            .places
            .entry((series, time))
            .or_insert_with_key(|(series, time)| {
                let mut point = Point::new("", *time);
                point.series = series.clone();
                points.push(point);
                points.len() - 1
            });
        points[place].set_field(name, value);
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Hands the points on.
    pub fn push_into(self, points: &mut Points) {
        for point in self.points {
            points.push_point(point);
        }
    }

    /// The points.
    pub fn into_points(self) -> Vec<Point> {
        self.points
    }
}
