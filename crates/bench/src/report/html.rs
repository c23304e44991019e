//! The report as one HTML file that needs nothing beside it and runs no script: the verdict and the
//! figures first, then the plots.

use std::fmt::Write as _;

use super::plot::{Axis, Line, Plot, escape};
use super::text::{facts, run_title, verification_text};
use super::{Load, Report, Run, Table, table};
use crate::load::{Latency, Tick};
use crate::usage::Sample;

const STYLE: &str = include_str!("report.css");

const MEBIBYTE: f64 = 1_048_576.0;

/// The report as HTML.
pub fn html(report: &Report) -> String {
    let machine = &report.machine;
    let (class, verdict) = if report.passed() {
        ("good", "passed")
    } else {
        ("fail", "FAILED")
    };
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>{0}</title><style>{STYLE}</style></head><body><h1>{0} <span class=\"{class}\">{verdict}</span></h1><p>{1}.</p>\
<p class=\"quiet\">{2}; {3} × {4}, {5:.1} GiB; {6}; watchpost-bench {7}</p>",
        escape(&report.scenario),
        escape(&report.about),
        escape(report.started.get(..19).unwrap_or(&report.started)),
        machine.cores,
        escape(&machine.processor),
        machine.memory as f64 / 1_073_741_824.0,
        escape(&machine.system),
        escape(&report.version),
    );
    for run in &report.runs {
        run_figures(run, &mut page);
    }
    if report.has_several_servers() {
        page.push_str("<h2>Side by side</h2>");
        side_by_side(&table(std::slice::from_ref(report)), &mut page);
    }
    let warmup = warmup_seconds(report);
    for run in &report.runs {
        run_plots(run, warmup, &mut page);
    }
    let settings = serde_json::to_string_pretty(&report.settings).unwrap_or_default();
    let _ = writeln!(
        page,
        "<h2>Scenario</h2><details><summary>as it ran</summary><pre>{}</pre></details></body></html>",
        escape(&settings),
    );
    page
}

/// Seconds of the warm-up, from the scenario as it ran.
fn warmup_seconds(report: &Report) -> f64 {
    let text = report
        .settings
        .get("warmup")
        .and_then(|value| value.as_str());
    let length = text.and_then(|text| text.parse::<watchpost_service::config::Interval>().ok());
    length.map_or(0.0, |length| length.get().as_secs_f64())
}

/// The tables of a run, and what is to be said of it.
fn run_figures(run: &Run, page: &mut String) {
    let _ = write!(page, "<h2>{}</h2>", escape(&run_title(run)));
    for problem in &run.problems {
        let _ = write!(page, "<p class=\"fail\">{}</p>", escape(problem));
    }
    if !run.loads.is_empty() {
        page.push_str("<table><tr><th><th>count<th>a second<th>points/s");
        for name in ["min", "mean", "p50", "p95", "p99", "p99.9", "max"] {
            let _ = write!(page, "<th>{name}<small> ms</small>");
        }
        for (name, load) in &run.loads {
            load_rows(name, load, page);
        }
        page.push_str("</table>");
    }
    let mut lines = String::new();
    facts(run, &mut lines);
    if let Some(found) = &run.verification {
        verification_text(found, &mut lines);
    }
    page.push_str("<ul>");
    for line in lines.lines() {
        let _ = write!(page, "<li>{}", escape(line.trim()));
    }
    for note in &run.notes {
        let _ = write!(page, "<li class=\"note\">{}", escape(note));
    }
    page.push_str("</ul>");
}

fn load_rows(name: &str, load: &Load, page: &mut String) {
    let one = &load.summary;
    let _ = write!(
        page,
        "<tr><td>{}<td>{}<td>{:.1}<td>{:.0}",
        escape(name),
        one.operations,
        one.operations_per_second,
        one.points_per_second
    );
    latency_cells(&one.latency, page);
    let labels = one
        .by_label
        .iter()
        .map(|(label, found)| (label.as_str(), found));
    let warmup = one
        .warmup
        .iter()
        .map(|found| ("warm-up, kept apart", found));
    for (label, (count, latency)) in labels.chain(warmup) {
        let label = escape(label);
        let _ = write!(page, "<tr class=\"part\"><td>{label}<td>{count}<td><td>");
        latency_cells(latency, page);
    }
    for (kind, count) in &one.failures {
        let _ = write!(
            page,
            "<tr class=\"fail\"><td>failed attempts: {kind}<td>{count}"
        );
    }
}

