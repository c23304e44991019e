//! Two reports of the same scenario: what became faster or slower, and how far the repetitions of
//! each lie apart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Report;
use super::figures::{ends, median, more_is_better, of_run};
use crate::{Error, Result};

/// One figure in both reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// `write p99 ms`.
    pub figure: String,
    /// Median of A's repetitions.
    pub a: f64,
    /// Median of B's.
    pub b: f64,
    /// B / A.
    pub ratio: f64,
    /// The least and greatest ratio that any repetition of B has to any of A.
    pub spread: (f64, f64),
    /// Whether B is worse than A by more than the bound.
    pub beyond: bool,
}

/// All figures that both reports have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The figures.
    pub ratios: Vec<Ratio>,
    /// Worse by more than this share is beyond.
    pub bound: f64,
}

impl Comparison {
    /// Whether no figure is beyond the bound.
    pub fn passed(&self) -> bool {
        self.ratios.iter().all(|ratio| !ratio.beyond)
    }

    /// As a table.
    pub fn text(&self) -> String {
        let mut out = format!("{:<34}{:>12}{:>12}{:>9}   spread\n", "", "A", "B", "B/A");
        for one in &self.ratios {
            let mark = if one.beyond { "  WORSE" } else { "" };
            let _ = writeln!(
                out,
                "{:<34}{:>12.2}{:>12.2}{:>9.3}   {:.3} to {:.3}{mark}",
                one.figure, one.a, one.b, one.ratio, one.spread.0, one.spread.1
            );
        }
        out
    }
}

/// Compares B with A; worse by more than `bound` (0.1 is a tenth) is beyond it.
///
/// Errors: the reports are of different scenarios and not asked to be compared `across` them, a run
/// of either failed, or they have nothing in common.
pub fn compare(a: &Report, b: &Report, bound: f64, across: bool) -> Result<Comparison> {
    if a.scenario != b.scenario && !across {
        return Err(Error::Compare(format!(
            "A is of {:?}, B of {:?} (--across compares them all the same)",
            a.scenario, b.scenario
        )));
    }
    compare_figures(a, b, bound)
}

fn compare_figures(a: &Report, b: &Report, bound: f64) -> Result<Comparison> {
    for (name, report) in [("A", a), ("B", b)] {
        let broken = report
            .runs
            .iter()
            .find(|run| !run.passed() || run.interrupted);
        if broken.is_some() || report.runs.is_empty() {
            return Err(Error::Compare(format!(
                "{name} has a run that failed or was interrupted, so its figures mean nothing"
            )));
        }
    }
    let (of_a, of_b) = (figures(a), figures(b));
    let mut ratios = Vec::new();
    for (key, in_a) in &of_a {
        let Some(in_b) = of_b.get(key) else { continue };
        let (middle_a, middle_b) = (median(in_a), median(in_b));
        if middle_a <= 0.0 {
            continue;
        }
        let (low_a, high_a) = ends(in_a);
        let (low_b, high_b) = ends(in_b);
        let ratio = middle_b / middle_a;
        ratios.push(Ratio {
            figure: key.clone(),
            a: middle_a,
            b: middle_b,
            ratio,
            spread: (
                low_b / high_a.max(f64::MIN_POSITIVE),
                high_b / low_a.max(f64::MIN_POSITIVE),
            ),
            beyond: if more_is_better(key) {
                ratio < 1.0 / (1.0 + bound)
            } else {
                ratio > 1.0 + bound
            },
        });
    }
    if ratios.is_empty() {
        return Err(Error::Compare("they have no figure in common".into()));
    }
    Ok(Comparison { ratios, bound })
}

/// Every figure with its value in each repetition. Servers keep their names apart when there are
/// several.
fn figures(report: &Report) -> BTreeMap<String, Vec<f64>> {
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let several = report.has_several_servers();
    for run in &report.runs {
        let server = if several {
            format!("{} ", run.server.name)
        } else {
            String::new()
        };
        for (name, value) in of_run(run) {
            found
                .entry(format!("{server}{name}"))
                .or_default()
                .push(value);
        }
    }
    found
}
