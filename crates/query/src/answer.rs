//! The neutral answer.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use watchpost_core::csv::Value;

use crate::Statistic;

/// The tags of a series.
type Labels = BTreeMap<String, String>;

/// The answer to a [`Question`](crate::Question).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub series: Vec<Series>,
}

/// One value, or several, of one series or group.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Empty where no field was asked for.
    pub field: Arc<str>,
    /// Which of the statistics that were asked for; none of points.
    pub statistic: Option<Statistic>,
    pub labels: Labels,
    /// In order of time.
    pub points: Vec<Point>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Nanoseconds since 1970; none of a value of the whole range.
    pub time: Option<i64>,
    pub value: Value,
}

impl Answer {
    /// How many points it has.
    pub fn size(&self) -> usize {
        self.series.iter().map(|series| series.points.len()).sum()
    }

    /// The same with no other tags than these. Series that become one stand beside each other in it.
    #[must_use]
    pub(crate) fn with_tags(self, tags: &[String]) -> Answer {
        let mut places: HashMap<(Arc<str>, Option<Statistic>, Labels), usize> = HashMap::new();
        let mut merged: Vec<Series> = Vec::new();
        for mut series in self.series {
            series.labels.retain(|name, _| tags.contains(name));
            let key = (
                Arc::clone(&series.field),
                series.statistic,
                series.labels.clone(),
            );
            match places.entry(key) {
                Entry::Occupied(place) => {
                    let points = &mut merged[*place.get()].points;
                    points.extend(series.points);
                    points.sort_by_key(|point| point.time);
                }
                Entry::Vacant(place) => {
                    place.insert(merged.len());
                    merged.push(series);
                }
            }
        }
        Answer { series: merged }
    }

    /// The series of one statistic.
    pub fn of(&self, statistic: Statistic) -> impl Iterator<Item = &Series> {
        let wanted = move |series: &&Series| series.statistic == Some(statistic);
        self.series.iter().filter(wanted)
    }

    /// By field, labels and statistic, points by time: so that answers of two servers can be compared.
    #[must_use]
    pub fn sorted(mut self) -> Answer {
        for series in &mut self.series {
            series.points.sort_by_key(|point| point.time);
        }
        self.series.sort_by(|a, b| {
            (&a.field, &a.labels, a.statistic).cmp(&(&b.field, &b.labels, b.statistic))
        });
        self
    }
}

impl Series {
    pub fn label(&self, tag: &str) -> &str {
        self.labels.get(tag).map_or("", String::as_str)
    }

    /// The number of its only or newest point.
    pub fn number(&self) -> Option<f64> {
        self.points.last()?.value.as_f64()
    }
}
