//! Reports as one table, a row a figure and a column a server: how several servers that took turns
//! stand to each other.

use std::fmt::Write as _;

use serde::Serialize;

use super::Report;
use super::figures::{ends, median, of_run};

/// The figures of one or more reports.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// The servers, in the order they took turns; ratios are to the first.
    pub servers: Vec<String>,
    /// The figures, scenario by scenario.
    pub rows: Vec<Row>,
    /// Runs that failed, and why; they are in no row.
    pub failures: Vec<String>,
}

/// A figure of every server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the scenario.
    pub scenario: String,
    /// `write p99 ms`.
    pub figure: String,
    /// By server; `None` where it has no such figure.
    pub values: Vec<Option<Spread>>,
    /// Median by that of the first server.
    pub ratios: Vec<Option<f64>>,
}

/// A figure over the repetitions of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

/// Puts reports side by side. Runs that failed or were interrupted have no figures.
pub fn table(reports: &[Report]) -> Table {
    let mut table = Table::default();
    for run in reports.iter().flat_map(|report| &report.runs) {
        if !table.servers.contains(&run.server.name) {
            table.servers.push(run.server.name.clone());
        }
    }
    for report in reports {
        table.add(report);
    }
    table
}

impl Table {
    fn add(&mut self, report: &Report) {
        let mut found: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
        for run in &report.runs {
            let at = self
                .servers
                .iter()
                .position(|name| *name == run.server.name);
            let Some(at) = at else { continue };
            if !run.passed() || run.interrupted {
                let why = run.problems.first().map_or("interrupted", String::as_str);
                self.failures.push(format!(
                    "{} on {}, round {}: {why}",
                    report.scenario, run.server.name, run.round
                ));
                continue;
            }
            for (figure, value) in of_run(run) {
                let place = found.iter().position(|(known, _)| *known == figure);
                let place = place.unwrap_or_else(|| {
                    found.push((figure, vec![Vec::new(); self.servers.len()]));
                    found.len() - 1
                });
                found[place].1[at].push(value);
            }
        }
        for (figure, values) in found {
            let spreads: Vec<Option<Spread>> = values.iter().map(|one| spread(one)).collect();
            let first = spreads.first().copied().flatten();
            let ratio = |one: &Option<Spread>| {
                let (one, first) = ((*one)?, first.filter(|first| first.median > 0.0)?);
                Some(one.median / first.median)
            };
            self.rows.push(Row {
                scenario: report.scenario.clone(),
                figure,
                ratios: spreads.iter().map(ratio).collect(),
                values: spreads,
            });
        }
    }

    /// As Markdown: medians, the spread of the repetitions behind them, and ratios to the first server.
    pub fn markdown(&self) -> String {
        let mut lines = vec![self.head()];
        lines.extend(self.rows.iter().map(|row| {
            let mut cells = vec![row.scenario.clone(), row.figure.clone()];
            cells.extend(
                row.values
                    .iter()
                    .map(|value| value.map_or_else(String::new, cell)),
            );
            let ratios = row.ratios.iter().skip(1);
            cells.extend(
                ratios.map(|ratio| ratio.map_or_else(String::new, |it| format!("{it:.2}"))),
            );
            cells
        }));
        let columns = lines[0].len();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..columns).filter_map(width).collect();
        let mut out = String::new();
        for (at, line) in lines.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                let width = widths[column];
                let _ = match column {
                    0 | 1 => write!(out, "| {cell:<width$} "),
                    _ => write!(out, "| {cell:>width$} "),
                };
            }
            out.push_str("|\n");
            if at == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width + 1);
                    let end = if column < 2 { '-' } else { ':' };
                    let _ = write!(out, "|{dashes}{end}");
                }
                out.push_str("|\n");
            }
        }
        for failure in &self.failures {
            let _ = writeln!(out, "\nfailed: {failure}");
        }
        out
    }

    fn head(&self) -> Vec<String> {
        let mut head = vec!["scenario".to_owned(), "figure".to_owned()];
        head.extend(self.servers.iter().cloned());
        let others = self.servers.iter().skip(1);
        head.extend(others.map(|other| format!("{other} / {}", self.servers[0])));
        head
    }
}

fn spread(values: &[f64]) -> Option<Spread> {
    let (low, high) = ends(values);
    (!values.is_empty()).then(|| Spread {
        median: median(values),
        low,
        high,
    })
}

/// The median, with the ends where there are several values.
fn cell(value: Spread) -> String {
    if value.low < value.high {
        let (low, high) = (number(value.low), number(value.high));
        format!("{} ({low} to {high})", number(value.median))
    } else {
        number(value.median)
    }
}

/// Three digits that count, and no more.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
