//! The drill: the newest copy is restored elsewhere, checked byte by byte, served, and compared with the running server.
//! What was never tried is no backup.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use watchpost_client::query::Query;
use watchpost_client::{Client, ClientConfig, flux_text};
use watchpost_core::csv::Table;

use crate::engine::Engine;
use crate::envelope::Identities;
use crate::error::{Error, Result};
use crate::layout::{DRILLS, Stamp, Writer, drill_name, drill_of, writer_name};
use crate::restore::{self, Options, Plan};
use crate::vault::Vault;

/// What the running server may have taken since, of times before the copy: late points. Both are compared up to so long
/// before the copy.
const LATE: Duration = Duration::from_secs(60);

/// How long a count may take.
const COUNT_TIME: Duration = Duration::from_secs(600);

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The moment that was restored, RFC 3339.
    pub moment: String,
    /// Age of the newest copy when the drill began: what would have been lost. Seconds.
    pub recovery_point_seconds: f64,
    /// From the beginning until the copy was served. Seconds.
    pub recovery_time_seconds: f64,
    /// Bytes of the copy.
    pub bytes: u64,
    /// Values of each bucket: its name, in the copy, on the running server.
    pub counts: Vec<(String, i64, i64)>,
}

impl Outcome {
    /// Whether both hold the same.
    pub fn is_equal(&self) -> bool {
        self.counts
            .iter()
            .all(|(_, copied, running)| copied == running)
    }
}

/// How a drill ended, as it lies in the store: the process that follows the server finds it there, and the alerter hears
/// of it. Times in seconds, 0 where it failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The copy was restored, and is equal.
    pub succeeded: bool,
    /// From the beginning until the copy was served.
    pub recovery_time_seconds: f64,
    /// Age of the newest copy when the drill began.
    pub recovery_point_seconds: f64,
}

impl Record {
    /// Of a drill that ended.
    pub fn of(done: &Result<Outcome>) -> Self {
        match done {
            Ok(outcome) => Self {
                succeeded: outcome.is_equal(),
                recovery_time_seconds: outcome.recovery_time_seconds,
                recovery_point_seconds: outcome.recovery_point_seconds,
            },
            Err(_) => Self {
                succeeded: false,
                recovery_time_seconds: 0.0,
                recovery_point_seconds: 0.0,
            },
        }
    }

    /// Leaves it in the store.
    ///
    /// # Errors
    /// The store does not take it.
    pub async fn leave(&self, vault: &Vault, time: Stamp) -> Result<()> {
        let content =
            serde_json::to_vec(self).map_err(|error| Error::Refused(error.to_string()))?;
        vault.put_new(&drill_name(time), content).await.map(drop)
    }
}

/// The newest drill's result, and when it began. Where there was none, when the copies began: that they were never tried is
/// known from then on.
///
/// # Errors
/// The store does not answer.
pub async fn newest(vault: &Vault) -> Result<Option<(Stamp, Option<Record>)>> {
    let listed = vault.list(DRILLS).await?;
    let newest = listed.iter().filter_map(|(name, _)| drill_of(name)).max();
    let Some(time) = newest else {
        let first = vault.get(&writer_name(1)).await?;
        let first: Option<Writer> = first.and_then(|it| serde_json::from_slice(&it).ok());
        let since = first.and_then(|it| it.since.parse::<jiff::Timestamp>().ok());
        return Ok(since.map(|since| (Stamp(since.as_millisecond()), None)));
    };
    let name = drill_name(time);
    let content = vault.get(&name).await?.unwrap_or_default();
    let record = serde_json::from_slice(&content)
        .map_err(|error| Error::damaged(name, error.to_string()))?;
    Ok(Some((time, Some(record))))
}

/// What a drill needs.
pub struct Drill<'d> {
    /// The copies.
    pub vault: &'d Vault,
    /// The keys.
    pub identities: &'d Identities,
    /// The engine's program.
    pub engine: &'d Engine,
    /// The running server, with a token that may read its buckets.
    pub running: &'d Client,
    /// Of what both are compared: how long before the copy.
    pub compared: Duration,
}

/// Does it, in a folder that goes with it.
///
/// # Errors
/// The copy cannot be restored, is damaged, or cannot be served.
pub async fn run(
    drill: &Drill<'_>,
    folder: &Path,
    now: i64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Outcome> {
    let began = Instant::now();
    let Drill {
        vault,
        identities,
        engine,
        ..
    } = drill;
    let plan = restore::plan(vault, identities, None, false).await?;
    let data: PathBuf = folder.join("engine");
    let to: (&Engine, &Path) = (engine, &data);
    let options = Options::default();
    let restored = into_folder(vault, identities, &plan, &options, to, progress).await?;
    engine.verify(&data)?;
    let serving = engine.serve(&data)?;
    let copy = Client::new(ClientConfig {
        url: serving.url.clone(),
        ca_file: None,
        ..drill.running.config().clone()
    })?;
    let recovery = began.elapsed();
    let counts = compare(drill, &copy, &plan).await?;
    Ok(Outcome {
        moment: plan.moment.rfc3339(),
        recovery_point_seconds: (Stamp::of_nanoseconds(now).0 - plan.moment.0) as f64 / 1_000.0,
        recovery_time_seconds: recovery.as_secs_f64(),
        bytes: restored.bytes,
        counts,
    })
}

/// Restores a plan into a new data folder.
///
/// # Errors
/// The copy is damaged, or the engine refuses the folder.
pub async fn into_folder(
    vault: &Vault,
    identities: &Identities,
    plan: &Plan,
    options: &Options,
    (engine, data): (&Engine, &Path),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<restore::Restored> {
    let mut restoring = engine.restore(data)?;
    let written = restore::write(vault, identities, plan, options, &mut restoring, progress).await;
    match (written, restoring.finish()) {
        (Ok(restored), Ok(())) => Ok(restored),
        // The engine went away first: it says why.
        (Err(Error::File { .. }) | Ok(_), Err(refusal)) => Err(refusal),
        (Err(error), _) => Err(error),
    }
}

async fn compare(drill: &Drill<'_>, copy: &Client, plan: &Plan) -> Result<Vec<(String, i64, i64)>> {
    let stop = plan.moment.0 * 1_000_000 - nanoseconds(LATE);
    let start = stop.saturating_sub(nanoseconds(drill.compared));
    let mut counts = Vec::new();
    for bucket in &plan.manifest.server.buckets {
        let copied = count(copy, &bucket.name, (start, stop)).await?;
        let running = count(drill.running, &bucket.name, (start, stop)).await?;
        counts.push((bucket.name.clone(), copied, running));
    }
    Ok(counts)
}

fn nanoseconds(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

/// The values of a bucket in a range.
///
/// # Errors
/// The server refuses.
pub async fn count(client: &Client, bucket: &str, (start, stop): (i64, i64)) -> Result<i64> {
    let text = format!(
        "from(bucket: {}) |> range(start: {}, stop: {}) |> count() |> group() |> sum() |> keep(columns: [\"_value\"])",
        flux_text::string(bucket),
        flux_text::time(start),
        flux_text::time(stop)
    );
    let tables = client.query(&Query::new(text).timeout(COUNT_TIME)).await?;
    let rows = tables.iter().flat_map(Table::rows);
    Ok(rows.filter_map(|row| row.i64("_value")).sum())
}
