//! Self-metrics: a small registry of counters, gauges and histograms with declared names and
//! bounded labels, shown in the Prometheus text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! A handle is cheap to clone and to record on: one atomic operation, no lock.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Series one metric may have; what comes after is counted under the label value `other`, so that
/// no input can fill the memory.
pub const SERIES_LIMIT: usize = 200;

/// Upper bounds in seconds fit for requests: 1 ms to 10 s.
pub const LATENCY_BUCKETS: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The metrics of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    families: Arc<Mutex<BTreeMap<&'static str, Arc<Family>>>>,
}

/// One metric: its declaration and its series.
#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: &'static str,
    labels: &'static [&'static str],
    bounds: &'static [f64],
    series: Mutex<BTreeMap<Vec<String>, Arc<Cell>>>,
}

/// The state of one series.
#[derive(Debug)]
struct Cell {
    /// Counter: a count. Gauge and histogram sum: bits of an f64.
    value: AtomicU64,
    /// Histogram: observations by bucket, the last for those above every bound.
    buckets: Vec<AtomicU64>,
}

/// A count that only grows.
#[derive(Debug, Clone)]
pub struct Counter(Arc<Cell>);

/// A value that goes up and down.
#[derive(Debug, Clone)]
pub struct Gauge(Arc<Cell>);

/// Observations counted by size.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Cell>, &'static [f64]);

/// A counter by label values.
#[derive(Debug, Clone)]
pub struct CounterVec(Arc<Family>);

/// A gauge by label values.
#[derive(Debug, Clone)]
pub struct GaugeVec(Arc<Family>);

/// A histogram by label values.
#[derive(Debug, Clone)]
pub struct HistogramVec(Arc<Family>);

