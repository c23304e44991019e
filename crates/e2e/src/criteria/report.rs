//! What was judged, for people and for scripts.

use std::fmt;

use serde_json::{Value, json};

/// How a criterion came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds; the figures.
    Pass(String),
    /// It does not; what was found instead.
    Fail(String),
    /// It cannot be judged on this machine or server; why.
    Skipped(String),
}

/// A criterion that was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    pub number: usize,
    pub name: &'static str,
    pub verdict: Verdict,
    /// How long it took.
    pub seconds: f64,
}

/// All of them.
#[derive(Debug)]
pub struct Report {
    pub criteria: Vec<Judged>,
    /// From the first process to the last, stopped.
    pub seconds: f64,
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Verdict::Pass(_) => "PASS",
            Verdict::Fail(_) => "FAIL",
            Verdict::Skipped(_) => "SKIPPED",
        }
    }

    fn text(&self) -> &str {
        match self {
            Verdict::Pass(text) | Verdict::Fail(text) | Verdict::Skipped(text) => text,
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = (self.verdict.word(), self.verdict.text());
        write!(
            out,
            "{:>2} {word:<7} {}: {text}  [{:.1} s]",
            self.number, self.name, self.seconds
        )
    }
}

impl Report {
    /// How many came out with this word: PASS, FAIL or SKIPPED.
    pub fn count(&self, word: &str) -> usize {
        self.criteria
            .iter()
            .filter(|it| it.verdict.word() == word)
            .count()
    }

    /// True if none failed.
    pub fn holds(&self) -> bool {
        self.count("FAIL") == 0
    }

    /// For scripts: `{"criteria": [{"number", "name", "verdict", "figure", "seconds"}], "passed", …}`.
    pub fn json(&self) -> Value {
        let criteria = self.criteria.iter().map(|it| {
            json!({
                "number": it.number, "name": it.name, "seconds": it.seconds,
                "verdict": it.verdict.word().to_lowercase(), "figure": it.verdict.text(),
            })
        });
        json!({
            "criteria": criteria.collect::<Vec<_>>(),
            "passed": self.count("PASS"), "failed": self.count("FAIL"), "skipped": self.count("SKIPPED"),
            "seconds": self.seconds,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [passed, failed, skipped] = ["PASS", "FAIL", "SKIPPED"].map(|it| self.count(it));
        let seconds = self.seconds;
        write!(
            out,
            "{passed} passed, {failed} failed, {skipped} skipped in {seconds:.0} s"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Judged, Report, Verdict};

    #[test]
    fn a_report_reads_well_and_one_failure_is_enough() {
        let judged = |number, verdict| Judged {
            number,
            name: "it works",
            verdict,
            seconds: 1.25,
        };
        let mut report = Report {
            criteria: vec![
                judged(1, Verdict::Pass("3 of 3".into())),
                judged(10, Verdict::Skipped("no browser".into())),
            ],
            seconds: 7.4,
        };
        assert_eq!(
            report.criteria[0].to_string(),
            " 1 PASS    it works: 3 of 3  [1.2 s]"
        );
        assert_eq!(report.to_string(), "1 passed, 0 failed, 1 skipped in 7 s");
        assert!(report.holds());
        report
            .criteria
            .push(judged(2, Verdict::Fail("2 of 3".into())));
        assert!(!report.holds());
        assert_eq!(report.json()["criteria"][2]["verdict"], "fail");
        assert_eq!(report.json()["failed"], 1);
    }
}
