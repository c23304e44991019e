//! Commands that only tell: is the file valid, what does the server hold, how is it.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use watchpost_client::write::{Outcome, Precision};
use watchpost_core::line_protocol;

use super::{Context, now, print};
use crate::error::{Error, Result};
use crate::health;
use crate::observe::observe;
use crate::platform;
use crate::transfer;

/// The file was read and checked before; here the texts of its tasks are too.
pub(super) fn validate(context: &Context<'_>) -> Result<ExitCode> {
    let desired = context.desired()?;
    if context.json() {
        print("{\"valid\":true}\n");
    } else {
        let it = context.platform;
        let (buckets, tasks, tokens) = (it.buckets.len(), desired.tasks.len(), it.tokens.len());
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
    let (exported, files) = transfer::export(
        &target.org.name,
        &context.platform.label,
        &observed,
        managed,
    );
    let fail = |path: &Path, error: std::io::Error| {
        Error::Request(format!("cannot write {}: {error}", path.display()))
    };
    let mut written = vec![(folder.join("platform.toml"), platform::write(&exported)?)];
    written.extend(
        files
            .into_iter()
            .map(|(name, text)| (folder.join(name), text)),
    );
    for (path, text) in &written {
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| fail(parent, error))?;
        fs::write(path, text).map_err(|error| fail(path, error))?;
        print(&format!("{}\n", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn health(context: &Context<'_>, bucket: Option<&str>) -> Result<ExitCode> {
    let target = context.target().await?;
    let buckets: Vec<String> = context
        .platform
        .buckets
        .iter()
        .map(|it| it.name.clone())
        .collect();
    let points = health::collect(&target.client, &buckets, now()).await?;
    let lines = line_protocol::write_points(&points)
        .map_err(|error| Error::Request(format!("a point cannot be written: {error}")))?;
    let Some(bucket) = bucket else {
        print(&String::from_utf8_lossy(&lines));
        return Ok(ExitCode::SUCCESS);
    };
    match target
        .client
        .write(bucket, Precision::Nanoseconds, &lines)
        .await
    {
        Outcome::Done => {
            print(&format!("{} points written to {bucket}.\n", points.len()));
            Ok(ExitCode::SUCCESS)
        }
        other => Err(Error::Request(format!(
            "the points were not written: {other:?}"
        ))),
    }
}
