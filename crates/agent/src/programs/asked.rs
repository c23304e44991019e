//! Sources that are asked side by side, each within its own time: pages that are scraped, commands that are run.

use std::collections::BTreeSet;
use std::time::Duration;

use watchpost_core::point::Point;

use crate::schedule::lane::Lane;

/// Beyond the time of the slowest source.
const MARGIN: Duration = Duration::from_millis(500);

/// Points, or why there are none, and the time it took.
pub(super) type Answer = (Result<Vec<Point>, String>, Duration);

/// What became of a source.
pub(super) struct Outcome {
    pub name: String,
    /// Why there are no points is for people.
    pub points: Result<Vec<Point>, String>,
    pub took: Duration,
    /// It begins to fail with this, or is good again.
    pub is_news: bool,
}

impl Outcome {
    /// 1 where there are points, else 0: Prometheus' `up`.
    pub(super) fn up(&self) -> f64 {
        f64::from(u8::from(self.points.is_ok()))
    }
}

/// The sources of a kind.
pub(super) struct Asked {
    lane: Lane<String, Answer>,
    failing: BTreeSet<String>,
}

impl Asked {
    /// `name` names the threads.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            lane: Lane::new(name),
            failing: BTreeSet::new(),
        }
    }

    /// Asks all, and waits a moment longer than `longest`; `late` says why a source that has not answered by then has
    /// no points.
    pub(super) fn ask<J>(
        &mut self,
        jobs: Vec<(String, J)>,
        longest: Duration,
        late: &str,
    ) -> Vec<Outcome>
    where
        J: FnOnce() -> Answer + Send + 'static,
    {
        let names: Vec<String> = jobs.iter().map(|(name, _)| name.clone()).collect();
        let patience = longest + MARGIN;
        let mut answers = self.lane.run_all(jobs, patience);
        let outcome = |name: String| {
            let answer = answers.remove(&name);
            let (points, took) = answer.unwrap_or_else(|| (Err(late.to_owned()), patience));
            let is_news = match points {
                Ok(_) => self.failing.remove(&name),
                Err(_) => self.failing.insert(name.clone()),
            };
            Outcome {
                name,
                points,
                took,
                is_news,
            }
        };
        names.into_iter().map(outcome).collect()
    }
}
