//! A round of evaluation: the queries that are due go out, and their answers are taken.

use super::Daemon;
use crate::alert::Nanos;
use crate::answering::QueryFailure;
use crate::clock::now;
use crate::dialect::shape::Purpose;
use crate::evaluation::{self, Answer};
use crate::rules::sample::Row;

impl Daemon {
    /// Starts the queries of the rules that are due and not on the way.
    pub(super) fn start_round(&mut self) {
        let at = now();
        let due = self.alerting.evaluator.due(at);
        let rules: Vec<_> = due
            .into_iter()
            .filter(|rule| !self.in_flight.contains(&rule.name))
            .collect();
        if rules.is_empty() {
            return;
        }
        self.in_flight
            .extend(rules.iter().map(|rule| rule.name.clone()));
        let evaluator = &self.alerting.evaluator;
        let baselines = rules
            .iter()
            .filter(|rule| evaluator.needs_baseline(rule, at))
            .cloned()
            .collect();
        let (client, answers) = (self.client.clone(), self.answers.clone());
        tokio::spawn(async move {
            evaluation::run(client, rules, baselines, at, |found| {
                // The loop ends before its channels only when the process does.
                let _ = answers.send((found, at));
            })
            .await;
        });
    }

    /// Asks since when the series of an answer exist, where it cannot be judged without; the answer comes
    /// back with it.
    fn ask_beginnings(&self, answer: Answer, at: Nanos) -> Option<Answer> {
        let Ok(rows) = &answer.rows else {
            return Some(answer);
        };
        let rows: Vec<&Row> = rows.iter().collect();
        let asks = answer.purpose == Purpose::Values
            && answer.beginnings.is_none()
            && self.alerting.evaluator.asks_beginnings(&answer.rule, &rows);
        if !asks {
            return Some(answer);
        }
        let (client, answers) = (self.client.clone(), self.answers.clone());
        tokio::spawn(async move {
            let answer = evaluation::with_beginnings(client, answer, at).await;
            let _ = answers.send((vec![answer], at));
        });
        None
    }

    pub(super) fn take_answers(&mut self, answers: Vec<Answer>, at: Nanos) {
        for answer in answers {
            let Some(answer) = self.ask_beginnings(answer, at) else {
                continue;
            };
            if let Some(beginnings) = &answer.beginnings {
                self.alerting
                    .evaluator
                    .set_beginnings(&answer.rule, beginnings);
            }
            let rows: Result<Vec<&Row>, &QueryFailure> = match &answer.rows {
                Ok(rows) => Ok(rows.iter().collect()),
                Err(failure) => Err(failure),
            };
            match (answer.purpose, &rows) {
                (Purpose::Baseline, Ok(rows)) => {
                    self.alerting.evaluator.set_baseline(&answer.rule, rows, at);
                }
                // An old baseline is better than none; the values say whether the server answers.
                (Purpose::Baseline, Err(error)) => {
                    tracing::warn!(
                        rule = answer.rule.name,
                        error = error.reason,
                        "the baseline could not be queried"
                    );
                }
                (Purpose::Values, _) => {
                    self.in_flight.remove(&answer.rule.name);
                    if let Err(error) = rows {
                        tracing::warn!(
                            rule = answer.rule.name,
                            error = error.reason,
                            "the rule could not be evaluated"
                        );
                    }
                    self.meters.evaluated(&answer.rule.name, rows.is_ok(), at);
                    self.alerting
                        .evaluate(&answer.rule, rows.as_deref().map_err(|e| *e), at);
                }
            }
        }
    }
}
