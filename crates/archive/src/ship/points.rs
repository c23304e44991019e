//! How the copies are, as points beside those of the hosts, where the shipped rules look: also while the store cannot be
//! reached, which is when it matters.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use watchpost_client::Client;
use watchpost_client::write::{Outcome, Precision};
use watchpost_core::catalogue::MEASUREMENT_ARCHIVE;
use watchpost_core::line_protocol::write_points;
use watchpost_core::point::{FieldValue, Point};
use watchpost_service::shutdown::Shutdown;

use super::report::Report;
use crate::drill::{Record, newest};
use crate::layout::Stamp;
use crate::vault::Vault;

/// Between two points: as often as the shipped rules look.
const REPORT: Duration = Duration::from_secs(10);

/// Between two looks for a drill's result.
const DRILLS: Duration = Duration::from_secs(600);

/// What is written, and where.
pub struct Points {
    /// The server.
    pub client: Client,
    /// Its bucket.
    pub bucket: String,
    /// The tag `host`.
    pub host: String,
    /// Where drills leave their results.
    pub vault: Vault,
}

impl Points {
    /// Writes until it is stopped.
    pub async fn keep_writing(self, report: Arc<Report>, shutdown: Shutdown) {
        let mut ticks = tokio::time::interval(REPORT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_written = true;
        let mut drill = None;
        let mut looked: Option<Instant> = None;
        while shutdown.unless_requested(ticks.tick()).await.is_some() {
            let now = Instant::now();
            if looked.is_none_or(|looked| now.duration_since(looked) >= DRILLS) {
                looked = Some(now);
                drill = newest(&self.vault).await.unwrap_or(drill);
            }
            let point = point(
                &self.host,
                crate::now(),
                report.refresh(now),
                drill.as_ref(),
            );
            let written = self.write(&point).await;
            if let (Err(message), true) = (&written, was_written) {
                tracing::warn!(%message, "the age of the newest copy cannot be written to the server");
            }
            was_written = written.is_ok();
        }
    }

    async fn write(&self, point: &Point) -> Result<(), String> {
        let lines = write_points([point]).map_err(|error| error.to_string())?;
        let written = self
            .client
            .write(&self.bucket, Precision::Nanoseconds, &lines);
        match written.await {
            Outcome::Done => Ok(()),
            Outcome::Refused { message, .. } | Outcome::RetryAfter { message, .. } => Err(message),
            other => Err(format!("{other:?}")),
        }
    }
}

/// The point of a moment, nanoseconds since 1970.
pub fn point(
    host: &str,
    now: i64,
    age: Duration,
    drill: Option<&(Stamp, Option<Record>)>,
) -> Point {
    let point = Point::new(MEASUREMENT_ARCHIVE, now)
        .tag("host", host)
        .field("copy_age_seconds", age.as_secs_f64());
    let Some((time, record)) = drill else {
        return point;
    };
    let since = (Stamp::of_nanoseconds(now).0 - time.0) as f64 / 1_000.0;
    let point = point.field("drill_age_seconds", since);
    let Some(record) = record else { return point };
    let succeeded = FieldValue::Integer(i64::from(record.succeeded));
    point
        .field("drill_succeeded", succeeded)
        .field("drill_recovery_time_seconds", record.recovery_time_seconds)
        .field(
            "drill_recovery_point_seconds",
            record.recovery_point_seconds,
        )
}