fn latency_cells(latency: &Latency, page: &mut String) {
    let Latency {
        min,
        mean,
        p50,
        p95,
        p99,
        p999,
        max,
    } = latency;
    for value in [min, mean, p50, p95, p99, p999, max] {
        let _ = write!(page, "<td>{value:.2}");
    }
}

fn side_by_side(table: &Table, page: &mut String) {
    let text = table.markdown();
    page.push_str("<table class=\"figures\">");
    for (at, line) in text
        .lines()
        .filter(|line| line.starts_with("| "))
        .enumerate()
    {
        page.push_str("<tr>");
        let tag = if at == 0 { "th" } else { "td" };
        for cell in line.trim_matches('|').split('|') {
            let _ = write!(page, "<{tag}>{}", escape(cell.trim()));
        }
    }
    page.push_str("</table>");
}

fn run_plots(run: &Run, warmup: f64, page: &mut String) {
    let mut plots: Vec<Plot> = Vec::new();
    for (name, load) in &run.loads {
        plots.extend(load_plots(name, load, warmup));
    }
    if let Some(usage) = &run.server_usage {
        plots.extend(usage_plots(&usage.samples));
    }
    if let Some(knee) = &run.knee {
        let mut steps: Vec<(f64, f64)> = knee
            .steps
            .iter()
            .map(|step| (step.offered, step.p99))
            .collect();
        steps.sort_by(|one, other| one.0.total_cmp(&other.0));
        let goal = steps
            .iter()
            .map(|(rate, _)| (*rate, knee.goal_p99))
            .collect();
        plots.push(Plot {
            title: "latency in ms by offered points a second".into(),
            axis: Axis::Rate,
            warmup: 0.0,
            lines: vec![line("p99", steps), line("goal", goal)],
        });
    }
    let drawn: String = plots.iter().map(Plot::svg).collect();
    if !drawn.is_empty() {
        let title = escape(&run_title(run));
        let _ = write!(
            page,
            "<h2>{title}: plots</h2><div class=\"plots\">{drawn}</div>"
        );
    }
}

fn load_plots(name: &str, load: &Load, warmup: f64) -> [Plot; 3] {
    let over_time = |value: fn(&Tick) -> f64| -> Vec<(f64, f64)> {
        let ticks = load.summary.timeline.iter();
        ticks
            .map(|tick| (tick.second as f64, value(tick)))
            .collect()
    };
    let plot = |title: &str, axis, warmup, lines| Plot {
        title: format!("{name}: {title}"),
        axis,
        warmup,
        lines,
    };
    // One nine more at each whole number of the axis.
    let nines = load
        .summary
        .distribution
        .iter()
        .filter(|(quantile, _)| *quantile < 1.0)
        .map(|(quantile, latency)| (-(1.0 - quantile).log10(), *latency));
    let latency = vec![
        line("max", over_time(|tick| tick.max)),
        line("p99", over_time(|tick| tick.p99)),
        line("p50", over_time(|tick| tick.p50)),
    ];
    let done = vec![line("done", over_time(|tick| tick.points as f64))];
    [
        plot(
            "latency in ms, second by second",
            Axis::Seconds,
            warmup,
            latency,
        ),
        plot("points or rows a second", Axis::Seconds, warmup, done),
        plot(
            "latency in ms by share of the requests",
            Axis::Nines,
            0.0,
            vec![line("latency", nines.collect())],
        ),
    ]
}

fn usage_plots(samples: &[Sample]) -> Vec<Plot> {
    let over_time = |value: fn(&Sample) -> Option<f64>| -> Vec<(f64, f64)> {
        let point = |sample: &Sample| Some((sample.second, value(sample)?));
        samples.iter().filter_map(point).collect()
    };
    let plot = |title: &str, name: &str, points| Plot {
        title: format!("server: {title}"),
        axis: Axis::Seconds,
        warmup: 0.0,
        lines: vec![line(name, points)],
    };
    vec![
        plot(
            "cores in use",
            "cores",
            over_time(|sample| Some(sample.cores)),
        ),
        plot(
            "memory in MiB",
            "resident",
            over_time(|sample| Some(sample.memory as f64 / MEBIBYTE)),
        ),
        plot(
            "disk in MiB",
            "data",
            over_time(|sample| Some(sample.disk? as f64 / MEBIBYTE)),
        ),
    ]
}

fn line(name: &str, points: Vec<(f64, f64)>) -> Line {
    Line {
        name: name.to_owned(),
        points,
    }
}
