//! Whether a server holds what it acknowledged.
//!
//! First count, sum and checksum of every series are asked for and compared. Where one differs,
//! the points of that host are read and held one by one against the values they must have.

mod expected;
mod flux;
mod rows;
mod victoria;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use self::expected::{Certainty, Expected, Sent};
pub use self::rows::{Findings, StoredPoint, judge};
use crate::data::{Dataset, SeriesSum, host_name};
use crate::load::Failure;
use crate::target::Target;

/// Values that are read one by one where sums differ; of further hosts the sums alone are compared.
const VALUES_READ: u64 = 4_000_000;

/// Examples a report names.
const EXAMPLE_LIMIT: usize = 8;

/// Key of a series: number of the host, place of the field.
pub type SeriesId = (u64, usize);

/// What a server says a series adds up to; `None` when its values are none that were ever sent.
pub type StoredSums = HashMap<SeriesId, Option<SeriesSum>>;

/// What was found. Counts are of values: one for every field of a point.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// Series that were compared.
    pub series: u64,
    /// Values the server acknowledged and must hold.
    pub expected: u64,
    /// Values it holds.
    pub stored: u64,
    /// Acknowledged and not there.
    pub missing: u64,
    /// There more than once.
    pub doubled: u64,
    /// There with another value.
    pub altered: u64,
    /// There and never sent.
    pub unexpected: u64,
    /// Sent and never acknowledged: there or not, both is right.
    pub uncertain: u64,
    /// Whether counts of some hosts come from their sums alone, and are at least so high.
    pub estimated: bool,
    /// Some of what is wrong.
    pub examples: Vec<String>,
    /// Seconds it took.
    pub seconds: f64,
}

impl Verification {
    /// Whether everything acknowledged is there, once and unaltered.
    pub fn passed(&self) -> bool {
        self.missing + self.doubled + self.altered + self.unexpected == 0
    }

    fn add(&mut self, findings: Findings) {
        self.missing += findings.missing;
        self.doubled += findings.doubled;
        self.altered += findings.altered;
        self.unexpected += findings.unexpected;
        self.examples.extend(findings.examples);
        self.examples.truncate(EXAMPLE_LIMIT);
    }
}

/// Verifies everything that was sent. Points that are missing are looked for once more after
/// `settle`, for a server that shows writes a little later.
///
/// Errors: the server cannot be asked.
pub async fn verify(
    target: &Arc<Target>,
    dataset: &Dataset,
    sent: &Sent,
    settle: Duration,
) -> Result<Verification, Failure> {
    let begun = Instant::now();
    let expected = expected::expected(dataset, sent);
    let mut found = compare(target, dataset, sent, &expected).await?;
    if found.missing > 0 && !settle.is_zero() {
        tokio::time::sleep(settle).await;
        found = compare(target, dataset, sent, &expected).await?;
    }
    found.seconds = begun.elapsed().as_secs_f64();
    Ok(found)
}

async fn compare(
    target: &Target,
    dataset: &Dataset,
    sent: &Sent,
    expected: &Expected,
) -> Result<Verification, Failure> {
    let range = dataset.time_range(sent.first.end());
    let mut reader = match target.victoria() {
        Some(victoria) => Reader::Victoria(victoria::VictoriaReader::new(victoria, range)),
        None => Reader::Flux(flux::FluxReader::new(target, dataset, range)),
    };
    let stored = reader.sums(dataset).await?;
    let mut found = Verification {
        series: expected.series(),
        expected: expected.certain(),
        stored: stored.values().flatten().map(|sum| sum.count).sum(),
        uncertain: expected.uncertain(),
        ..Verification::default()
    };
    let suspects = suspects(dataset, expected, &stored);
    if found.stored == 0 && found.expected > 0 && stored.values().all(Option::is_some) {
        found.missing = found.expected;
        return Ok(found);
    }
    let mut values = 0;
    let (read, rest): (BTreeSet<u64>, BTreeSet<u64>) = suspects.into_iter().partition(|host| {
        values += expected.values(*host);
        values <= VALUES_READ
    });
    if !read.is_empty() {
        let points = reader.points(dataset, &read).await?;
        found.add(judge(dataset, sent, &read, points));
    }
    for host in rest {
        found.estimated = true;
        estimate(host, dataset, expected, &stored, &mut found);
    }
    Ok(found)
}

/// Hosts of which any series is not what it must be.
fn suspects(dataset: &Dataset, expected: &Expected, stored: &StoredSums) -> BTreeSet<u64> {
    let fields = dataset.fields().len();
    let differ = |host: u64| {
        (0..fields).any(|field| {
            let must = expected.sum(host, field);
            match stored.get(&(host, field)) {
                Some(Some(sum)) => *sum != must,
                Some(None) => true,
                None => must.count > 0,
            }
        })
    };
    let sent = expected.hosts().filter(|host| differ(*host));
    let never_sent = stored
        .keys()
        .map(|(host, _)| *host)
        .filter(|host| !expected.knows(*host));
    sent.chain(never_sent).collect()
}

/// What the sums of a host alone tell.
fn estimate(
    host: u64,
    dataset: &Dataset,
    expected: &Expected,
    stored: &StoredSums,
    found: &mut Verification,
) {
    for field in 0..dataset.fields().len() {
        let must = expected.sum(host, field);
        let Some(sum) = stored.get(&(host, field)).copied().unwrap_or_default() else {
            found.altered += 1;
            continue;
        };
        let open = expected.uncertain_lines(host);
        if sum.count < must.count {
            found.missing += must.count - sum.count;
        } else if sum.count > must.count + open {
            found.unexpected += sum.count - must.count - open;
        } else if sum != must && open == 0 {
            found.altered += 1;
        }
    }
    if found.examples.len() < EXAMPLE_LIMIT {
        found
            .examples
            .push(format!("{}: sums differ", host_name(host)));
    }
}

/// How a server is asked for what it holds.
enum Reader<'t> {
    Flux(flux::FluxReader<'t>),
    Victoria(victoria::VictoriaReader<'t>),
}

impl Reader<'_> {
    async fn sums(&mut self, dataset: &Dataset) -> Result<StoredSums, Failure> {
        match self {
            Self::Flux(reader) => reader.sums(dataset).await,
            Self::Victoria(reader) => reader.sums(dataset).await,
        }
    }

    async fn points(
        &mut self,
        dataset: &Dataset,
        hosts: &BTreeSet<u64>,
    ) -> Result<Vec<StoredPoint>, Failure> {
        match self {
            Self::Flux(reader) => reader.points(dataset, hosts).await,
            Self::Victoria(reader) => reader.points(dataset, hosts).await,
        }
    }
}
