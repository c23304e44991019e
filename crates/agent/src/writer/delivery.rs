//! One batch on its way to one server: whole, in halves where it is too large, and without the lines the
//! server will not have. What remains is told, so that nothing is lost and nothing good waits for a bad line.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use watchpost_client::write::{Outcome, Rejection};

use crate::batch::Batch;

/// Requests one batch may cost. Isolating one bad line of 5000 takes 25; a batch that is bad throughout
/// must not become ten thousand requests, so beyond this its rejected parts are put aside whole.
const MAX_REQUESTS: u32 = 200;

/// A line the server will not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The line (or lines, where they could not be told apart), ended by a newline.
    pub lines: Batch,
    /// What the server said.
    pub reason: String,
}

/// Why a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every line is stored or a dead letter.
    Complete,
    /// The server cannot take it now.
    Later {
        /// Its `Retry-After`.
        after: Option<Duration>,
        /// What it said.
        message: String,
    },
    /// The server does not take it from us, until somebody acts.
    Refused {
        /// HTTP status; 0 if the request could not be made.
        status: u16,
        /// What it said.
        message: String,
    },
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Lines stored.
    pub written: u64,
    /// Lines not stored yet: nothing if complete.
    pub remaining: Batch,
    /// Lines the server will not have.
    pub dead_letters: Vec<DeadLetter>,
    /// Why it ended.
    pub verdict: Verdict,
}

/// Writes a batch by `write`, which sends one body.
pub async fn deliver<Sent>(batch: Arc<Batch>, mut write: impl FnMut(Arc<Batch>) -> Sent) -> Report
where
    Sent: Future<Output = Outcome>,
{
    let mut report = Report {
        written: 0,
        remaining: Batch::default(),
        dead_letters: Vec::new(),
        verdict: Verdict::Complete,
    };
    // The next part is the last of the stack, so that lines go in order.
    let mut parts = vec![batch];
    let mut requests = 0;
    while let Some(part) = parts.pop() {
        requests += 1;
        match write(Arc::clone(&part)).await {
            Outcome::Done => report.written += u64::from(part.lines()),
            Outcome::Split { message } if part.lines() > 1 && requests < MAX_REQUESTS => {
                tracing::debug!(
                    lines = part.lines(),
                    message,
                    "The server takes less at a time."
                );
                push_halves(&mut parts, &part);
            }
            Outcome::Split { message } => report.bury(&part, message),
            Outcome::RejectedLines(rejection) => {
                report.reject(&mut parts, &part, rejection, requests < MAX_REQUESTS);
            }
            Outcome::RetryAfter { after, message } => {
                parts.push(part);
                report.verdict = Verdict::Later { after, message };
                break;
            }
            Outcome::Refused {
                status,
                code,
                message,
            } => {
                parts.push(part);
                let message = if code.is_empty() {
                    message
                } else {
                    format!("{code}: {message}")
                };
                report.verdict = Verdict::Refused { status, message };
                break;
            }
        }
    }
    for part in parts.iter().rev() {
        report.remaining.append(part);
    }
    report
}

impl Report {
    /// Puts the lines a rejection names aside and lets the rest go again; halves where it names none.
    fn reject(
        &mut self,
        parts: &mut Vec<Arc<Batch>>,
        part: &Batch,
        rejection: Rejection,
        may_halve: bool,
    ) {
        let (bad, good) = sort_out(part, &rejection);
        if !bad.is_empty() {
            self.dead_letters.extend(bad);
            if rejection.rest_stored {
                self.written += u64::from(good.lines());
            } else if !good.is_empty() {
                parts.push(Arc::new(good));
            }
        } else if part.lines() > 1 && may_halve {
            push_halves(parts, part);
        } else {
            self.bury(part, rejection.message);
        }
    }

    fn bury(&mut self, part: &Batch, reason: String) {
        self.dead_letters.push(DeadLetter {
            lines: part.clone(),
            reason,
        });
    }
}

