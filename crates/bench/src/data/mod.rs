//! The points of a run. Every one can be computed from the seed, its series and its place in it, so
//! that what a server holds is verified without remembering what was sent.
//!
//! Values are exact in binary: floats are multiples of an eighth, whole numbers stay far below 2⁵³.
//! A sum is therefore the same in whatever order a server adds.

mod ledger;
mod line;
mod series_sum;

pub use self::ledger::{BatchState, Ledger};
pub use self::series_sum::{SeriesSum, VALUE_MODULUS, WEIGHT_PERIOD, checksum_term};

use crate::scenario::Data;

/// Measurement of every point, the one the rest of the platform writes.
pub const MEASUREMENT: &str = "system_metrics";

/// Tag that keeps runs apart on a server without buckets.
pub const RUN_TAG: &str = "bench_run";

/// Positions whose order is exchanged with one another when lines are sent out of order: some
/// minutes of a small fleet, as after a network outage.
const REORDER_WINDOW: u64 = 2_048;

/// Whole parts of a float's unit.
const EIGHTHS: f64 = 8.0;

/// Fields by their place; further ones are made up. A name's end tells its type, so that a query
/// can choose by it.
const FIELD_NAMES: [&str; 10] = [
    "cpu_usage_percent",
    "memory_usage_percent",
    "memory_used_bytes",
    "disk_usage_percent",
    "disk_used_bytes",
    "cpu_user_percent",
    "cpu_system_percent",
    "memory_available_bytes",
    "cpu_iowait_percent",
    "swap_used_bytes",
];

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// `…_percent`: a float, a multiple of an eighth.
    Percent,
    /// `…_bytes`: a whole number.
    Bytes,
}

/// A field of every point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: FieldKind,
}

/// Where a line belongs: which host, and the how-manieth of its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// Number of the host.
    pub host: u64,
    /// Intervals since the start of the data.
    pub index: u64,
}

/// All points of a run, as a rule for computing them.
#[derive(Debug, Clone)]
pub struct Dataset {
    shape: Data,
    seed: u64,
    lines: u64,
    batch_size: u64,
    start: i64,
    fields: Vec<Field>,
    run_label: Option<String>,
}

impl Dataset {
    /// `lines` points in batches of `batch_size`, the first at `start` (nanoseconds since 1970).
    pub fn new(shape: &Data, seed: u64, lines: u64, batch_size: u64, start: i64) -> Self {
        Self {
            shape: shape.clone(),
            seed,
            lines,
            batch_size: batch_size.max(1),
            start,
            fields: (0..shape.fields).map(field).collect(),
            run_label: None,
        }
    }

    /// Marks every point with the run, for a server without buckets.
    #[must_use]
    pub fn labelled(mut self, run: Option<String>) -> Self {
        self.run_label = run;
        self
    }

    /// Points of the data.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The fields of every point.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Batches of the first sending.
    pub fn batches(&self) -> u64 {
        self.lines.div_ceil(self.batch_size)
    }

    /// Nanoseconds between two points of a series.
    pub fn interval(&self) -> i64 {
        i64::try_from(self.shape.interval.get().as_nanos()).unwrap_or(i64::MAX)
    }

    /// Time of the `index`-th point of every series, nanoseconds since 1970.
    pub fn time(&self, index: u64) -> i64 {
        let offset = i64::try_from(index).unwrap_or(i64::MAX);
        self.start
            .saturating_add(offset.saturating_mul(self.interval()))
    }

    /// Half-open range of times that holds the first `batches` batches.
    pub fn time_range(&self, batches: u64) -> (i64, i64) {
        let positions = (batches * self.batch_size).min(self.lines);
        // An exchanged line comes from at most one window ahead.
        let last = (positions + REORDER_WINDOW).min(self.lines).max(1) - 1;
        let exact = if self.shape.out_of_order > 0.0 {
            last
        } else {
            positions.max(1) - 1
        };
        (self.start, self.time(exact / self.hosts()) + 1)
    }