impl Registry {
    /// A registry without metrics.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a counter; its name ends in `_total`. Declaring a name again gives the same metric.
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        Counter(self.family(name, help, "counter", &[], &[]).cell(&[]))
    }

    /// Declares a gauge.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        Gauge(self.family(name, help, "gauge", &[], &[]).cell(&[]))
    }

    /// Declares a histogram with upper bounds, ascending, without infinity.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        bounds: &'static [f64],
    ) -> Histogram {
        Histogram(
            self.family(name, help, "histogram", &[], bounds).cell(&[]),
            bounds,
        )
    }

    /// Declares a counter with labels.
    pub fn counter_vec(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> CounterVec {
        CounterVec(self.family(name, help, "counter", labels, &[]))
    }

    /// Declares a gauge with labels.
    pub fn gauge_vec(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> GaugeVec {
        GaugeVec(self.family(name, help, "gauge", labels, &[]))
    }

    /// Declares a histogram with labels.
    pub fn histogram_vec(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> HistogramVec {
        HistogramVec(self.family(name, help, "histogram", labels, bounds))
    }

    fn family(
        &self,
        name: &'static str,
        help: &'static str,
        kind: &'static str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> Arc<Family> {
        let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        let family = families.entry(name).or_insert_with(|| {
            Arc::new(Family {
                help,
                kind,
                labels,
                bounds,
                series: Mutex::default(),
            })
        });
        debug_assert!(
            family.kind == kind && family.labels == labels,
            "{name} is declared twice and differently"
        );
        Arc::clone(family)
    }

    /// All metrics in the text format, in order of their names.
    pub fn render(&self) -> String {
        let families = self
            .families
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut text = String::new();
        for (name, family) in families {
            let _ = writeln!(
                text,
                "# HELP {name} {}",
                family.help.replace('\\', "\\\\").replace('\n', "\\n")
            );
            let _ = writeln!(text, "# TYPE {name} {}", family.kind);
            let series = family
                .series
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            for (values, cell) in series {
                family.render(&mut text, name, &values, &cell);
            }
        }
        text
    }
}

impl Family {
    /// Every series: its label values and its state.
    fn cells(&self) -> Vec<(Vec<String>, Arc<Cell>)> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = series.iter();
        pairs
            .map(|(values, cell)| (values.clone(), Arc::clone(cell)))
            .collect()
    }

    fn cell(&self, values: &[&str]) -> Arc<Cell> {
        debug_assert_eq!(values.len(), self.labels.len(), "one value a label");
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        let key = if series.len() >= SERIES_LIMIT && !series.contains_key(&key) {
            vec!["other".to_owned(); self.labels.len()]
        } else {
            key
        };
        let buckets = if self.kind == "histogram" {
            self.bounds.len() + 1
        } else {
            0
        };
        Arc::clone(series.entry(key).or_insert_with(|| {
            Arc::new(Cell {
                value: AtomicU64::new(0),
                buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
            })
        }))
    }

    fn render(&self, text: &mut String, name: &str, values: &[String], cell: &Cell) {
        let bits = cell.value.load(Ordering::Relaxed);
        let labels = |extra: Option<String>| {
            let own = self
                .labels
                .iter()
                .zip(values)
                .map(|(label, value)| format!("{label}=\"{}\"", escape(value)));
            let all: Vec<String> = own.chain(extra).collect();
            if all.is_empty() {
                String::new()
            } else {
                format!("{{{}}}", all.join(","))
            }
        };
        match self.kind {
            "counter" => {
                let _ = writeln!(text, "{name}{} {bits}", labels(None));
            }
            "gauge" => {
                let _ = writeln!(
                    text,
                    "{name}{} {}",
                    labels(None),
                    number(f64::from_bits(bits))
                );
            }
            _ => {
                let mut count = 0;
                let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
                for (bound, bucket) in bounds.zip(&cell.buckets) {
                    count += bucket.load(Ordering::Relaxed);
                    let le = format!("le=\"{}\"", number(bound));
                    let _ = writeln!(text, "{name}_bucket{} {count}", labels(Some(le)));
                }
                let _ = writeln!(
                    text,
                    "{name}_sum{} {}",
                    labels(None),
                    number(f64::from_bits(bits))
                );
                let _ = writeln!(text, "{name}_count{} {count}", labels(None));
            }
        }
    }
}

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

impl Cell {
    fn add_float(&self, amount: f64) {
        let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        // The closure always gives a value, so this cannot fail.
        let _ = self
            .value
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }
    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.value.fetch_add(amount, Ordering::Relaxed);
    }
    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.value.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.0.value.store(value.to_bits(), Ordering::Relaxed);
    }
    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: f64) {
        self.0.add_float(amount);
    }
    /// The value now.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.value.load(Ordering::Relaxed))
    }
}

impl Histogram {
    /// Counts one observation.
    pub fn observe(&self, value: f64) {
        let place = self.1.partition_point(|bound| *bound < value);
        self.0.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.0.add_float(value);
    }
    /// How many observations there were.
    pub fn count(&self) -> u64 {
        let counts = self.0.buckets.iter();
        counts.map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        f64::from_bits(self.0.value.load(Ordering::Relaxed))
    }
}

impl CounterVec {
    /// The counter of these label values.
    pub fn with(&self, values: &[&str]) -> Counter {
        Counter(self.0.cell(values))
    }
    /// Every counter there is, with its label values.
    pub fn all(&self) -> impl Iterator<Item = (Vec<String>, Counter)> {
        let cells = self.0.cells().into_iter();
        cells.map(|(values, cell)| (values, Counter(cell)))
    }
}

impl GaugeVec {
    /// The gauge of these label values.
    pub fn with(&self, values: &[&str]) -> Gauge {
        Gauge(self.0.cell(values))
    }
    /// Forgets the series of these label values, as when a host is gone.
    pub fn remove(&self, values: &[&str]) {
        let key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        self.0
            .series
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key);
    }
}

impl HistogramVec {
    /// The histogram of these label values.
    pub fn with(&self, values: &[&str]) -> Histogram {
        Histogram(self.0.cell(values), self.0.bounds)
    }
}
