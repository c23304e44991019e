//! What is known between two flushes: a value a series, as the reference daemon keeps it.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use watchpost_core::point::{Point, SeriesKey};
use watchpost_core::time::NANOS_PER_HOUR;

use super::line::{self, Sample, Type};
use super::timing::{MAX_VALUES, Timing};
use crate::collectors::Points;
use crate::programs::{self, Intake};

/// The tag that tells a counter from a timing of the same name.
const TAG: &str = "metric_type";

/// A series without a line for this long is written no more, and makes room when there is none.
const IDLE: i64 = NANOS_PER_HOUR;

/// Values that all timings keep in one interval: half a megabyte.
const MAX_KEPT: usize = 64 * MAX_VALUES;

/// Members that all sets keep in one interval, by hash: under a megabyte.
const MAX_MEMBERS: usize = 50_000;

/// Spellings of series that are remembered: the same tags in another order are the same series.
const SPELLINGS_A_SERIES: usize = 4;

/// Why a line of a new series is refused.
const TOO_MANY: &str = "there are as many series as collectors.statsd.max_series";

#[derive(Debug)]
enum Value {
    Counter(f64),
    Gauge(f64),
    Timing(Timing),
    Set(HashSet<u64>),
}

#[derive(Debug)]
struct Series {
    key: SeriesKey,
    value: Value,
    is_touched: bool,
    last: i64,
}

/// The series of one StatsD listener.
#[derive(Debug)]
pub struct Aggregate {
    max_series: usize,
    percentiles: Vec<u8>,
    series: Vec<Series>,
    places: HashMap<SeriesKey, usize>,
    /// Name, type and tags as they were sent.
    spellings: HashMap<Box<[u8]>, usize>,
    scratch: Vec<u8>,
    kept: usize,
    members: usize,
    now: i64,
}

impl Aggregate {
    /// No series yet, and `max_series` at most; `percentiles` are those of timings.
    pub fn new(max_series: usize, percentiles: &[u8]) -> Self {
        Self {
            max_series,
            percentiles: percentiles.to_vec(),
            series: Vec::new(),
            places: HashMap::new(),
            spellings: HashMap::new(),
            scratch: Vec::new(),
            kept: 0,
            members: 0,
            now: 0,
        }
    }

    /// Takes the lines of a datagram.
    pub fn take(&mut self, datagram: &[u8], intake: &Intake) {
        let lines = datagram.split(|byte| *byte == b'\n');
        let mut taken = 0;
        for line in lines
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
        {
            let mut refused = None;
            let read = line::read(line, |sample| {
                if let Err(why) = self.add(&sample) {
                    refused = Some(why);
                }
            });
            match (read, refused) {
                (Err(error), _) => intake.refuse(&error, line),
                (Ok(()), Some(why)) => intake.refuse(&why, line),
                (Ok(()), None) => taken += 1,
            }
        }
        intake.take(taken);
    }

    fn add(&mut self, sample: &Sample<'_>) -> Result<(), &'static str> {
        let place = self.place(sample)?;
        let (kept, members) = (self.kept, self.members);
        let series = &mut self.series[place];
        series.is_touched = true;
        match &mut series.value {
            Value::Counter(sum) => *sum += sample.value * (1.0 / sample.rate),
            Value::Gauge(value) if sample.text.trim_ascii().starts_with(['+', '-']) => {
                *value += sample.value;
            }
            Value::Gauge(value) => *value = sample.value,
            Value::Timing(timing) => {
                let before = timing.kept();
                timing.add(sample.value, sample.rate, kept < MAX_KEPT);
                self.kept += timing.kept() - before;
            }
            Value::Set(set) => {
                let mut hasher = DefaultHasher::new();
                sample.text.hash(&mut hasher);
                if members >= MAX_MEMBERS {
                    return Err("the sets have as many members as fit");
                }
                self.members += usize::from(set.insert(hasher.finish()));
            }
        }
        Ok(())
    }

    /// Where the series of a sample is; a new one finds room, or is refused.
    fn place(&mut self, sample: &Sample<'_>) -> Result<usize, &'static str> {
        self.scratch.clear();
        self.scratch.extend_from_slice(sample.name.as_bytes());
        // No line holds a newline, so none spells another's series.
        self.scratch
            .extend_from_slice(&[b'\n', sample.metric_type as u8]);
        self.scratch.extend_from_slice(sample.tags.as_bytes());
        if let Some(place) = self.spellings.get(self.scratch.as_slice()) {
            return Ok(*place);
        }
        let key = series_key(sample)?;
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                if self.series.len() >= self.max_series && !self.forget_idle() {
                    return Err(TOO_MANY);
                }
                let place = self.series.len();
                self.places.insert(key.clone(), place);
                self.series.push(Series {
                    key,
                    value: empty(sample.metric_type),
                    is_touched: false,
                    last: self.now,
                });
                place
            }
        };
        if self.spellings.len() >= SPELLINGS_A_SERIES * self.max_series {
            self.spellings.clear();
        }
        self.spellings.insert(self.scratch.as_slice().into(), place);
        Ok(place)
    }

    /// Forgets the series that are idle; false if none is.
    fn forget_idle(&mut self) -> bool {
        let (before, now) = (self.series.len(), self.now);
        self.series
            .retain(|series| series.is_touched || now.saturating_sub(series.last) < IDLE);
        if self.series.len() == before {
            return false;
        }
        self.spellings.clear();
        let places = self.series.iter().enumerate();
        self.places = places
            .map(|(at, series)| (series.key.clone(), at))
            .collect();
        true
    }

    /// Ends an interval of `seconds` at `at`: counters, timings and sets begin at zero, gauges stay.
    pub fn flush(&mut self, at: i64, seconds: f64, points: &mut Points) {
        self.now = at;
        (self.kept, self.members) = (0, 0);
        for series in &mut self.series {
            if std::mem::take(&mut series.is_touched) {
                series.last = at;
            }
            if at.saturating_sub(series.last) >= IDLE {
                continue;
            }
            let mut point = Point::new("", at);
            point.series = series.key.clone();
            match &mut series.value {
                Value::Counter(sum) => {
                    let sum = std::mem::take(sum);
                    point.set_field("value", sum);
                    point.set_field("rate", sum / seconds);
                }
                Value::Gauge(value) => point.set_field("value", *value),
                Value::Set(set) => point.set_field("value", std::mem::take(set).len() as f64),
                Value::Timing(timing) => {
                    for (name, value) in timing.flush(seconds, &self.percentiles) {
                        point.set_field(name, value);
                    }
                }
            }
            points.push_point(point);
        }
    }

    /// Series known now.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether no series is known.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

fn empty(metric_type: Type) -> Value {
    match metric_type {
        Type::Counter => Value::Counter(0.0),
        Type::Gauge => Value::Gauge(0.0),
        Type::Timing => Value::Timing(Timing::default()),
        Type::Set => Value::Set(HashSet::new()),
    }
}

/// The series of a name and its tags. A tag without a value is true, as Telegraf has it.
fn series_key(sample: &Sample<'_>) -> Result<SeriesKey, &'static str> {
    let measurement = programs::measurement(sample.name)?;
    let mut key = SeriesKey::new(measurement, [(TAG, sample.metric_type.name())]);
    for tag in sample.tags.split(',').filter(|tag| !tag.is_empty()) {
        let (tag, value) = tag.split_once(':').unwrap_or((tag, "true"));
        match tag {
            TAG => programs::set_tag(&mut key, "exported_metric_type", value),
            tag => programs::set_tag(&mut key, tag, value),
        }
    }
    Ok(key)
}
