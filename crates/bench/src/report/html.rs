//! The report as one HTML file that needs nothing beside it and runs no script.

use std::fmt::Write as _;

use super::plot::{Line, escape, plot};
use super::{Load, Report, Run, text};
use crate::load::Tick;
use crate::usage::Sample;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
pre{overflow:auto;background:#f5f5f5;padding:1rem;font-size:12px}svg{width:100%;height:auto;margin:.5rem 0}\
svg text{font-size:11px}svg .title{font-weight:600}.grid{stroke:#ddd}.fail{color:#b00020;font-weight:600}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#222}svg text{fill:#ccc}.grid{stroke:#444}}";

/// The report as HTML.
pub fn html(report: &Report) -> String {
    let machine = &report.machine;
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
<title>{0}</title><style>{STYLE}</style></head><body><h1>{0}</h1><p>{1}</p><p>{2}; {3} × {4}, {5:.1} GiB; {6}; watchpost-bench {7}</p>",
        escape(&report.scenario),
        escape(&report.about),
        escape(&report.started),
        machine.cores,
        escape(&machine.processor),
        machine.memory as f64 / 1_073_741_824.0,
        escape(&machine.system),
        escape(&report.version),
    );
    for run in &report.runs {
        run_html(run, &mut page);
    }
    let _ = writeln!(
        page,
        "<h2>Summary</h2><pre>{}</pre><h2>Scenario</h2><pre>{}</pre></body></html>",
        escape(&text(report)),
        escape(&serde_json::to_string_pretty(&report.settings).unwrap_or_default()),
    );
    page
}

fn run_html(run: &Run, page: &mut String) {
    let _ = write!(
        page,
        "<h2>{}, round {}</h2>",
        escape(&run.server.name),
        run.round
    );
    for problem in &run.problems {
        let _ = write!(page, "<p class=\"fail\">{}</p>", escape(problem));
    }
    for (name, load) in &run.loads {
        page.push_str(&load_plots(name, load));
    }
    if let Some(usage) = &run.server_usage {
        page.push_str(&usage_plots(&usage.samples));
    }
    if let Some(knee) = &run.knee {
        let mut steps: Vec<(f64, f64)> = knee
            .steps
            .iter()
            .map(|step| (step.offered, step.p99))
            .collect();
        steps.sort_by(|one, other| one.0.total_cmp(&other.0));
        page.push_str(&plot(
            "p99 in ms by offered points a second",
            "/s",
            &[line("p99", steps)],
        ));
    }
}

fn load_plots(name: &str, load: &Load) -> String {
    let over_time = |value: fn(&Tick) -> f64| -> Vec<(f64, f64)> {
        let ticks = load.summary.timeline.iter();
        ticks
            .map(|tick| (tick.second as f64, value(tick)))
            .collect()
    };
    let latency = plot(
        &format!("{name}: latency in ms"),
        "s",
        &[
            line("p50", over_time(|tick| tick.p50)),
            line("p99", over_time(|tick| tick.p99)),
            line("max", over_time(|tick| tick.max)),
        ],
    );
    let throughput = plot(
        &format!("{name}: points or rows a second"),
        "s",
        &[line("done", over_time(|tick| tick.points as f64))],
    );
    // One nine more at each whole number of the axis.
    let nines = load
        .summary
        .distribution
        .iter()
        .filter(|(quantile, _)| *quantile < 1.0)
        .map(|(quantile, latency)| (-(1.0 - quantile).log10(), *latency));
    let distribution = plot(
        &format!("{name}: latency in ms by quantile (1 nine = 90 %, 2 nines = 99 %, …)"),
        "nines",
        &[line("latency", nines.collect())],
    );
    latency + &throughput + &distribution
}

fn usage_plots(samples: &[Sample]) -> String {
    let over_time = |value: fn(&Sample) -> f64| -> Vec<(f64, f64)> {
        samples
            .iter()
            .map(|sample| (sample.second, value(sample)))
            .collect()
    };
    let cores = over_time(|sample| sample.cores);
    let memory = over_time(|sample| sample.memory as f64 / 1_048_576.0);
    plot("server: cores in use", "s", &[line("cores", cores)])
        + &plot("server: memory in MiB", "s", &[line("memory", memory)])
}

fn line(name: &str, points: Vec<(f64, f64)>) -> Line {
    Line {
        name: name.to_owned(),
        points,
    }
}
