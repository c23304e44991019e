//! Live progress on the terminal: a bar, the rate, and a sparkline of the latency. Nothing is shown
//! where standard error is no terminal.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use crate::load::{Recorder, Tick};

const EVERY: Duration = Duration::from_millis(250);

/// Seconds a sparkline shows.
const SPARKS: usize = 24;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar that follows a record until it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    /// Follows `recorder` up to `count` operations.
    pub(crate) fn follow(title: String, count: u64, recorder: &Arc<Recorder>) -> Self {
        let bar = ProgressBar::new(count);
        let template = "{prefix} {wide_bar} {pos}/{len} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(title);
        let (shown, recorder) = (bar.clone(), Arc::clone(recorder));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                let (done, timeline) = recorder.progress();
                shown.set_position(done);
                if let Some(last) = timeline.last() {
                    shown.set_message(format!(
                        "{}/s  p99 {:.1} ms {}",
                        last.points,
                        last.p99,
                        sparkline(&timeline)
                    ));
                }
            }
        });
        Self { bar, task }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

/// The 99th percentiles of the last seconds, from the lowest to the highest of them.
fn sparkline(timeline: &[Tick]) -> String {
    let recent = &timeline[timeline.len().saturating_sub(SPARKS)..];
    let highest = recent.iter().map(|tick| tick.p99).fold(0.0, f64::max);
    let level = |tick: &Tick| {
        let share = if highest > 0.0 {
            tick.p99 / highest
        } else {
            0.0
        };
        LEVELS[((share * 7.0).round() as usize).min(7)]
    };
    recent.iter().map(level).collect()
}
