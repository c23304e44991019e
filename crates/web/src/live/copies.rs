//! How old the newest copy of the server is, where `watchpost-archive` makes some.

use watchpost_core::catalogue::MEASUREMENT_ARCHIVE;
use watchpost_core::time::{NANOS_PER_HOUR, NANOS_PER_SECOND};
use watchpost_query::{Ask, Question, Range};

use super::Live;
use crate::tier::Tier;

/// Written every few seconds; copies that ended longer ago are the alerter's to report.
const LOOK_BACK: i64 = 24 * NANOS_PER_HOUR;

/// Seconds of history that would be lost if the server were lost at `now`. `None` where no copy was made in the last day.
pub(super) async fn look(live: &Live, now: i64) -> crate::Result<Option<i64>> {
    let bucket = live.inner.database.bucket(Tier::Raw);
    let range = Range::new(now - LOOK_BACK, now);
    let question = Question::new(bucket, MEASUREMENT_ARCHIVE, range, Ask::Newest)
        .select(["copy_age_seconds"], Vec::new());
    let answer = live.inner.database.ask(&question).await?;
    let points = answer.series.iter().filter_map(|it| it.points.last());
    let ages = points.filter_map(|point| {
        let since_written = (now - point.time?).max(0) / NANOS_PER_SECOND;
        Some(point.value.as_f64()? as i64 + since_written)
    });
    Ok(ages.min())
}
