//! Count, sum and checksum of every series through Flux, slice by slice so that no query grows
//! with the run.

use std::collections::BTreeSet;
use std::time::Duration;

use watchpost_client::flux_text;
use watchpost_core::csv::{Row, Table};

use super::{SeriesId, StoredPoint, StoredSums};
use crate::data::{
    Dataset, FieldKind, MEASUREMENT, SeriesSum, VALUE_MODULUS, WEIGHT_PERIOD, host_name,
    host_number, units_of,
};
use crate::load::Failure;
use crate::target::Target;

/// Values of a slice: some seconds of work for a server that computes the checksum row by row.
const SLICE_VALUES: u64 = 4_000_000;

/// Longest query of a verification.
const QUERY_LIMIT: Duration = Duration::from_secs(300);

/// Reads what a server holds of a dataset.
pub(super) struct FluxReader<'t> {
    target: &'t Target,
    slices: Vec<(i64, i64)>,
}

/// One of the three numbers.
#[derive(Clone, Copy)]
enum Number {
    Count,
    Sum,
    Checksum,
}

impl<'t> FluxReader<'t> {
    pub(super) fn new(target: &'t Target, dataset: &Dataset, (start, end): (i64, i64)) -> Self {
        let values = dataset.hosts() * dataset.fields().len() as u64;
        let intervals = i64::try_from((SLICE_VALUES / values.max(1)).max(1)).unwrap_or(1);
        let length = dataset.interval().saturating_mul(intervals);
        let mut slices = Vec::new();
        let mut from = start;
        while from < end {
            let to = from.saturating_add(length).min(end);
            slices.push((from, to));
            from = to;
        }
        Self { target, slices }
    }

    pub(super) async fn sums(&self, dataset: &Dataset) -> Result<StoredSums, Failure> {
        let mut sums = StoredSums::new();
        for slice in &self.slices {
            for kind in [FieldKind::Percent, FieldKind::Bytes] {
                if !dataset.fields().iter().any(|field| field.kind == kind) {
                    continue;
                }
                for number in [Number::Count, Number::Sum, Number::Checksum] {
                    let text = self.number_text(dataset, *slice, kind, number);
                    for table in self.target.tables(&text, QUERY_LIMIT).await? {
                        enter(dataset, &table, kind, number, &mut sums);
                    }
                }
            }
        }
        Ok(sums)
    }

    pub(super) async fn points(
        &self,
        dataset: &Dataset,
        hosts: &BTreeSet<u64>,
    ) -> Result<Vec<StoredPoint>, Failure> {
        let mut points = Vec::new();
        for host in hosts {
            for slice in &self.slices {
                let source = self.source(*slice);
                let chosen = flux_text::equals("host", &host_name(*host));
                let text = format!(
                    "{source}\n    |> filter(fn: (r) => {chosen})\n    |> keep(columns: [\"host\", \"_field\", \"_time\", \"_value\"])"
                );
                for table in self.target.tables(&text, QUERY_LIMIT).await? {
                    let rows = table.rows().filter_map(|row| {
                        let (host, field) = series(dataset, row)?;
                        let kind = dataset.fields()[field].kind;
                        Some(StoredPoint {
                            host,
                            field,
                            time: row.time("_time")?,
                            units: units_of(kind, number_of(row)?),
                        })
                    });
                    points.extend(rows);
                }
            }
        }
        Ok(points)
    }

    fn source(&self, (start, stop): (i64, i64)) -> String {
        format!(
            "from(bucket: {})\n    |> range(start: {}, stop: {})\n    |> filter(fn: (r) => r._measurement == {})",
            flux_text::string(self.target.bucket()),
            flux_text::time(start),
            flux_text::time(stop),
            flux_text::string(MEASUREMENT),
        )
    }

    /// The query for one of the numbers; the field's name tells its type.
    fn number_text(
        &self,
        dataset: &Dataset,
        slice: (i64, i64),
        kind: FieldKind,
        number: Number,
    ) -> String {
        let source = self.source(slice);
        let (fields, value) = match kind {
            FieldKind::Percent => ("/_percent$/", "int(v: r._value * 8.0)".to_owned()),
            FieldKind::Bytes => ("/_bytes$/", format!("r._value % {VALUE_MODULUS}")),
        };
        let interval = dataset.interval();
        let aggregate = match number {
            Number::Count => "count()".to_owned(),
            Number::Sum => "sum()".to_owned(),
            Number::Checksum => format!(
                "map(fn: (r) => ({{r with _value: ({value}) * (1 + int(v: r._time) / {interval} % {WEIGHT_PERIOD})}}))\n    |> sum()"
            ),
        };
        format!(
            "{source}\n    |> filter(fn: (r) => r._field =~ {fields})\n    |> {aggregate}\n    |> keep(columns: [\"host\", \"_field\", \"_value\"])\n    |> group()"
        )
    }
}

/// Adds the answers of one query to the sums.
fn enter(dataset: &Dataset, table: &Table, kind: FieldKind, number: Number, sums: &mut StoredSums) {
    for row in table.rows() {
        let Some(id) = series(dataset, row) else {
            continue;
        };
        let entry = sums.entry(id).or_insert(Some(SeriesSum::default()));
        let value = match number {
            Number::Sum => number_of(row).and_then(|value| units_of(kind, value)),
            Number::Count | Number::Checksum => row.i64("_value"),
        };
        let Some(value) = value else {
            *entry = None;
            continue;
        };
        let Some(sum) = entry else { continue };
        sum.merge(match number {
            Number::Count => SeriesSum {
                count: u64::try_from(value).unwrap_or(0),
                ..SeriesSum::default()
            },
            Number::Sum => SeriesSum {
                sum: value,
                ..SeriesSum::default()
            },
            Number::Checksum => SeriesSum {
                checksum: value,
                ..SeriesSum::default()
            },
        });
    }
}

/// A value as a float: exact, because no value that is sent reaches 2⁵³.
fn number_of(row: Row<'_>) -> Option<f64> {
    row.get("_value")?.as_f64()
}

fn series(dataset: &Dataset, row: Row<'_>) -> Option<SeriesId> {
    let host = host_number(row.str("host")?)?;
    let name = row.str("_field")?;
    let field = dataset
        .fields()
        .iter()
        .position(|field| field.name == name)?;
    Some((host, field))
}
