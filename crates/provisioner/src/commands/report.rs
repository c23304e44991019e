//! Commands that only tell: is the file valid, what does the server hold, how is it.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use tokio::time::MissedTickBehavior;
use watchpost_client::write::{Outcome, Precision};
use watchpost_service::config::Interval;
use watchpost_service::shutdown::Shutdown;

use super::{Context, now, print};
use crate::error::{Error, Result};
use crate::health;
use crate::observe::{Target, observe};
use crate::platform;
use crate::transfer;

/// The file was read and checked before; here the texts of its tasks are too.
pub(super) fn validate(context: &Context<'_>) -> Result<ExitCode> {
    if context.json() {
        print("{\"valid\":true}\n");
    } else {
        let it = context.platform;
        let (buckets, tasks, tokens) = (it.buckets.len(), it.tasks.len(), it.tokens.len());
        print(&format!(
            "Valid: {buckets} buckets, {tasks} tasks, {tokens} tokens.\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn export(
    context: &Context<'_>,
    folder: &Path,
    managed: bool,
) -> Result<ExitCode> {
    let target = context.target().await?;
    let observed = observe(&target, context.platform).await?;
    let exported = transfer::export(
        &target.org.name,
        &context.platform.label,
        &observed,
        managed,
    );
    let fail = |path: &Path, error: std::io::Error| {
        Error::Request(format!("cannot write {}: {error}", path.display()))
    };
    let mut written = vec![(
        folder.join("platform.toml"),
        platform::write(&exported.platform)?,
    )];
    written.extend(
        exported
            .files
            .into_iter()
            .map(|(name, text)| (folder.join(name), text)),
    );
    for (path, text) in &written {
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| fail(parent, error))?;
        fs::write(path, text).map_err(|error| fail(path, error))?;
        print(&format!("{}\n", path.display()));
    }
    for name in &exported.left_out {
        watchpost_service::cli::complain(format_args!(
            "watchpost-provisioner: the task {name:?} is left out: it has no `every`, and the file cannot tell a time \
             table (`cron`); it stays on the server as it is\n"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// `output` is the bucket that the points are written to, and whether they are printed as line protocol.
/// Once, or again and again until a signal: then a failure is told and the next time tried anew.
pub(super) async fn health(
    context: &Context<'_>,
    output: (Option<&str>, bool),
    every: Option<Interval>,
) -> Result<ExitCode> {
    let target = context.target().await?;
    let Some(every) = every else {
        report_health(context, &target, output).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals().ok();
    let mut clock = tokio::time::interval(every.get());
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while shutdown.unless_requested(clock.tick()).await.is_some() {
        let work = report_health(context, &target, output);
        if let Some(Err(error)) = shutdown.unless_requested(work).await {
            watchpost_service::cli::complain(format_args!("watchpost-provisioner: {error}\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn report_health(
    context: &Context<'_>,
    target: &Target,
    (bucket, line_protocol): (Option<&str>, bool),
) -> Result<()> {
    let buckets: Vec<String> = context
        .platform
        .buckets
        .iter()
        .map(|it| it.name.clone())
        .collect();
    let report = health::collect(&target.client, &buckets, now()).await?;
    for failure in &report.failures {
        watchpost_service::cli::complain(format_args!("watchpost-provisioner: {failure}\n"));
    }
    let points = report.points;
    let lines = watchpost_core::line_protocol::write_points(&points)
        .map_err(|error| Error::Request(format!("a point cannot be written: {error}")))?;
    let Some(bucket) = bucket else {
        match line_protocol {
            true => print(&String::from_utf8_lossy(&lines)),
            false if context.json() => print(&format!("{}\n", health::json(&points))),
            false => print(&health::text(&points)),
        }
        return Ok(());
    };
    let written = target.client.write(bucket, Precision::Nanoseconds, &lines);
    match written.await {
        Outcome::Done if context.json() => {
            let told = serde_json::json!({ "written": points.len(), "bucket": bucket });
            print(&format!("{told}\n"));
        }
        Outcome::Done => print(&format!("{} points written to {bucket}.\n", points.len())),
        Outcome::Refused {
            status, message, ..
        } => {
            return Err(Error::Request(format!(
                "the server refused the points: {message} ({status})"
            )));
        }
        other => {
            return Err(Error::Request(format!(
                "the points were not written: {other:?}"
            )));
        }
    }
    Ok(())
}
