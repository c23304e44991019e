//! Reads a live server into a desired-state file, so that one that grew by hand can be kept in one.

use std::collections::BTreeMap;
use std::time::Duration;

use watchpost_service::config::Interval;

use crate::plan::Observed;
use crate::platform::{Bucket, Dbrp, Label, Platform, Task, Token};

/// A file of the export: its name from the folder of the desired state, and its text.
pub type TaskFile = (String, String);

/// What a live server is in a desired-state file.
#[derive(Debug)]
pub struct Export {
    pub platform: Platform,
    pub files: Vec<TaskFile>,
    /// Names of the tasks that the file cannot tell: those on a time table (`cron`), without `every`.
    pub left_out: Vec<String>,
}

/// The desired state that `observed` already fulfils, and the files of its tasks. With `managed`
/// only what carries our label.
#[must_use]
pub fn export(organization: &str, label: &str, observed: &Observed, managed: bool) -> Export {
    let wanted = |it: bool| it || !managed;
    let mut platform = Platform {
        organization: organization.into(),
        label: label.into(),
        ..Platform::default()
    };
    for bucket in observed.buckets.iter().filter(|it| wanted(it.managed)) {
        platform.buckets.push(Bucket {
            name: bucket.name.clone(),
            retention: Interval::seconds(bucket.retention_seconds),
            purpose: bucket.description.clone(),
            renamed_from: None,
        });
    }
    let own = |name: &str| name == label || name == format!("{label} lock");
    for it in observed.labels.iter().filter(|it| !own(&it.name)) {
        let properties: BTreeMap<String, String> = it.properties.iter().cloned().collect();
        platform.labels.push(Label {
            name: it.name.clone(),
            properties,
        });
    }
    for it in &observed.dbrps {
        let Some(bucket) = observed
            .buckets
            .iter()
            .find(|bucket| bucket.id == it.bucket_id)
        else {
            continue;
        };
        platform.dbrps.push(Dbrp {
            database: it.database.clone(),
            retention_policy: it.retention_policy.clone(),
            bucket: bucket.name.clone(),
            default: it.default,
        });
    }
    for it in &observed.tokens {
        platform.tokens.push(Token {
            name: it.name.clone(),
            used_by: String::new(),
            permissions: it
                .permissions
                .iter()
                .filter_map(|it| it.parse().ok())
                .collect(),
            file: format!("{}.token", it.name),
        });
    }
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for it in observed.tasks.iter().filter(|it| wanted(it.managed)) {
        let Some((task, text)) = take_task(&it.name, &it.flux, it.paused) else {
            left_out.push(it.name.clone());
            continue;
        };
        files.push((task.file.clone(), text));
        platform.tasks.push(task);
    }
    Export {
        platform,
        files,
        left_out,
    }
}

/// The line `option task = {…}` becomes keys, the rest the file. A task on a time table (`cron`)
/// has no `every` and cannot be told in the file.
fn take_task(name: &str, flux: &str, paused: bool) -> Option<(Task, String)> {
    let line = flux
        .lines()
        .find(|line| line.trim_start().starts_with("option task"))?;
    let value = |key: &str| {
        let (_, rest) = line.split_once(&format!("{key}:"))?;
        rest.split([',', '}'])
            .next()?
            .trim()
            .parse::<Interval>()
            .ok()
    };
    let every = value("every")?;
    let offset = value("offset").unwrap_or(Interval(Duration::ZERO));
    let text: Vec<&str> = flux.lines().filter(|it| *it != line).collect();
    let stem: String = name
        .chars()
        .map(|it| if it.is_alphanumeric() { it } else { '_' })
        .collect();
    let file = format!("tasks/{stem}.flux");
    let task = Task {
        name: name.to_owned(),
        file,
        every,
        offset,
        paused,
        ..Task::default()
    };
    Some((task, text.join("\n").trim().to_owned() + "\n"))
}
