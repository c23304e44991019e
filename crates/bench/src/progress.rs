//! Live progress on the terminal: a bar, the rate, and a sparkline of the latency. Nothing is shown
//! where standard error is no terminal.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::load::{Plan, Recorder, Tick};

const EVERY: Duration = Duration::from_millis(250);

/// Seconds a sparkline shows.
const SPARKS: usize = 24;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar that follows a load until it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    task: Option<JoinHandle<()>>,
}

impl Progress {
    /// Follows `recorder` to the end of the plan: that of its time where it has one and no rate,
    /// that of its operations otherwise.
    pub(crate) fn follow(title: String, plan: &Plan, recorder: &Arc<Recorder>) -> Self {
        let time = plan.duration.filter(|_| plan.rate.is_none());
        let whole = time.map_or(plan.count, |time| time.as_millis() as u64);
        let bar = ProgressBar::new(whole);
        let style =
            ProgressStyle::with_template("{prefix:<30} {bar:32.cyan/dim} {percent:>3} %  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix(title);
        let (shown, recorder) = (bar.clone(), Arc::clone(recorder));
        let start = Instant::now();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                let (done, timeline) = recorder.progress();
                let elapsed = start.elapsed();
                shown.set_position(time.map_or(done, |_| elapsed.as_millis() as u64));
                shown.set_message(message(elapsed, &timeline));
            }
        });
        Self {
            bar,
            task: Some(task),
        }
    }

    /// Shows that something goes on that has no measure.
    pub(crate) fn wait(title: String) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{prefix} {spinner} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(title);
        bar.enable_steady_tick(EVERY);
        Self { bar, task: None }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.bar.finish_and_clear();
    }
}

/// The last second's rate and latency, each of a fixed width so that nothing jumps.
fn message(elapsed: Duration, timeline: &[Tick]) -> String {
    let seconds = elapsed.as_secs();
    let Some(last) = timeline.last() else {
        return format!("{seconds:>4} s");
    };
    format!(
        "{seconds:>4} s {:>9}/s  p99 {:>8.1} ms  {}",
        last.points,
        last.p99,
        sparkline(timeline)
    )
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::message;
    use crate::load::Tick;

    #[test]
    fn a_second_is_told_with_the_latencies_before_it() {
        let tick = |p99| Tick {
            points: 5_000,
            p99,
            ..Tick::default()
        };
        let told = message(Duration::from_secs(12), &[tick(1.0), tick(7.0), tick(3.5)]);
        assert_eq!(told, "  12 s      5000/s  p99      3.5 ms  ▂█▅");
        assert_eq!(message(Duration::from_secs(1), &[]), "   1 s");
    }
}
