//! Writes points one by one and remembers which were acknowledged; at the end each of these is there.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use watchpost_client::management::NewBucket;
use watchpost_client::query::Query;
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, Error};
use watchpost_testkit::wait;

use super::End;
use crate::platform::Platform;

/// The bucket, which keeps everything: a clock that is a year ahead makes other buckets' points too old to be shown.
const BUCKET: &str = "soak";

/// Between two writes.
const PAUSE: Duration = Duration::from_millis(20);

/// A connection of its own for the writer.
pub(super) struct Writer {
    client: Client,
    /// The time of the first point, nanoseconds since 1970; the others follow a microsecond apart.
    begin: i64,
}

/// What became of each write, by its number.
#[derive(Default)]
pub(super) struct Written {
    acknowledged: BTreeSet<i64>,
    refused: u64,
    slowest: Duration,
}

/// What was acknowledged, and what of it is there.
pub(super) struct Truth {
    written: Written,
    found: BTreeSet<i64>,
}

impl Truth {
    pub(super) fn lost(&self) -> usize {
        self.written.acknowledged.difference(&self.found).count()
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.written.acknowledged.len()
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged, {} of them lost after a kill; {} refused; the slowest took {} ms",
            self.acknowledged(),
            self.lost(),
            self.written.refused,
            self.written.slowest.as_millis()
        )
    }
}

impl Writer {
    pub(super) fn new(platform: &Platform) -> Result<Self, String> {
        let client = platform.client("operator");
        let made: Result<(), Error> = block_on(async {
            let organization = platform.organization();
            let found = client.find_org(&organization).await?;
            let org_id = found.map(|org| org.id).unwrap_or_default();
            let bucket = NewBucket {
                org_id,
                name: BUCKET.to_owned(),
                description: None,
                retention_rules: vec![],
            };
            client.create_bucket(&bucket).await.map(drop)
        });
        made.map_err(|error| error.to_string())?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let begin = i64::try_from(now.as_nanos()).map_err(|error| error.to_string())?;
        Ok(Self { client, begin })
    }

    pub(super) fn write(&self, end: &End) -> Written {
        let mut written = Written::default();
        for number in 0.. {
            if end.has_come() {
                break;
            }
            let line = format!("soak value={number}i {}", self.begin + number * 1_000);
            let began = Instant::now();
            let outcome = block_on(self.client.write(
                BUCKET,
                Precision::Nanoseconds,
                line.as_bytes(),
            ));
            written.slowest = written.slowest.max(began.elapsed());
            match outcome {
                Outcome::Done => drop(written.acknowledged.insert(number)),
                _ => written.refused += 1,
            }
            end.sleep(PAUSE);
        }
        written
    }

    /// Reads all points back.
    pub(super) fn compare(&self, platform: &Platform, written: Written) -> Truth {
        let text = format!(
            "from(bucket: \"{BUCKET}\") |> range(start: time(v: {}), stop: time(v: {}))",
            self.begin - 1,
            i64::MAX
        );
        let client = platform.client("operator");
        // It was killed a moment ago.
        let tables = wait::until("the server to answer", || {
            block_on(async { client.query(&Query::new(text.clone())).await }).ok()
        });
        let rows = tables.iter().flat_map(|table| table.rows());
        let found = rows.filter_map(|row| row.i64("_value")).collect();
        Truth { written, found }
    }
}

fn block_on<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}
