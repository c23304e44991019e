//! A host's points under its new name: first copied, then counted, and only then removed under the old one.
//!
//! Nothing is removed before all points of all buckets have been found again under the new name. A copy
//! writes the same points when it runs again, so a rename that was interrupted is run again.

use std::collections::BTreeMap;
use std::time::Duration;

use watchpost_client::flux_text;
use watchpost_client::query::Query;
use watchpost_core::time::format_rfc3339;

use super::{oldest, remove};
use crate::error::{Doing, Error, Result};
use crate::observe::Target;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// A query copies so much time of the raw bucket, and of the others, whose points are hours or days apart.
const RAW_SLICE: i64 = HOUR;
const COARSE_SLICE: i64 = 30 * 24 * HOUR;
/// A slice that the server has not the time or the memory for is halved, down to this.
const SLICE_MIN: i64 = HOUR / 60;
/// A slice takes seconds; longer is a server in trouble.
const QUERY_TIMEOUT: Duration = Duration::from_secs(600);
/// Points that the server is about to expire are left to it: it takes none that are older than the retention.
const EXPIRING: i64 = HOUR / 2;

/// The points of a host in one bucket.
pub(super) struct Stretch<'a> {
    pub(super) bucket: &'a str,
    names: (&'a str, &'a str),
    /// Nanoseconds since 1970: from what the server will keep, until the rename began.
    start: i64,
    stop: i64,
    slice: i64,
}

/// Points by series: its measurement, field and tags but the host.
type Counts = BTreeMap<String, i64>;

impl<'a> Stretch<'a> {
    /// `kept_seconds` is the retention that the bucket has on the server, 0 for ever.
    pub(super) fn new(
        bucket: &'a str,
        kept_seconds: u64,
        raw: bool,
        names: (&'a str, &'a str),
        now: i64,
    ) -> Self {
        let kept = i64::try_from(kept_seconds)
            .unwrap_or(0)
            .saturating_mul(SECOND);
        let start = match kept {
            0 => 0,
            _ => now
                .saturating_sub(kept)
                .saturating_add(EXPIRING)
                .clamp(0, now),
        };
        Stretch {
            bucket,
            names,
            start,
            stop: now,
            slice: if raw { RAW_SLICE } else { COARSE_SLICE },
        }
    }

    /// Writes every point again under the new name; says how far it is after each slice.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn copy(&mut self, target: &Target, said: impl Fn(String)) -> Result<()> {
        let mut points = 0;
        let mut cursor = self.start;
        while let Some(from) = self.next(target, cursor).await? {
            let until = from.saturating_add(self.slice).min(self.stop);
            match self.copy_slice(target, (from, until)).await {
                Ok(copied) => {
                    points += copied;
                    cursor = until;
                    let until = format_rfc3339(until);
                    said(format!(
                        "{}: {points} points copied, until {until}",
                        self.bucket
                    ));
                }
                Err(error) if error.is_too_much() && self.slice > SLICE_MIN => self.slice /= 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Finds every point under the new name, series by series; how many there are.
    ///
    /// # Errors
    /// The server's; points that are missing, or that came under the old name after they had been copied.
    pub(super) async fn verify(&self, target: &Target) -> Result<i64> {
        let (old, new) = self.names;
        let mut points = 0;
        let mut cursor = self.start;
        while let Some(from) = self.next(target, cursor).await? {
            let span = (from, from.saturating_add(self.slice).min(self.stop));
            let copied = self.count(target, new, span).await?;
            for (series, wanted) in self.count(target, old, span).await? {
                let found = copied.get(&series).copied().unwrap_or(0);
                if found < wanted {
                    return Err(Error::Request(format!(
                        "nothing was removed: {:?} has {wanted} points of {old:?} from {} on, {found} of them under \
                         {new:?} ({series}). Is its agent still sending as {old:?}? Run the same command again",
                        self.bucket,
                        format_rfc3339(span.0),
                    )));
                }
                points += wanted;
            }
            cursor = span.1;
        }
        Ok(points)
    }

    /// Removes what has been copied, and nothing else.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn remove(&self, target: &Target) -> Result<()> {
        remove(target, self.bucket, self.names.0, (self.start, self.stop)).await
    }

    /// The oldest point that is not older than `cursor`.
    async fn next(&self, target: &Target, cursor: i64) -> Result<Option<i64>> {
        if cursor >= self.stop {
            return Ok(None);
        }
        oldest(target, self.bucket, self.names.0, (cursor, self.stop)).await
    }

    async fn copy_slice(&self, target: &Target, span: (i64, i64)) -> Result<i64> {
        let (old, new) = self.names;
        let text = format!(
            "{}\n  |> set(key: \"host\", value: {})\n  |> to(bucket: {})\n  |> count()",
            self.points_of(old, span),
            flux_text::string(new),
            flux_text::string(self.bucket),
        );
        let counts = counts(target, text).await;
        let counts = counts.doing(|| format!("renaming {old:?} in {:?}", self.bucket))?;
        Ok(counts.values().sum())
    }

    async fn count(&self, target: &Target, host: &str, span: (i64, i64)) -> Result<Counts> {
        let text = format!("{}\n  |> count()", self.points_of(host, span));
        let counts = counts(target, text).await;
        counts.doing(|| format!("counting the points of {host:?} in {:?}", self.bucket))
    }

    fn points_of(&self, host: &str, (start, stop): (i64, i64)) -> String {
        format!(
            "from(bucket: {})\n  |> range(start: {}, stop: {})\n  |> filter(fn: (r) => {})",
            flux_text::string(self.bucket),
            flux_text::time(start),
            flux_text::time(stop),
            flux_text::equals("host", host),
        )
    }
}

async fn counts(target: &Target, text: String) -> watchpost_client::Result<Counts> {
    let query = Query::new(text).timeout(QUERY_TIMEOUT);
    let tables = target.client.query(&query).await?;
    let mut counts = Counts::new();
    for table in &tables {
        for row in table.rows() {
            let labelled = table.columns.iter().zip(row.values);
            let of_series = labelled.filter(|(column, value)| {
                let label = column.label.as_str();
                !matches!(label, "_start" | "_stop" | "_value" | "host") && !value.is_null()
            });
            let series: Vec<String> = of_series
                .map(|(column, value)| format!("{}={value}", column.label))
                .collect();
            let points = row.i64("_value").unwrap_or(0);
            *counts.entry(series.join(",")).or_default() += points;
        }
    }
    Ok(counts)
}
