//! The report on the terminal.

use std::fmt::Write as _;

use super::{Load, Report, Run, table};
use crate::load::Latency;
use crate::verify::Verification;

/// The report as text.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", report.scenario, report.about);
    for run in &report.runs {
        run_text(run, &mut out);
    }
    if report.has_several_servers() {
        let reports = std::slice::from_ref(report);
        let _ = write!(out, "\nSide by side\n\n{}", table(reports).markdown());
    }
    out
}

/// The server with what is known of it, and which repetition it is.
pub(super) fn run_title(run: &Run) -> String {
    let server = &run.server;
    let mut about = Vec::new();
    let product = format!("{} {}", server.product, server.version);
    about.extend(Some(product.trim().to_owned()).filter(|it| !it.is_empty()));
    about.extend(Some(format!("at {}", server.url)).filter(|_| !server.url.is_empty()));
    let about = match about.is_empty() {
        true => String::new(),
        false => format!(" ({})", about.join(" ")),
    };
    let interrupted = if run.interrupted { ", interrupted" } else { "" };
    format!("{}{about}, round {}{interrupted}", server.name, run.round)
}

fn run_text(run: &Run, out: &mut String) {
    let _ = writeln!(out, "\n{}", run_title(run));
    if !run.loads.is_empty() {
        let _ = writeln!(
            out,
            "  {:<26}{:>8}{:>10}{:>12}  {:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
            "", "count", "op/s", "points/s", "min ms", "mean", "p50", "p95", "p99", "p99.9", "max"
        );
    }
    for (name, load) in &run.loads {
        load_text(name, load, out);
    }
    if let Some(knee) = &run.knee {
        for step in &knee.steps {
            let held = if step.held { "held" } else { "broke" };
            let _ = writeln!(
                out,
                "  step     {:>12.0} points/s offered, {:>12.0} written, p99 {:>9.2} ms: {held}",
                step.offered, step.achieved, step.p99
            );
        }
        let _ = match knee.rate {
            Some(rate) => writeln!(
                out,
                "  knee     {rate:.0} points/s with p99 below {:.0} ms",
                knee.goal_p99
            ),
            None => writeln!(out, "  knee     below the first step"),
        };
    }
    facts(run, out);
    if let Some(found) = &run.verification {
        verification_text(found, out);
    }
    for note in &run.notes {
        let _ = writeln!(out, "  note     {note}");
    }
    for problem in &run.problems {
        let _ = writeln!(out, "  FAILED   {problem}");
    }
}

fn load_text(name: &str, load: &Load, out: &mut String) {
    let one = &load.summary;
    row(
        name,
        one.operations,
        Some((one.operations_per_second, one.points_per_second)),
        &one.latency,
        out,
    );
    for (label, (count, latency)) in &one.by_label {
        row(&format!("  {label}"), *count, None, latency, out);
    }
    if let Some((count, latency)) = &one.warmup {
        row("  warm-up, kept apart", *count, None, latency, out);
    }
    if !one.failures.is_empty() {
        let failures = one.failures.iter();
        let words: Vec<String> = failures
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let _ = writeln!(out, "    failed attempts: {}", words.join(", "));
    }
}

fn row(name: &str, count: u64, rates: Option<(f64, f64)>, latency: &Latency, out: &mut String) {
    let (operations, points) = rates.map_or((String::new(), String::new()), |(one, other)| {
        (format!("{one:.1}"), format!("{other:.0}"))
    });
    let _ = write!(out, "  {name:<26}{count:>8}{operations:>10}{points:>12} ");
    let values = [
        latency.min,
        latency.mean,
        latency.p50,
        latency.p95,
        latency.p99,
        latency.p999,
        latency.max,
    ];
    for value in values {
        let _ = write!(out, "{value:>9.2}");
    }
    out.push('\n');
}

/// What befell the server, and what it and the bench used, a line each.
pub(super) fn facts(run: &Run, out: &mut String) {
    if let Some(outage) = &run.outage {
        let down: Vec<String> = outage
            .down_seconds
            .iter()
            .map(|seconds| format!("{seconds:.1} s"))
            .collect();
        let caught_up = outage
            .catch_up_seconds
            .map_or("not caught up".to_owned(), |seconds| {
                format!("caught up {seconds:.1} s after its return")
            });
        let _ = writeln!(
            out,
            "  outage   away {}; {caught_up}; greatest lag {:.1} s",
            down.join(", "),
            outage.greatest_lag_seconds
        );
    }
    if let Some(drift) = &run.drift {
        let per_hour = |bytes: Option<f64>| {
            bytes.map_or("unknown".to_owned(), |bytes| {
                format!("{:+.2} MiB/h", bytes / MEBIBYTE)
            })
        };
        let _ = writeln!(
            out,
            "  drift    memory {}, disk {}, p99 {:.2} ms at first, {:.2} ms at last",
            per_hour(drift.memory_per_hour),
            per_hour(drift.disk_per_hour),
            drift.first_p99,
            drift.last_p99
        );
    }
    if let Some(usage) = &run.server_usage {
        let disk = usage.disk.map_or(String::new(), |bytes| {
            format!(", {:.1} MiB on disk", bytes as f64 / MEBIBYTE)
        });
        let _ = writeln!(
            out,
            "  server   {:.2} cores ({:.1} s), {:.1} MiB of memory at most{disk}",
            usage.cores,
            usage.cpu_seconds,
            usage.memory_peak as f64 / MEBIBYTE
        );
    }
    let own = &run.own_usage;
    let _ = writeln!(
        out,
        "  bench    {:.2} cores ({:.1} s), {:.1} MiB of memory at most",
        own.cores,
        own.cpu_seconds,
        own.memory_peak as f64 / MEBIBYTE
    );
}

const MEBIBYTE: f64 = 1_048_576.0;

/// What the verification found, a line, and some examples.
pub(super) fn verification_text(found: &Verification, out: &mut String) {
    let verdict = if found.passed() { "all there" } else { "WRONG" };
    let at_least = if found.estimated { "at least " } else { "" };
    let _ = writeln!(
        out,
        "  verified {verdict}: {} series, {} values acknowledged, {} stored; {at_least}{} missing, {} doubled, {} altered, {} never sent; {} unacknowledged ({:.1} s)",
        found.series,
        found.expected,
        found.stored,
        found.missing,
        found.doubled,
        found.altered,
        found.unexpected,
        found.uncertain,
        found.seconds
    );
    for example in &found.examples {
        let _ = writeln!(out, "           {example}");
    }
}
