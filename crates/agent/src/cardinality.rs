//! A limit on the series of one agent. A host that makes names without end (interfaces of short-lived
//! containers, processes named by number) must not fill its server with series; and whatever has too many
//! names must not cost the host its own: those come first, and the rest is shared evenly by the kinds of things.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use watchpost_core::catalogue::{
    ITEM_TAGS, MEASUREMENT, MEASUREMENT_AGENT, MetricType, TAG_METRIC_TYPE,
};
use watchpost_core::point::SeriesKey;
use watchpost_core::time::NANOS_PER_HOUR;

/// A series that was not written for this long makes room for another.
const IDLE: i64 = NANOS_PER_HOUR;

/// Types whose series of the host as a whole are vital: without them a host has no first view, and no rule that
/// every host needs.
const VITAL: [MetricType; 5] = [
    MetricType::Cpu,
    MetricType::Memory,
    MetricType::Swap,
    MetricType::Network,
    MetricType::System,
];

/// The file system that is vital too.
const ROOT: &str = "/";

/// Kinds of things, in the order in which they take one each while there is room. `None` is what programs send.
const KINDS: [Option<MetricType>; MetricType::ALL.len() + 1] = [
    Some(MetricType::Network),
    Some(MetricType::Disk),
    Some(MetricType::Diskio),
    Some(MetricType::Cpu),
    Some(MetricType::Container),
    Some(MetricType::Unit),
    Some(MetricType::DiskHealth),
    Some(MetricType::Check),
    Some(MetricType::Gpu),
    Some(MetricType::System),
    Some(MetricType::Memory),
    Some(MetricType::Swap),
    Some(MetricType::Process),
    None,
];

/// Series that a host has of its own at most, beside the vital ones: the counts of its containers, units and
/// processes, and those of the agent itself, some for each output. Room is kept for so many at the start.
const OF_HOST: usize = 48;

/// What a series tells of, the most needed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The host's processor, memory, uptime, all its network, and its root file system.
    Vital,
    /// The host otherwise, and the agent itself.
    Host,
    /// One of many things: a core, an interface, a process; the place of its kind in [`KINDS`].
    Item(usize),
}

impl Subject {
    /// What a series tells of, by its tags.
    pub fn of(series: &SeriesKey) -> Self {
        if series.measurement() == MEASUREMENT_AGENT {
            return Subject::Host;
        }
        if series.measurement() != MEASUREMENT {
            return Subject::item(None);
        }
        let metric_type = series.tag(TAG_METRIC_TYPE).and_then(MetricType::from_name);
        let mut tags = series.tags().iter();
        let named = tags.any(|(tag, _)| ITEM_TAGS.contains(&tag.as_str()));
        match (named, metric_type) {
            (true, Some(MetricType::Disk)) if series.tag("mountpoint") == Some(ROOT) => {
                Subject::Vital
            }
            (true, of_type) => Subject::item(of_type),
            (false, Some(of_type)) if VITAL.contains(&of_type) => Subject::Vital,
            (false, _) => Subject::Host,
        }
    }

    fn item(metric_type: Option<MetricType>) -> Self {
        let place = KINDS.iter().position(|kind| *kind == metric_type);
        Subject::Item(place.unwrap_or(KINDS.len()))
    }
}

/// Remembers which series were written lately, by hash.
#[derive(Debug)]
pub struct CardinalityGuard {
    limit: usize,
    /// When each was written last.
    seen: HashMap<u64, i64>,
    /// In the order in which they came: those that came last give way.
    by_subject: BTreeMap<Subject, Vec<u64>>,
    next_sweep: i64,
}

