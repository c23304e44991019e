//! What evaluation costs over 5.76 million values: 200 hosts, 40 fields, 720 points each, handed out as raw columns, so
//! that nothing but this crate is measured.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use watchpost_flux::effects::NoEffects;
use watchpost_flux::error::Error;
use watchpost_flux::source::{
    BucketInformation, FieldType, FieldValues, PushedAggregate, ReadRequest, Residual, Scan,
    SchemaRequest, SeriesColumns, SeriesSink, SeriesView, Source,
};
use watchpost_flux::{Limits, Program, Run};

const HOSTS: usize = 200;
const FIELDS: usize = 40;
const POINTS: usize = 720;
/// 2024-03-01T00:00:00Z
const START: i64 = 1_709_251_200_000_000_000;
const STEP: i64 = 10_000_000_000;

struct Fleet {
    hosts: Vec<Arc<str>>,
    fields: Vec<Arc<str>>,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Fleet {
    fn new() -> Self {
        Self {
            hosts: (0..HOSTS)
                .map(|host| Arc::from(format!("host-{host:03}")))
                .collect(),
            fields: (0..FIELDS)
                .map(|field| Arc::from(format!("field_{field:02}")))
                .collect(),
            times: (0..POINTS as i64)
                .map(|point| START + point * STEP)
                .collect(),
            values: (0..POINTS)
                .map(|point| (point * 37 % 1000) as f64 / 10.0)
                .collect(),
        }
    }
}

struct View<'a>(&'a str, &'a str);

impl SeriesView for View<'_> {
    fn measurement(&self) -> &str {
        "cpu"
    }

    fn field(&self) -> &str {
        self.1
    }

    fn tag(&self, key: &str) -> Option<&str> {
        (key == "host").then_some(self.0)
    }
}

impl Source for Fleet {
    fn can_aggregate(&self, _: &PushedAggregate) -> bool {
        false
    }

    fn read(&self, request: &ReadRequest, sink: &mut SeriesSink<'_>) -> Result<Scan, Error> {
        let (measurement, label): (Arc<str>, Arc<str>) = (Arc::from("cpu"), Arc::from("host"));
        for host in &self.hosts {
            let tags: Arc<[(Arc<str>, Arc<str>)]> =
                Arc::from(vec![(Arc::clone(&label), Arc::clone(host))]);
            for field in &self.fields {
                let left = request
                    .predicate
                    .as_ref()
                    .map_or(Residual::All, |predicate| {
                        predicate.against(&View(host, field))
                    });
                if matches!(left, Residual::None) {
                    continue;
                }
                sink(SeriesColumns {
                    chosen: Vec::new(),
                    stored: FieldType::Float,
                    counts: Vec::new(),
                    measurement: Arc::clone(&measurement),
                    tags: Arc::clone(&tags),
                    field: Arc::clone(field),
                    times: self.times.clone(),
                    values: FieldValues::Float(self.values.clone()),
                })?;
            }
        }
        Ok(Scan::Raw)
    }

    fn tag_keys(&self, _: &SchemaRequest) -> Result<Vec<Arc<str>>, Error> {
        Ok(vec![Arc::from("host")])
    }

    fn tag_values(&self, _: &SchemaRequest, _: &str) -> Result<Vec<Arc<str>>, Error> {
        Ok(self.hosts.clone())
    }

    fn buckets(&self) -> Result<Vec<BucketInformation>, Error> {
        Ok(Vec::new())
    }
}

/// The queries of the engine's own bench, as far as they are evaluation.
const QUERIES: [(&str, &str); 7] = [
    (
        "hourly means of everything",
        "aggregateWindow(every: 1h, fn: mean)",
    ),
    (
        "five-minute means of a field",
        "filter(fn: (r) => r._field == \"field_07\") |> aggregateWindow(every: 5m, fn: mean)",
    ),
    (
        "the same, grouped and pivoted by host",
        "filter(fn: (r) => r._field == \"field_07\") |> aggregateWindow(every: 5m, fn: mean) |> group() |> pivot(rowKey: [\"_time\"], columnKey: [\"host\"], valueColumn: \"_value\")",
    ),
    (
        "mean of a field over all",
        "filter(fn: (r) => r._field == \"field_07\") |> group() |> mean()",
    ),
    (
        "filter by value in memory",
        "limit(n: 1000000) |> filter(fn: (r) => r._value > 50.0) |> count()",
    ),
    (
        "map of a field",
        "filter(fn: (r) => r._field == \"field_07\") |> map(fn: (r) => ({r with _value: r._value * 2.0 + 1.0}))",
    ),
    (
        "derivative of a field",
        "filter(fn: (r) => r._field == \"field_07\") |> derivative(unit: 1s, nonNegative: true)",
    ),
];

fn evaluate(criterion: &mut Criterion) {
    let fleet = Fleet::new();
    for (name, rest) in QUERIES {
        let text = format!(
            "from(bucket: \"b\") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-01T02:00:00Z) |> {rest}"
        );
        let program = Program::compile(&text, None, START).expect("a good query");
        let run = Run {
            source: &fleet,
            effects: &NoEffects,
            limits: Limits::default(),
            check: &|| Ok(()),
        };
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut rows = 0;
                let outcome = program.run(&run, &mut |_, table| {
                    rows += table.rows;
                    Ok(())
                });
                outcome.expect("a good run");
                black_box(rows)
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(std::time::Duration::from_millis(500)).measurement_time(std::time::Duration::from_secs(2));
    targets = evaluate
}
criterion_main!(benches);
