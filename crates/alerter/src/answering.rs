//! Whether the database answers: a server that is away is one trouble, whatever the number of rules; a
//! query that fails while others are answered is its rule's.

use std::collections::BTreeMap;

use crate::alert::Nanos;

/// Why a query gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryFailure {
    pub reason: String,
    /// The server did not answer, or not as one that works: the query may be right.
    pub unavailable: bool,
}

/// The last answers of all rules.
#[derive(Debug, Default)]
pub struct Answering {
    answered_at: Option<Nanos>,
    /// Rules whose last query the server did not answer: when it was asked, and why not.
    unanswered: BTreeMap<String, (Nanos, String)>,
}

/// What an answer, or its failure, says of the database and of its rule.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// The database does not answer, and why.
    pub database: Option<String>,
    /// Rules whose own query fails, and why.
    pub queries: Vec<(String, String)>,
    /// Rules whose query says nothing of them: it was answered, or nothing is.
    pub cleared: Vec<String>,
}

impl Answering {
    /// Takes what a rule's query of `at` gave.
    pub fn take(&mut self, rule: &str, failure: Option<&QueryFailure>, at: Nanos) -> Finding {
        let mut finding = Finding::default();
        match failure {
            Some(failure) if failure.unavailable => {
                let entry = (at, failure.reason.clone());
                self.unanswered.insert(rule.to_owned(), entry);
            }
            _ => {
                let was_away = self.is_away();
                self.answered_at = self.answered_at.max(Some(at));
                self.unanswered.remove(rule);
                if was_away && !self.is_away() {
                    // What failed before says nothing about now.
                    finding.cleared.extend(self.unanswered.keys().cloned());
                    self.unanswered.retain(|_, (failed_at, _)| *failed_at >= at);
                }
                match failure {
                    Some(failure) => finding
                        .queries
                        .push((rule.to_owned(), failure.reason.clone())),
                    None => finding.cleared.push(rule.to_owned()),
                }
            }
        }
        if self.is_away() {
            finding.database = self
                .unanswered
                .values()
                .next_back()
                .map(|(_, why)| why.clone());
            finding.cleared.extend(self.unanswered.keys().cloned());
        } else {
            let failing = self.unanswered.iter();
            finding
                .queries
                .extend(failing.map(|(rule, (_, why))| (rule.clone(), why.clone())));
        }
        finding
    }

    /// Whether no query was answered since one was not.
    fn is_away(&self) -> bool {
        let failed_at = self.unanswered.values().map(|(at, _)| *at).max();
        failed_at.is_some_and(|failed_at| self.answered_at.is_none_or(|at| at < failed_at))
    }

    /// Forgets rules that are gone.
    pub fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.unanswered.retain(|rule, _| keeps(rule));
    }
}