impl CardinalityGuard {
    /// Admits `limit` series.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            seen: HashMap::new(),
            by_subject: BTreeMap::new(),
            next_sweep: i64::MIN,
        }
    }

    /// Which of the series of a round may be written at `now`: never more than the limit. They come in the order
    /// in which they are needed within their kind. Known ones stay, unless others that are needed more come.
    ///
    /// Before the agent has `settled`, what may have to give way to a collector that has not answered yet waits:
    /// a series that was written once is one for the server.
    pub fn admit(&mut self, round: &[&SeriesKey], now: i64, settled: bool) -> Vec<bool> {
        let keys: Vec<u64> = round.iter().map(|series| hash(series)).collect();
        let mut unknown: BTreeMap<Subject, Vec<u64>> = BTreeMap::new();
        let mut met = HashSet::new();
        for (key, series) in keys.iter().zip(round) {
            if let Some(last) = self.seen.get_mut(key) {
                *last = now;
            } else if met.insert(*key) {
                unknown.entry(Subject::of(series)).or_default().push(*key);
            }
        }
        if !met.is_empty() {
            if self.seen.len() + met.len() > self.limit && now >= self.next_sweep {
                self.sweep(now);
            }
            self.take_in(unknown, now);
        }
        let early = (!settled).then(|| self.certain());
        let may = |key| match &early {
            Some(certain) => certain.contains(key),
            None => self.seen.contains_key(key),
        };
        keys.iter().map(may).collect()
    }

    fn sweep(&mut self, now: i64) {
        self.seen.retain(|_, last| now.saturating_sub(*last) < IDLE);
        for keys in self.by_subject.values_mut() {
            keys.retain(|key| self.seen.contains_key(key));
        }
        self.next_sweep = now.saturating_add(IDLE / 60);
    }

    /// Gives each subject its share of the room, to known series before new ones.
    fn take_in(&mut self, mut unknown: BTreeMap<Subject, Vec<u64>>, now: i64) {
        let mut wanted: BTreeMap<Subject, usize> = BTreeMap::new();
        for (subject, keys) in self.by_subject.iter().chain(&unknown) {
            *wanted.entry(*subject).or_default() += keys.len();
        }
        for (subject, share) in shares(&wanted, self.limit) {
            let known = self.by_subject.entry(subject).or_default();
            for key in known.drain(share.min(known.len())..) {
                self.seen.remove(&key);
            }
            let new = unknown.remove(&subject).unwrap_or_default();
            for key in new.into_iter().take(share - known.len()) {
                self.seen.insert(key, now);
                known.push(key);
            }
        }
    }

    /// The series that keep their place whatever comes: each kind's within the least share that it may end with.
    fn certain(&self) -> HashSet<u64> {
        let beside_vital = self.limit.saturating_sub(VITAL.len() + 1);
        let of_items = beside_vital.saturating_sub(OF_HOST) / KINDS.len();
        let certain = self.by_subject.iter().flat_map(|(subject, keys)| {
            let share = match subject {
                Subject::Vital => self.limit,
                Subject::Host => beside_vital,
                Subject::Item(_) => of_items,
            };
            keys.iter().take(share).copied()
        });
        certain.collect()
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

/// How many of its series each subject has, of `limit` in all: the host what it wants, and the kinds of items in
/// turns one each, until each has what it wants or there is no room.
fn shares(wanted: &BTreeMap<Subject, usize>, limit: usize) -> BTreeMap<Subject, usize> {
    let mut left = limit;
    let mut shares: BTreeMap<Subject, usize> = BTreeMap::new();
    let (items, host): (Vec<_>, Vec<_>) = wanted
        .iter()
        .partition(|(subject, _)| matches!(subject, Subject::Item(_)));
    for (subject, wanted) in host {
        let share = (*wanted).min(left);
        shares.insert(*subject, share);
        left -= share;
    }
    loop {
        let share = |subject| shares.get(subject).copied().unwrap_or(0);
        let hungry: Vec<_> = items
            .iter()
            .filter(|(subject, wanted)| share(*subject) < **wanted)
            .collect();
        // Many turns at a time, as long as they are the same for all.
        let turns = left
            .checked_div(hungry.len())
            .map_or(1, |turns| turns.max(1));
        if left == 0 || hungry.is_empty() {
            break;
        }
        for (subject, wanted) in hungry {
            let share = shares.entry(**subject).or_default();
            let more = turns.min(**wanted - *share).min(left);
            *share += more;
            left -= more;
        }
    }
    for (subject, _) in items {
        shares.entry(*subject).or_default();
    }
    shares
}

fn hash(series: &SeriesKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    series.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use watchpost_core::catalogue::MetricType;
    use watchpost_core::point::SeriesKey;

    use super::{CardinalityGuard, IDLE, KINDS};

    fn item(metric_type: &str, tag: &str, value: &str) -> SeriesKey {
        SeriesKey::new(
            "system_metrics",
            [("metric_type", metric_type), ("host", "h"), (tag, value)],
        )
    }

    fn process(name: &str) -> SeriesKey {
        item("process", "process", name)
    }

    fn interfaces(numbers: std::ops::Range<usize>) -> Vec<SeriesKey> {
        numbers
            .map(|number| item("network", "interface", &number.to_string()))
            .collect()
    }

    fn cores(numbers: std::ops::Range<usize>) -> Vec<SeriesKey> {
        numbers
            .map(|number| item("cpu", "cpu", &number.to_string()))
            .collect()
    }

    fn admit(guard: &mut CardinalityGuard, round: &[SeriesKey], now: i64) -> Vec<bool> {
        let admitted = guard.admit(&round.iter().collect::<Vec<_>>(), now, true);
        assert!(guard.len() <= guard.limit);
        admitted
    }

    fn admits(guard: &mut CardinalityGuard, series: &SeriesKey, now: i64) -> bool {
        admit(guard, std::slice::from_ref(series), now)[0]
    }

    fn count(admitted: &[bool]) -> usize {
        admitted.iter().filter(|admitted| **admitted).count()
    }

    #[test]
    fn every_type_is_a_kind() {
        for of_type in MetricType::ALL {
            assert!(KINDS.contains(&Some(of_type)), "{}", of_type.name());
        }
    }

    #[test]
    fn known_series_stay_and_new_ones_wait_for_room() {
        let mut guard = CardinalityGuard::new(2);
        assert!(admits(&mut guard, &process("a"), 0));
        assert!(admits(&mut guard, &process("b"), 0));
        assert!(!admits(&mut guard, &process("c"), 0));
        assert!(admits(&mut guard, &process("a"), IDLE - 1));
        assert!(
            admits(&mut guard, &process("c"), IDLE),
            "b was idle for an hour"
        );
        assert!(!admits(&mut guard, &process("b"), IDLE));
        assert_eq!(guard.len(), 2);
    }

    #[test]
    fn the_host_and_its_root_come_before_everything_else() {
        let mut guard = CardinalityGuard::new(4);
        admit(&mut guard, &interfaces(0..10), 0);
        let root = item("disk", "mountpoint", "/");
        assert!(admits(&mut guard, &root, 1));
        let own = ["process", "cpu", "memory", "network"].map(|of_type| item(of_type, "host", "h"));
        assert_eq!(admit(&mut guard, &own, 2), [false, true, true, true]);
        assert!(admits(&mut guard, &root, 3));
        assert_eq!(count(&admit(&mut guard, &interfaces(0..10), 3)), 0);
    }

    #[test]
    fn the_last_place_is_the_first_interfaces() {
        for limit in [2, 3, 4] {
            let mut guard = CardinalityGuard::new(limit);
            let mut round = vec![item("memory", "host", "h")];
            round.extend((0..50).map(|number| item("diskio", "device", &number.to_string())));
            round.extend((0..90).map(|number| item("disk", "mountpoint", &format!("/{number}"))));
            round.extend(interfaces(0..5));
            let admitted = admit(&mut guard, &round, 0);
            assert_eq!(count(&admitted), limit);
            assert!(admitted[0] && admitted[141], "{limit}");
        }
    }

    #[test]
    fn what_programs_send_takes_no_room_from_the_host() {
        let mut guard = CardinalityGuard::new(10);
        let of_program =
            |number: usize| SeriesKey::new(format!("program{number}"), [("host", "h")]);
        admit(&mut guard, &(0..100).map(of_program).collect::<Vec<_>>(), 0);
        assert!(admits(&mut guard, &item("cpu", "host", "h"), 1));
        assert!(admits(&mut guard, &item("disk", "mountpoint", "/"), 1));
        let admitted = admit(&mut guard, &cores(0..60), 1);
        assert_eq!(count(&admitted), 4, "half of what is left");
    }

    #[test]
    fn one_kind_of_items_leaves_room_for_the_others() {
        let mut guard = CardinalityGuard::new(100);
        admit(&mut guard, &interfaces(0..1000), 0);
        assert_eq!(count(&admit(&mut guard, &cores(0..60), 1)), 50, "half each");
        let known = admit(&mut guard, &interfaces(0..1000), 2);
        assert_eq!(count(&known[..50]), 50, "those that came first");
        assert_eq!((count(&known), guard.len()), (50, 100));
    }

    #[test]
    fn before_all_have_answered_only_what_keeps_its_place_is_written() {
        let mut guard = CardinalityGuard::new(2_000);
        let early = interfaces(0..3_000);
        let first = guard.admit(&early.iter().collect::<Vec<_>>(), 0, false);
        assert_eq!(count(&first), (2_000 - 6 - 48) / 14);
        admit(&mut guard, &cores(0..3_000), 1);
        let then = admit(&mut guard, &early, 2);
        assert_eq!(count(&then), 1_000);
        assert!(first.iter().zip(&then).all(|(first, then)| then >= first));
    }
}
