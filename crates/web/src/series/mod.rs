//! Series of a metric over a range: which tiers are asked, with which question, and how their answers
//! become one.

pub mod answer;
pub mod merge;
pub mod question;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use watchpost_query::Answer as Found;

use crate::Result;
use crate::database::Database;
use crate::metric::Choice;
use crate::tier::{self, Part, Tier};
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

/// What one tier said about a part of the range.
struct Piece {
    part: Part,
    found: Found,
    warning: Option<String>,
}

/// Asks the tiers and merges their answers. Where a lower tier holds nothing at an end of its part
/// (its tasks are new, or late, or its bucket does not exist) the next finer tier fills in.
pub(crate) async fn fetch(database: &Database, request: &Request, now: i64) -> Result<Answer> {
    let parts = tier::divide(
        request.range,
        request.step,
        now,
        database.retention,
        request.only,
    );
    let asked = parts
        .into_iter()
        .map(|part| ask(database, request, part, now));
    let mut merge = Merge::new(request);
    let (mut parts, mut warnings) = (Vec::new(), Vec::new());
    for pieces in join_all(asked).await {
        for piece in pieces? {
            merge.add(piece.part.tier, &piece.found);
            if piece.part.range.length() > 0 {
                parts.push(piece.part);
            }
            warnings.extend(piece.warning);
        }
    }
    Ok(Answer {
        request: request.clone(),
        parts,
        series: merge.finish(),
        warnings,
    })
}

/// One part, and what finer tiers have where it holds nothing; in order of time.
fn ask<'a>(
    database: &'a Database,
    request: &'a Request,
    part: Part,
    now: i64,
) -> BoxFuture<'a, Result<Vec<Piece>>> {
    async move {
        let question = question::of(database.bucket(part.tier), &part, request);
        let (found, warning) = match database.ask(&question).await {
            Ok(found) => (found, None),
            Err(error) if error.is_missing_bucket() && part.tier != Tier::Raw => {
                let (tier, bucket) = (part.tier.name(), database.bucket(part.tier));
                let warning = format!("tier {tier} is left out: bucket {bucket} does not exist");
                (Found::default(), Some(warning))
            }
            Err(error) => return Err(error),
        };
        let points = found.series.iter().flat_map(|series| &series.points);
        let times = points.filter_map(|point| point.time);
        let held = times.fold(None, |held: Option<(i64, i64)>, time| {
            Some(held.map_or((time, time), |(first, last)| {
                (first.min(time), last.max(time))
            }))
        });
        let (before, own, after) = match request.only {
            None => tier::ends_without_points(&part, held, now, database.retention),
            Some(_) => (None, Some(part.range), None),
        };
        let mut pieces = Vec::new();
        if let Some(finer) = before {
            pieces.extend(ask(database, request, finer, now).await?);
        }
        let range = own.unwrap_or(TimeRange {
            start: part.range.stop,
            ..part.range
        });
        if own.is_some() || warning.is_some() {
            let part = Part { range, ..part };
            pieces.push(Piece {
                part,
                found,
                warning,
            });
        }
        if let Some(finer) = after {
            pieces.extend(ask(database, request, finer, now).await?);
        }
        Ok(pieces)
    }
    .boxed()
}
