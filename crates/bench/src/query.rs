//! The shapes of queries: Flux texts with places to fill in, chosen by weight and seed.
//!
//! The TSBS-like shapes follow the DevOps queries of github.com/timescale/tsbs (README, Appendix I).

use std::collections::BTreeMap;

use watchpost_client::flux_text;

use crate::data::{Dataset, FieldKind, host_name, mix};
use crate::scenario::Reads;

/// A query's text with places in braces.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Its name: that of the file.
    pub name: &'static str,
    /// Flux with `{bucket}`, `{start}`, `{stop}`, `{host}`, … in it.
    pub text: &'static str,
}

macro_rules! shapes {
    ($($name:literal),* $(,)?) => {
        &[$(Shape { name: $name, text: include_str!(concat!("../queries/", $name, ".flux")) }),*]
    };
}

const SHAPES: &[Shape] = shapes![
    "dashboard-host-panel",
    "dashboard-comparison",
    "dashboard-current-status",
    "alert-threshold",
    "alert-no-data",
    "alert-rate",
    "single-groupby-1-1-1",
    "single-groupby-1-8-1",
    "single-groupby-5-1-1",
    "single-groupby-5-8-1",
    "cpu-max-all-1",
    "cpu-max-all-8",
    "double-groupby-1",
    "double-groupby-1-behind-map",
    "double-groupby-5",
    "high-cpu-1",
    "high-cpu-all",
    "lastpoint",
    "groupby-orderby-limit",
];

/// Window of the alert rules.
const RULE_WINDOW: i64 = 300 * 1_000_000_000;

/// All shapes.
pub fn shapes() -> &'static [Shape] {
    SHAPES
}

/// The shape of a name.
pub fn shape(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

/// The queries of a load: number `n` is always the same one.
#[derive(Debug, Clone)]
pub struct Mix {
    choices: Vec<(&'static Shape, u64)>,
    total: u64,
    seed: u64,
    range: i64,
}

impl Mix {
    /// The mix of a section; unknown names were refused when the scenario was read.
    pub fn new(reads: &Reads, seed: u64) -> Self {
        let weights: &BTreeMap<String, u64> = &reads.mix;
        let choices: Vec<_> = weights
            .iter()
            .filter_map(|(name, weight)| Some((shape(name)?, *weight)))
            .filter(|(_, weight)| *weight > 0)
            .collect();
        Self {
            total: choices.iter().map(|(_, weight)| weight).sum::<u64>().max(1),
            choices,
            seed,
            range: i64::try_from(reads.range.get().as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// Names of the shapes, by the number [`Mix::choice`] gives.
    pub fn names(&self) -> Vec<String> {
        let names = self.choices.iter().map(|(shape, _)| shape.name.to_owned());
        names.collect()
    }

    /// Which shape the `number`-th query has.
    pub fn choice(&self, number: u64) -> usize {
        let mut drawn = mix(self.seed, number, 0x5eed_0010) % self.total;
        for (place, (_, weight)) in self.choices.iter().enumerate() {
            if drawn < *weight {
                return place;
            }
            drawn -= weight;
        }
        0
    }

    /// The text of the `number`-th query over data whose newest time is `newest`.
    pub fn text(&self, number: u64, bucket: &str, dataset: &Dataset, newest: i64) -> String {
        let Some((shape, _)) = self.choices.get(self.choice(number)) else {
            return String::new();
        };
        let host =
            |nth: u64| host_name(mix(self.seed, number, 0x5eed_0020 + nth) % dataset.hosts());
        let gauges: Vec<&str> = dataset
            .fields()
            .iter()
            .filter(|field| field.kind == FieldKind::Percent)
            .map(|field| field.name.as_str())
            .collect();
        let drawn = mix(self.seed, number, 0x5eed_0030) % gauges.len().max(1) as u64;
        let field = gauges
            .get(usize::try_from(drawn).unwrap_or(0))
            .copied()
            .unwrap_or("cpu_usage_percent");
        let stop = newest.saturating_add(1);
        let start = stop.saturating_sub(self.range);
        let hosts: Vec<String> = (0..8).map(host).collect();
        let values = [
            ("{bucket}", flux_text::string(bucket)),
            ("{start}", flux_text::time(start)),
            ("{stop}", flux_text::time(stop)),
            (
                "{five_minutes_ago}",
                flux_text::time(start.max(stop.saturating_sub(RULE_WINDOW))),
            ),
            ("{host}", flux_text::string(&hosts[0])),
            ("{field}", flux_text::string(field)),
            ("{one_host}", flux_text::equals("host", &hosts[0])),
            ("{eight_hosts}", flux_text::one_of("host", &hosts)),
            ("{one_field}", flux_text::equals("_field", field)),
            (
                "{five_fields}",
                flux_text::one_of("_field", gauges.iter().take(5)),
            ),
        ];
        let mut text = shape.text.to_owned();
        for (place, value) in values {
            text = text.replace(place, &value);
        }
        text
    }
}