    /// Points that one interval of all series has.
    pub fn hosts(&self) -> u64 {
        self.shape.hosts.max(1)
    }

    /// Where the line sent at `position` belongs.
    pub fn place(&self, position: u64) -> Place {
        let line = self.line_at(position);
        let (slot, index) = (line % self.hosts(), line / self.hosts());
        let Some(lifetime) = self.shape.lifetime_points() else {
            return Place { host: slot, index };
        };
        // Hosts come and go one after another, not all at once.
        let stagger = slot * lifetime / self.hosts();
        let generation = (index + stagger) / lifetime;
        Place {
            host: slot + generation * self.hosts(),
            index,
        }
    }

    /// Positions of a batch.
    pub fn positions(&self, batch: u64) -> std::ops::Range<u64> {
        let first = (batch * self.batch_size).min(self.lines);
        first..(first + self.batch_size).min(self.lines)
    }

    /// Whether the line at `position` is sent a second time with other values.
    pub fn is_rewritten(&self, position: u64) -> bool {
        self.share(position, 0x5eed_0002) < self.shape.rewritten
    }

    /// The value of a field in units (eighths of a percent, bytes) after `version` rewrites.
    pub fn units(&self, place: Place, field: usize, version: u64) -> i64 {
        let series = mix(self.seed, place.host, field as u64);
        let noise = mix(series, place.index, 0x5eed_0003);
        let units = match self.fields[field].kind {
            FieldKind::Percent => 100 + series % 500 + noise % 200,
            // A counter: the same step each interval, and something on top.
            FieldKind::Bytes => {
                let step = 512 + series % 1_024;
                place.index * step + noise % step
            }
        };
        i64::try_from(units + version).unwrap_or(i64::MAX)
    }

    /// The line sent at a position: an exchange of pairs within windows, so that it is its own
    /// inverse and needs no memory.
    fn line_at(&self, position: u64) -> u64 {
        let first = position / REORDER_WINDOW * REORDER_WINDOW;
        if self.shape.out_of_order <= 0.0 || first + REORDER_WINDOW > self.lines {
            return position;
        }
        let mirror = first + (REORDER_WINDOW - 1 - (position - first));
        if self.share(position.min(mirror), 0x5eed_0001) < self.shape.out_of_order {
            mirror
        } else {
            position
        }
    }

    /// A number from 0 to 1 that belongs to a position.
    fn share(&self, position: u64, salt: u64) -> f64 {
        (mix(self.seed, position, salt) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The field at a place.
fn field(place: u64) -> Field {
    let known = usize::try_from(place)
        .ok()
        .and_then(|place| FIELD_NAMES.get(place));
    let name = match known {
        Some(name) => (*name).to_owned(),
        None if place.is_multiple_of(2) => format!("extra_{place}_percent"),
        None => format!("extra_{place}_bytes"),
    };
    let kind = if name.ends_with("_percent") {
        FieldKind::Percent
    } else {
        FieldKind::Bytes
    };
    Field { name, kind }
}

/// Name of a host.
pub fn host_name(host: u64) -> String {
    format!("host-{host:06}")
}

/// Number of a host by its name.
pub fn host_number(name: &str) -> Option<u64> {
    name.strip_prefix("host-")?.parse().ok()
}

/// A stored value in units; `None` when it is none that was ever sent.
pub fn units_of(kind: FieldKind, value: f64) -> Option<i64> {
    let units = match kind {
        FieldKind::Percent => value * EIGHTHS,
        FieldKind::Bytes => value,
    };
    let whole = units.is_finite() && units.fract() == 0.0 && units.abs() < (1u64 << 53) as f64;
    whole.then_some(units as i64)
}

/// SplitMix64 (Steele, Lea, Flood 2014) over three words: every bit of the result depends on all.
pub fn mix(seed: u64, first: u64, second: u64) -> u64 {
    let step = |state: u64| {
        let mut word = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    step(step(step(seed) ^ first) ^ second)
}
