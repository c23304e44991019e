//! Series of a metric over a range: which tiers are asked, with which text, and how their answers
//! become one.

pub mod answer;
pub mod flux;
pub mod merge;

use crate::Result;
use crate::database::Database;
use crate::metric::Choice;
use crate::tier::{self, Tier};
use crate::time_range::TimeRange;

use self::answer::Answer;
use self::merge::Merge;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The metric and which of its series.
    pub choice: Choice,
    /// Of these hosts; empty: of all.
    pub hosts: Vec<String>,
    /// The range.
    pub range: TimeRange,
    /// Nanoseconds between points.
    pub step: i64,
    /// Minimum and maximum beside the mean.
    pub band: bool,
    /// One tier for the whole range.
    pub only: Option<Tier>,
}

/// Asks the tiers and merges their answers. A lower tier whose bucket does not exist is left out
/// with a warning.
pub(crate) async fn fetch(database: &Database, request: &Request, now: i64) -> Result<Answer> {
    let parts = tier::divide(
        request.range,
        request.step,
        now,
        database.retention,
        request.only,
    );
    let texts = parts
        .iter()
        .map(|part| database.query(flux::text(database.bucket(part.tier), part, request)));
    let answers = futures_util::future::join_all(texts).await;
    let mut merge = Merge::new(request);
    let mut warnings = Vec::new();
    for (part, tables) in parts.iter().zip(answers) {
        match tables {
            Ok(tables) => merge.add(&tables),
            Err(error) if error.is_missing_bucket() && part.tier != Tier::Raw => {
                let bucket = database.bucket(part.tier);
                warnings.push(format!(
                    "tier {} is left out: bucket {bucket} does not exist",
                    part.tier.name()
                ));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Answer {
        request: request.clone(),
        parts,
        series: merge.finish(),
        warnings,
    })
}
