//! What storage makes of a field in the scan: counts, sums, means and chosen rows, also of windows.

use std::collections::BTreeSet;
use std::rc::Rc;

use watchpost_core::point::FieldType;
use watchpost_flux::source::{Aggregate, PushedAggregate};
use watchpost_flux::value::duration::Duration;
use watchpost_flux::value::window::{Location, Window};

use super::point::{Options, Point};
use super::source::{Groups, Reader, Reference, finished, key_of, put, tags_of, value_at};
use crate::influxql::QueryError;
use crate::influxql::ast::Kind;
use crate::influxql::condition::is_of_tags;

impl Reader<'_> {
    /// What storage makes of a field in the scan; none where it cannot.
    pub(super) fn pushed(
        &self,
        measurement: &str,
        function: &str,
        (field, kind): Reference<'_>,
        options: &Options,
    ) -> Result<Option<Groups>, QueryError> {
        let Some(function) = Aggregate::named(function) else {
            return Ok(None);
        };
        let names = self.catalogue.names(measurement)?;
        let Some(stored) = names.fields.get(field) else {
            return Ok(None);
        };
        let is_field = |name: &str| names.fields.contains_key(name);
        let by_tags_alone = options
            .condition
            .as_ref()
            .is_none_or(|condition| is_of_tags(condition, &is_field));
        let is_cast = kind != Kind::Field(*stored);
        let is_number = !matches!(stored, FieldType::String | FieldType::Boolean);
        let takes_any = matches!(
            function,
            Aggregate::Count | Aggregate::First | Aggregate::Last
        );
        let Some(window) = fixed_window(options) else {
            return Ok(None);
        };
        let aggregate = PushedAggregate { function, window };
        let can = by_tags_alone
            && !is_cast
            && (is_number || takes_any)
            && options.auxiliary.is_empty()
            && options.start <= options.end
            && self.target.source.can_aggregate(&aggregate);
        if !can {
            return Ok(None);
        }
        let has_windows = options.has_windows();
        let is_chosen = matches!(
            function,
            Aggregate::Min | Aggregate::Max | Aggregate::First | Aggregate::Last
        );
        let fields = BTreeSet::from([field.to_owned()]);
        let request = self.request(measurement, &fields, &names, options, Some(aggregate));
        let mut groups = self.empty_groups(measurement, &names, options)?;
        self.target.read(&request, &mut |series| {
            let tags = tags_of(&series);
            let key = key_of(measurement, &tags, options);
            let point = |(row, time): (usize, &i64)| Point {
                key: Rc::clone(&key),
                time: match (is_chosen, has_windows) {
                    (true, _) => series.chosen.get(row).copied().unwrap_or(*time),
                    (false, true) => *time,
                    (false, false) => options.start,
                },
                value: Some(value_at(&series.values, row)),
                auxiliary: Rc::from([]),
                rows: series.counts.get(row).copied().unwrap_or(1).max(1),
            };
            let mut points: Vec<Point> = series.times.iter().enumerate().map(point).collect();
            if !options.ascending {
                points.reverse();
            }
            put(&mut groups, &tags, points, options);
            Ok(())
        })?;
        Ok(Some(finished(groups, options)))
    }
}

/// The windows as storage knows them, whose length does not change; none where the clocks do within the range. The inner
/// `None`: there are no windows.
fn fixed_window(options: &Options) -> Option<Option<Window>> {
    if !options.has_windows() {
        return Some(None);
    }
    let every = options.interval.every;
    let mut offset = options.interval.offset;
    if options.zone.as_ref().is_some_and(|zone| !zone.is_utc()) {
        /// Clocks stand for longer than this.
        const STEP: i64 = 86_400_000_000_000;
        /// Some ten years of days: a wider range is computed from rows.
        const MAX_STEPS: i64 = 4_000;
        let (first, last) = (
            options.start.checked_sub(every)?,
            options.end.checked_add(every)?,
        );
        if last.checked_sub(first)? / STEP > MAX_STEPS {
            return None;
        }
        let ahead = options.ahead(first);
        let mut time = first;
        while time < last {
            time = time.saturating_add(STEP).min(last);
            if options.ahead(time) != ahead {
                return None;
            }
        }
        offset -= ahead;
    }
    let every_duration = Duration::from_nanoseconds(every);
    Some(Some(Window {
        every: every_duration,
        period: every_duration,
        offset: Duration::from_nanoseconds(offset.rem_euclid(every)),
        location: Location::default(),
    }))
}
