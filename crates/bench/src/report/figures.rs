//! The figures of a run by which runs are compared, and what repetitions of them come to.

use super::Run;

const MEBIBYTE: f64 = 1_048_576.0;

/// The figures of a run, each with its unit as the last word of its name.
pub(super) fn of_run(run: &Run) -> Vec<(String, f64)> {
    let mut figures = Vec::new();
    for (name, load) in &run.loads {
        let one = &load.summary;
        figures.push(match name.as_str() {
            "query" | "alerts" => (format!("{name} queries/s"), one.operations_per_second),
            _ => (format!("{name} points/s"), one.points_per_second),
        });
        figures.push((format!("{name} p50 ms"), one.latency.p50));
        figures.push((format!("{name} p99 ms"), one.latency.p99));
    }
    if let Some(rate) = run.knee.as_ref().and_then(|knee| knee.rate) {
        figures.push(("knee points/s".into(), rate));
    }
    if let Some(outage) = &run.outage {
        figures.push(("greatest lag s".into(), outage.greatest_lag_seconds));
        let caught_up = outage.catch_up_seconds;
        figures.extend(caught_up.map(|seconds| ("catch-up s".to_owned(), seconds)));
    }
    if let Some(usage) = &run.server_usage {
        figures.push(("server processor s".into(), usage.cpu_seconds));
        figures.push((
            "server memory MiB".into(),
            usage.memory_peak as f64 / MEBIBYTE,
        ));
        let disk = usage.disk.map(|bytes| bytes as f64 / MEBIBYTE);
        figures.extend(disk.map(|disk| ("server disk MiB".to_owned(), disk)));
    }
    figures
}

/// Whether a figure is the better the higher it is.
pub(super) fn more_is_better(figure: &str) -> bool {
    figure.ends_with("/s")
}

/// The middle of some values; `NaN` for none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The least and the greatest of some values.
pub(super) fn ends(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(*value), high.max(*value))
        })
}
