//! Commands about the past: run a task for it, find what is missing of it.

use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use watchpost_service::cli::complain;
use watchpost_service::config::Interval;

use super::{Context, EXIT_DIFFERENT, now, print};
use crate::backfill;
use crate::cli::Moment;
use crate::error::{Error, Result};
use crate::gaps::{self, Buckets, Tier};
use crate::rollup::{self, Which};

pub(super) async fn backfill(
    context: &Context<'_>,
    name: &str,
    from: Moment,
    to: Option<Moment>,
) -> Result<ExitCode> {
    let tasks = &context.platform.tasks;
    let index = tasks.iter().position(|it| it.name == name).ok_or_else(|| {
        let known: Vec<&str> = tasks.iter().map(|it| it.name.as_str()).collect();
        Error::Request(format!(
            "the file has no task {name:?}; it has: {}",
            known.join(", ")
        ))
    })?;
    let now = now();
    let to = to.map_or(now, |it| it.resolve(now)).min(now);
    let runs = backfill::runs(&tasks[index], from.resolve(now), to)?;
    let (task, text) = (&tasks[index], &context.whole.tasks[index]);
    let target = context.target().await?;
    let size = backfill::batch_size(&target, task, text, &runs).await?;
    let bar = progress_bar(context, runs.len());
    let made = |windows: usize| bar.inc(windows as u64);
    backfill::run_all(&target, task, text, backfill::batches(&runs, size), made).await?;
    bar.finish_and_clear();
    if context.json() {
        print(&format!(
            "{}\n",
            serde_json::json!({ "task": name, "windows": runs.len() })
        ));
    } else {
        print(&format!(
            "{name}: {} windows in {:.1} s\n",
            runs.len(),
            bar.elapsed().as_secs_f64()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Drawn on standard error, and only on a terminal.
fn progress_bar(context: &Context<'_>, length: usize) -> ProgressBar {
    if context.json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} windows, {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub(super) async fn gaps(
    context: &Context<'_>,
    tier: Tier,
    from: Moment,
    to: Option<Moment>,
) -> Result<ExitCode> {
    let every = match tier {
        Tier::Hourly => 3_600_000_000_000,
        Tier::Daily => 86_400_000_000_000,
    };
    let now = now();
    // Only whole windows can be complete, and only those are what a backfill makes.
    let from = from.resolve(now);
    let from = (from.div_euclid(every) + i64::from(from.rem_euclid(every) != 0)) * every;
    let to = to.map_or(now, |it| it.resolve(now)).min(now);
    let to = to.div_euclid(every) * every;
    if from >= to {
        return Err(Error::Request("no whole window lies in that range".into()));
    }
    let target = context.target().await?;
    let found = gaps::find(&target.client, tier, &buckets(tier), from, to).await?;
    if context.json() {
        print(&format!("{}\n", serde_json::json!({ "gaps": found })));
    } else {
        for gap in &found {
            print(&format!(
                "{}  {}  {}: {} of {} points\n",
                gap.window, gap.host, gap.field, gap.target, gap.source
            ));
        }
        print(&match found.len() {
            0 => "No gaps.\n".to_owned(),
            n => format!("{n} gaps; `backfill` fills them.\n"),
        });
    }
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_DIFFERENT)
    })
}

fn buckets(tier: Tier) -> Buckets {
    let (source, target) = match tier {
        Tier::Hourly => ("system_metrics_raw", "system_metrics_1h"),
        Tier::Daily => ("system_metrics_1h", "system_metrics_1d"),
    };
    Buckets {
        source: source.to_owned(),
        target: target.to_owned(),
    }
}

/// Makes missing hours and days once, or again and again; what fails then is said, and tried the next time.
pub(super) async fn rollup(
    context: &Context<'_>,
    from: Moment,
    every: Option<Interval>,
    which: Which,
) -> Result<ExitCode> {
    let client = context.client()?;
    let kind = client.config().kind;
    if kind.runs_flux() {
        return Err(Error::Request(format!(
            "{} makes hours and days by its tasks: `apply` installs them, `backfill` runs them for the past",
            kind.title()
        )));
    }
    loop {
        let now = now();
        let made = rollup::run(&client, from.resolve(now), now, which).await;
        let Some(every) = every else {
            let [hours, days] = made?;
            print(&match context.json() {
                true => format!("{}\n", serde_json::json!({ "hours": hours, "days": days })),
                false => format!("{hours} hours and {days} days were made.\n"),
            });
            return Ok(ExitCode::SUCCESS);
        };
        match made {
            Ok([0, 0]) => {}
            Ok([hours, days]) => {
                complain(format_args!("{hours} hours and {days} days were made.\n"))
            }
            Err(error) => complain(format_args!("Hours and days were not made: {error}\n")),
        }
        tokio::time::sleep(every.get()).await;
    }
}
