//! A limit on the series of one agent. A host that makes names without end (interfaces of short-lived
//! containers, processes named by number) must not fill its server with series; and whatever has too many
//! names must not cost the host its own: those come first, then those of its disks, and the rest is shared.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use watchpost_core::catalogue::{
    ITEM_TAGS, MEASUREMENT, MEASUREMENT_AGENT, MetricType, TAG_METRIC_TYPE,
};
use watchpost_core::point::SeriesKey;
use watchpost_core::time::NANOS_PER_HOUR;

/// A series that was not written for this long makes room for another.
const IDLE: i64 = NANOS_PER_HOUR;

/// What a series tells of, the most needed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The host as a whole: its memory, its uptime, the total of its network; and the agent itself.
    Host,
    /// One of its file systems.
    Disk,
    /// One of many things: a core, an interface, a process; without a type, what programs send.
    Item(Option<MetricType>),
}

impl Subject {
    /// What a series tells of, by its tags.
    pub fn of(series: &SeriesKey) -> Self {
        if series.measurement() == MEASUREMENT_AGENT {
            return Subject::Host;
        }
        if series.measurement() != MEASUREMENT {
            return Subject::Item(None);
        }
        let metric_type = series.tag(TAG_METRIC_TYPE).and_then(MetricType::from_name);
        let named = series
            .tags()
            .iter()
            .any(|(tag, _)| ITEM_TAGS.contains(&tag.as_str()));
        match (named, metric_type) {
            (false, _) => Subject::Host,
            (true, Some(MetricType::Disk)) => Subject::Disk,
            (true, other) => Subject::Item(other),
        }
    }
}

/// Remembers which series were written lately, by hash.
#[derive(Debug)]
pub struct CardinalityGuard {
    limit: usize,
    /// When each was written last.
    seen: HashMap<u64, i64>,
    /// In the order in which they came: those that came last make room.
    by_subject: HashMap<Subject, Vec<u64>>,
    next_sweep: i64,
}

impl CardinalityGuard {
    /// Admits `limit` series.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: HashMap::new(),
            by_subject: HashMap::new(),
            next_sweep: i64::MIN,
        }
    }

    /// Whether a point of `series` may be written at `now`. Known series may, unless one that is needed more
    /// took their place.
    pub fn admits(&mut self, series: &SeriesKey, now: i64) -> bool {
        let mut hasher = DefaultHasher::new();
        series.hash(&mut hasher);
        let key = hasher.finish();
        if let Some(last) = self.seen.get_mut(&key) {
            *last = now;
            return true;
        }
        let subject = Subject::of(series);
        if self.seen.len() >= self.limit && now >= self.next_sweep {
            self.sweep(now);
        }
        let room = self.seen.len() < self.limit || self.make_room(subject);
        if room {
            self.seen.insert(key, now);
            self.by_subject.entry(subject).or_default().push(key);
        }
        room
    }

    fn sweep(&mut self, now: i64) {
        self.seen.retain(|_, last| now.saturating_sub(*last) < IDLE);
        for keys in self.by_subject.values_mut() {
            keys.retain(|key| self.seen.contains_key(key));
        }
        self.next_sweep = now.saturating_add(IDLE / 60);
    }

    /// Forgets a series that is needed less than a new one of `subject`; false if there is none. Among items
    /// the kind with most series gives way to one with fewer, until they are even.
    fn make_room(&mut self, subject: Subject) -> bool {
        let own = self.by_subject.get(&subject).map_or(0, Vec::len);
        let items = self
            .by_subject
            .iter_mut()
            .filter(|(other, keys)| match (subject, *other) {
                (Subject::Item(_), Subject::Item(_)) => keys.len() > own + 1,
                _ => subject < **other && !keys.is_empty(),
            });
        let largest =
            items.max_by_key(|(other, keys)| (matches!(other, Subject::Item(_)), keys.len()));
        let Some(victim) = largest.and_then(|(_, keys)| keys.pop()) else {
            return false;
        };
        self.seen.remove(&victim);
        true
    }

    /// Whether so many new series fit without one being left out.
    pub fn has_room_for(&self, series: usize) -> bool {
        self.seen.len() + series <= self.limit
    }

    /// Series known now.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether no series is known.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use watchpost_core::point::SeriesKey;

    use super::{CardinalityGuard, IDLE};

    fn item(metric_type: &str, tag: &str, value: &str) -> SeriesKey {
        SeriesKey::new(
            "system_metrics",
            [("metric_type", metric_type), ("host", "h"), (tag, value)],
        )
    }

    fn process(name: &str) -> SeriesKey {
        item("process", "process", name)
    }

    #[test]
    fn known_series_stay_and_new_ones_wait_for_room() {
        let mut guard = CardinalityGuard::new(2);
        assert!(guard.admits(&process("a"), 0));
        assert!(guard.admits(&process("b"), 0));
        assert!(!guard.admits(&process("c"), 0));
        assert!(guard.admits(&process("a"), IDLE - 1));
        assert!(guard.admits(&process("c"), IDLE), "b was idle for an hour");
        assert!(!guard.admits(&process("b"), IDLE));
        assert_eq!(guard.len(), 2);
    }

    #[test]
    fn the_host_comes_before_its_disks_and_these_before_its_interfaces() {
        let mut guard = CardinalityGuard::new(3);
        for interface in ["a", "b", "c", "d"] {
            guard.admits(&item("network", "interface", interface), 0);
        }
        let disk = item("disk", "mountpoint", "/");
        assert!(guard.admits(&disk, 1));
        for metric_type in ["cpu", "memory", "network"] {
            assert!(
                guard.admits(&item(metric_type, "host", "h"), 2),
                "{metric_type}"
            );
        }
        assert!(!guard.admits(&disk, 3), "the host has three series");
        assert!(!guard.admits(&item("network", "interface", "a"), 3));
        assert!(guard.admits(&item("cpu", "host", "h"), 3));
        assert_eq!(guard.len(), 3);
    }

    #[test]
    fn what_programs_send_takes_no_room_from_the_host() {
        let mut guard = CardinalityGuard::new(10);
        let of_program =
            |number: usize| SeriesKey::new(format!("program{number}"), [("host", "h")]);
        for number in 0..100 {
            guard.admits(&of_program(number), 0);
        }
        assert!(guard.admits(&item("cpu", "host", "h"), 1));
        assert!(guard.admits(&item("disk", "mountpoint", "/"), 1));
        let cores = (0..60).filter(|core| guard.admits(&item("cpu", "cpu", &core.to_string()), 1));
        assert_eq!(cores.count(), 4, "half of what is left");
    }

    #[test]
    fn one_kind_of_items_leaves_room_for_the_others() {
        let mut guard = CardinalityGuard::new(100);
        for interface in 0..1000 {
            guard.admits(&item("network", "interface", &interface.to_string()), 0);
        }
        let cores = (0..60).filter(|core| guard.admits(&item("cpu", "cpu", &core.to_string()), 1));
        assert_eq!(cores.count(), 50, "half each");
        let known = (0..1000)
            .filter(|name| guard.admits(&item("network", "interface", &name.to_string()), 2));
        let known: Vec<_> = known.collect();
        assert_eq!(known, (0..50).collect::<Vec<_>>(), "those that came first");
        assert_eq!(guard.len(), 100);
    }
}
