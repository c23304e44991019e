//! The search for the knee: the highest rate of writes that keeps the latency goal. Rates grow by a
//! factor until one breaks; then the gap is halved.

use std::sync::Arc;

use watchpost_service::shutdown::Shutdown;

use super::phases::{Phases, finished};
use crate::load::{Ended, FailureKind, Plan, Recorder};
use crate::report::{Knee, Load, Run, Step};
use crate::scenario::Saturate;

/// A rate that was not reached to this share was broken, whatever its latencies say.
const REACHED: f64 = 0.95;

/// Searches and enters the knee into the run; the figures are those of the highest step that held.
pub(super) async fn search(phases: &Phases, stop: &Shutdown, run: &mut Run) -> Ended {
    let Some(steps) = phases.scenario.saturate.clone() else {
        return Ended::Complete;
    };
    let mut search = Search {
        phases,
        goal: steps.goal_p99.get().as_secs_f64() * 1_000.0,
        steps,
        next_batch: 0,
        taken: Vec::new(),
        best: None,
    };
    let ended = search.climb(stop).await;
    run.knee = Some(Knee {
        rate: search
            .taken
            .iter()
            .filter(|step| step.held)
            .map(|step| step.offered)
            .reduce(f64::max),
        goal_p99: search.goal,
        steps: search.taken,
    });
    if let Some(load) = search.best {
        run.loads.insert("write".into(), load);
    }
    ended
}

struct Search<'p> {
    phases: &'p Phases,
    steps: Saturate,
    goal: f64,
    next_batch: u64,
    taken: Vec<Step>,
    best: Option<Load>,
}

impl Search<'_> {
    async fn climb(&mut self, stop: &Shutdown) -> Ended {
        let (mut held, mut rate) = (0.0, self.steps.first_rate);
        let mut broke = None;
        while broke.is_none() && rate <= self.steps.highest_rate {
            match self.attempt(rate, stop).await {
                Ok(true) => {
                    held = rate;
                    rate *= self.steps.factor;
                }
                Ok(false) => broke = Some(rate),
                Err(ended) => return ended,
            }
        }
        let mut high = broke.unwrap_or(held);
        for _ in 0..self.steps.refinements {
            let middle = f64::midpoint(held, high);
            if high <= held || middle <= 0.0 {
                break;
            }
            match self.attempt(middle, stop).await {
                Ok(true) => held = middle,
                Ok(false) => high = middle,
                Err(ended) => return ended,
            }
        }
        Ended::Complete
    }

    /// A step, and another one if it broke: a hiccup of the machine is not the server's limit.
    async fn attempt(&mut self, rate: f64, stop: &Shutdown) -> Result<bool, Ended> {
        Ok(self.step(rate, stop).await? || self.step(rate, stop).await?)
    }

    /// One step; whether it kept the goal.
    async fn step(&mut self, rate: f64, stop: &Shutdown) -> Result<bool, Ended> {
        let length = self.steps.step.get();
        let mut plan = self.phases.write_plan(Some(length));
        let per_second = rate / self.phases.scenario.write.batch_size as f64;
        plan = Plan {
            first: self.next_batch,
            count: ((per_second * length.as_secs_f64()).ceil() as u64).max(1),
            rate: Some(per_second),
            warmup: length / 5,
            ..plan
        };
        plan.count = plan
            .count
            .min(self.phases.dataset.batches().saturating_sub(plan.first));
        self.next_batch += plan.count;
        let recorder = Arc::new(Recorder::new(Vec::new()));
        match self.phases.write(&plan, &recorder, stop).await {
            Ended::Complete => {}
            // A server that asks to slow down has told where its limit is.
            Ended::Failed(failure)
                if matches!(failure.kind, FailureKind::Overloaded | FailureKind::Timeout)
                    && !self.taken.is_empty() => {}
            ended => return Err(ended),
        }
        let load = finished(&plan, &recorder);
        let held = load.summary.latency.p99 <= self.goal
            && load.summary.failures.is_empty()
            && load.summary.operations > 0
            && load.summary.points_per_second >= rate * REACHED;
        self.taken.push(Step {
            offered: rate,
            achieved: load.summary.points_per_second,
            p99: load.summary.latency.p99,
            held,
        });
        let better = self
            .best
            .as_ref()
            .is_none_or(|best| held && load.offered > best.offered);
        if better {
            self.best = Some(load);
        }
        Ok(held)
    }
}
