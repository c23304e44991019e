//! What the agent reports of itself: gathered, written and lost, how full its buffers are, what it costs. The
//! same numbers as on `/metrics`, written with all others, so that a dashboard shows the agents of a fleet
//! and the past tells when one lost data.

use std::collections::BTreeMap;

use watchpost_core::catalogue::MEASUREMENT_AGENT;

use super::row::Row;
use super::{CollectError, Collector, HostFiles, Points};
use crate::metrics::{AgentMetrics, WritingMetrics};

/// Reads the self-metrics.
pub struct SelfMetrics {
    metrics: AgentMetrics,
    /// Requests and their seconds at the previous point, by output.
    previous: BTreeMap<String, (u64, f64)>,
}

impl SelfMetrics {
    /// Reads `metrics`.
    pub fn new(metrics: AgentMetrics) -> Self {
        Self {
            metrics,
            previous: BTreeMap::new(),
        }
    }

    /// What the agent costs, where the system tells.
    fn cost(&self, at: i64) -> Row {
        let (cpu, memory) = (
            self.metrics.process_cpu_seconds.get(),
            self.metrics.process_resident_bytes.get(),
        );
        if memory == 0.0 {
            return row(at);
        }
        row(at)
            .float("cpu_seconds", cpu)
            .integer("memory_bytes", memory as u64)
    }

    /// What programs sent, by the collectors that took something.
    fn intakes(&self, at: i64, points: &mut Points) {
        let collecting = &self.metrics.collecting;
        for (labels, taken) in collecting.lines_taken.all() {
            let [collector] = &labels[..] else { continue };
            let refused = collecting.lines_refused.with(&[collector]).get();
            if taken.get() + refused > 0 {
                points.push(
                    row(at)
                        .tag("collector", collector)
                        .integer("lines_taken", taken.get())
                        .integer("lines_refused", refused),
                );
            }
        }
    }

    /// What one output wrote and holds.
    fn output(&mut self, output: &str, at: i64) -> Row {
        let writing = &self.metrics.writing;
        let failed: u64 = ["retry", "refused"]
            .map(|outcome| writing.writes.with(&[output, outcome]).get())
            .iter()
            .sum();
        let mut row = row(at)
            .tag("output", output)
            .integer("lines_written", writing.lines_written.with(&[output]).get())
            .integer("writes", writing.writes.with(&[output, "written"]).get())
            .integer("writes_failed", failed)
            .integer("queue_corrupt", writing.queue_corrupt.with(&[output]).get());
        for place in ["memory", "disk"] {
            let lines = writing.buffer_lines.with(&[output, place]).get();
            let bytes = writing.buffer_bytes.with(&[output, place]).get();
            row = row
                .integer(&format!("buffer_{place}_lines"), lines as u64)
                .integer(&format!("buffer_{place}_bytes"), bytes as u64);
        }
        match self.latency(output) {
            Some(milliseconds) => row.float("write_latency_ms", milliseconds),
            None => row,
        }
    }

    /// Mean time of the requests since the previous point; `None` if there was none.
    fn latency(&mut self, output: &str) -> Option<f64> {
        let histogram = self.metrics.writing.write_seconds.with(&[output]);
        let now = (histogram.count(), histogram.sum());
        let before = self.previous.insert(output.to_owned(), now);
        let (count, seconds) = before.unwrap_or_default();
        let requests = now.0.saturating_sub(count);
        (requests > 0).then(|| 1000.0 * (now.1 - seconds) / requests as f64)
    }
}

impl Collector for SelfMetrics {
    fn name(&self) -> &'static str {
        "agent"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let collecting = &self.metrics.collecting;
        let overdue = collecting.collections.all();
        let overdue = overdue.filter(|(labels, _)| labels.iter().any(|label| label == "stale"));
        points.push(
            row(at)
                .integer("lines_gathered", collecting.lines_gathered.get())
                .integer("series", collecting.series.get() as u64)
                .integer("points_refused", collecting.points_refused.get())
                .integer("collections_overdue", overdue.map(|(_, it)| it.get()).sum())
                .integer(
                    "ticks_skipped",
                    collecting.ticks_skipped.all().map(|(_, it)| it.get()).sum(),
                ),
        );
        points.push(self.cost(at));
        self.intakes(at, points);
        for output in outputs(&self.metrics.writing) {
            let row = self.output(&output, at);
            points.push(row);
        }
        for (labels, lines) in self.metrics.writing.lines_dropped.all() {
            if let [output, reason] = &labels[..] {
                points.push(
                    row(at)
                        .tag("output", output)
                        .tag("reason", reason)
                        .integer("lines_dropped", lines.get()),
                );
            }
        }
        Ok(())
    }
}

/// The outputs that have tried to write.
fn outputs(writing: &WritingMetrics) -> Vec<String> {
    let written = writing.lines_written.all();
    written
        .filter_map(|(labels, _)| labels.into_iter().next())
        .collect()
}

fn row(at: i64) -> Row {
    Row::of(MEASUREMENT_AGENT, at)
}