fn push_halves(parts: &mut Vec<Arc<Batch>>, part: &Batch) {
    let (first, second) = part.halves();
    parts.push(Arc::new(second));
    parts.push(Arc::new(first));
}

/// The lines a rejection names, each with its reason, and the others.
fn sort_out(part: &Batch, rejection: &Rejection) -> (Vec<DeadLetter>, Batch) {
    let (mut bad, mut good) = (Vec::new(), String::new());
    for (index, line) in part.text().split_inclusive('\n').enumerate() {
        match rejection
            .lines
            .iter()
            .find(|rejected| rejected.number == Some(index + 1))
        {
            Some(rejected) => {
                bad.push(DeadLetter {
                    lines: Batch::new(line.to_owned()),
                    reason: rejected.reason.clone(),
                });
            }
            None => good.push_str(line),
        }
    }
    (bad, Batch::new(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[&str]) -> Batch {
        Batch::new(lines.iter().map(|line| format!("{line}\n")).collect())
    }

    /// Runs a delivery against a server that is a function, on no runtime.
    fn run(batch: &Batch, mut server: impl FnMut(&Batch) -> Outcome) -> Report {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(deliver(Arc::new(batch.clone()), |part| {
            std::future::ready(server(&part))
        }))
    }

    fn rejected(part: &Batch) -> Outcome {
        if part.text().contains("bad") {
            Outcome::RejectedLines(Rejection {
                status: 422,
                message: "field type conflict".to_owned(),
                lines: Vec::new(),
                rest_stored: true,
                dropped: Some(1),
            })
        } else {
            Outcome::Done
        }
    }

    #[test]
    fn one_bad_line_of_5000_is_found_by_halving() {
        let lines: Vec<String> = (0..5000)
            .map(|line| {
                if line == 3210 {
                    "bad".to_owned()
                } else {
                    format!("m f={line}")
                }
            })
            .collect();
        let all = batch(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let mut requests = 0;
        let report = run(&all, |part| {
            requests += 1;
            rejected(part)
        });
        assert_eq!(report.written, 4999);
        assert_eq!(report.dead_letters.len(), 1);
        assert_eq!(report.dead_letters[0].lines.text(), "bad\n");
        assert_eq!(report.verdict, Verdict::Complete);
        assert!(requests < 30, "{requests} requests");
    }

    #[test]
    fn a_batch_that_is_bad_throughout_costs_a_bounded_number_of_requests() {
        let all = batch(&vec!["bad"; 5000]);
        let mut requests = 0;
        let report = run(&all, |part| {
            requests += 1;
            rejected(part)
        });
        assert!(requests <= 2 * MAX_REQUESTS, "{requests} requests");
        assert_eq!(
            report
                .dead_letters
                .iter()
                .map(|letter| letter.lines.lines())
                .sum::<u32>(),
            5000
        );
    }

    #[test]
    fn what_is_too_large_goes_in_parts_in_order() {
        let mut seen = String::new();
        let report = run(&batch(&["a", "b", "c", "d", "e"]), |part| {
            if part.lines() > 2 {
                return Outcome::Split {
                    message: "too large".to_owned(),
                };
            }
            seen.push_str(part.text());
            Outcome::Done
        });
        assert_eq!((report.written, seen.as_str()), (5, "a\nb\nc\nd\ne\n"));
    }

    #[test]
    fn what_was_not_sent_when_the_server_went_away_remains() {
        let mut sent = 0;
        let report = run(&batch(&["a", "b", "c", "d"]), |part| {
            if part.lines() > 2 {
                return Outcome::Split {
                    message: "too large".to_owned(),
                };
            }
            sent += 1;
            if sent == 1 {
                Outcome::Done
            } else {
                Outcome::RetryAfter {
                    after: None,
                    message: "gone".to_owned(),
                }
            }
        });
        assert_eq!(report.written, 2);
        assert_eq!(report.remaining, batch(&["c", "d"]));
    }
}
