//! The same numbers from an export of VictoriaMetrics, which has no query that would give them.

use std::collections::BTreeSet;

use super::{SeriesId, StoredPoint, StoredSums};
use crate::data::{Dataset, SeriesSum, host_number, units_of};
use crate::load::Failure;
use crate::target::{ExportedSeries, Victoria};

const NANOSECONDS: i64 = 1_000_000;

/// Reads what VictoriaMetrics holds of a dataset.
pub(super) struct VictoriaReader<'t> {
    victoria: &'t Victoria,
    /// Milliseconds since 1970, both inclusive.
    range: (i64, i64),
}

impl<'t> VictoriaReader<'t> {
    pub(super) fn new(victoria: &'t Victoria, (start, end): (i64, i64)) -> Self {
        Self {
            victoria,
            range: (start / NANOSECONDS, end / NANOSECONDS),
        }
    }

    pub(super) async fn sums(&self, dataset: &Dataset) -> Result<StoredSums, Failure> {
        let mut sums = StoredSums::new();
        let take = |block: ExportedSeries| {
            let Some(id) = series(dataset, &block) else {
                return;
            };
            let entry = sums.entry(id).or_insert(Some(SeriesSum::default()));
            for point in points(dataset, id, &block) {
                match (point.units, entry.as_mut()) {
                    (Some(units), Some(sum)) => {
                        let kind = dataset.fields()[id.1].kind;
                        sum.add(kind, units, point.time, dataset.interval());
                    }
                    _ => *entry = None,
                }
            }
        };
        self.victoria.export(self.range, take).await?;
        Ok(sums)
    }

    pub(super) async fn points(
        &self,
        dataset: &Dataset,
        hosts: &BTreeSet<u64>,
    ) -> Result<Vec<StoredPoint>, Failure> {
        let mut found = Vec::new();
        let take = |block: ExportedSeries| {
            let chosen = series(dataset, &block).filter(|(host, _)| hosts.contains(host));
            if let Some(id) = chosen {
                found.extend(points(dataset, id, &block));
            }
        };
        self.victoria.export(self.range, take).await?;
        Ok(found)
    }
}

fn series(dataset: &Dataset, block: &ExportedSeries) -> Option<SeriesId> {
    let host = host_number(block.metric.get("host")?)?;
    let name = block.field()?;
    let field = dataset
        .fields()
        .iter()
        .position(|field| field.name == name)?;
    Some((host, field))
}

fn points<'b>(
    dataset: &'b Dataset,
    (host, field): SeriesId,
    block: &'b ExportedSeries,
) -> impl Iterator<Item = StoredPoint> + 'b {
    let pairs = block.timestamps.iter().zip(&block.values);
    pairs.map(move |(time, value)| StoredPoint {
        host,
        field,
        time: time.saturating_mul(NANOSECONDS),
        units: value.and_then(|value| units_of(dataset.fields()[field].kind, value)),
    })
}
