//! What the types cannot say: names are unique, what is referred to exists, limits of the server.

use std::collections::BTreeSet;
use std::time::Duration;

use watchpost_service::config::{Problems, nearest};

use super::{Bucket, Platform, Task, Token};

/// InfluxDB refuses a retention below one hour.
const RETENTION_MIN: Duration = Duration::from_secs(3600);

/// Reports every problem of the file by its key.
pub(super) fn platform(platform: &Platform, problems: &mut Problems) {
    problems.require(
        !platform.organization.is_empty(),
        "organization",
        "must not be empty",
    );
    problems.require(
        !platform.label.is_empty(),
        "label",
        "must not be empty: it marks what is ours",
    );
    let buckets: BTreeSet<&str> = platform.buckets.iter().map(|it| it.name.as_str()).collect();
    names(
        problems,
        "buckets",
        platform.buckets.iter().map(|it| it.name.as_str()),
    );
    names(
        problems,
        "tasks",
        platform.tasks.iter().map(|it| it.name.as_str()),
    );
    names(
        problems,
        "tokens",
        platform.tokens.iter().map(|it| it.name.as_str()),
    );
    names(
        problems,
        "labels",
        platform.labels.iter().map(|it| it.name.as_str()),
    );
    names(
        problems,
        "checks",
        platform.checks.iter().map(|it| it.name.as_str()),
    );
    for (index, it) in platform.buckets.iter().enumerate() {
        bucket(it, index, platform, problems);
    }
    for (index, it) in platform.tasks.iter().enumerate() {
        task(it, index, problems);
    }
    for (index, it) in platform.tokens.iter().enumerate() {
        token(it, index, &buckets, problems);
    }
    dbrps(platform, &buckets, problems);
    checks(platform, problems);
    files(platform, problems);
}

fn dbrps(platform: &Platform, buckets: &BTreeSet<&str>, problems: &mut Problems) {
    for (index, it) in platform.dbrps.iter().enumerate() {
        let key = |name: &str| format!("dbrps.{index}.{name}");
        problems.require(
            !it.database.is_empty(),
            &key("database"),
            "must not be empty",
        );
        problems.require(
            !it.retention_policy.is_empty(),
            &key("retention_policy"),
            "must not be empty",
        );
        known_bucket(&it.bucket, &key("bucket"), buckets, problems);
    }
}

fn checks(platform: &Platform, problems: &mut Problems) {
    for (index, it) in platform.checks.iter().enumerate() {
        let key = |name: &str| format!("checks.{index}.{name}");
        problems.require(
            !it.file.is_empty(),
            &key("file"),
            "must name a file of Flux",
        );
        problems.require(
            !it.every.get().is_zero(),
            &key("every"),
            "must be longer than zero",
        );
        let any = it.critical_above.is_some() || it.warn_above.is_some();
        problems.require(
            any,
            &key("critical_above"),
            "a check needs critical_above or warn_above",
        );
    }
}

fn names<'a>(problems: &mut Problems, section: &str, names: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        let key = format!("{section}.{index}.name");
        if name.trim().is_empty() {
            problems.add(key, "must not be empty");
        } else if !seen.insert(name) {
            problems.add(
                key,
                format!("{name:?} is in this file twice; names are how resources are found"),
            );
        }
    }
}

fn bucket(bucket: &Bucket, index: usize, platform: &Platform, problems: &mut Problems) {
    let retention = bucket.retention.get();
    if !retention.is_zero() && retention < RETENTION_MIN {
        let key = format!("buckets.{index}.retention");
        problems.add(
            key,
            format!(
                "{} is too short: the server keeps points for at least 1h",
                bucket.retention
            ),
        );
    }
    if retention.subsec_nanos() != 0 {
        problems.add(
            format!("buckets.{index}.retention"),
            "must be whole seconds",
        );
    }
    if bucket.name.starts_with('_') {
        problems.add(
            format!("buckets.{index}.name"),
            "names that begin with _ belong to the server",
        );
    }
    if let Some(old) = &bucket.renamed_from
        && platform.buckets.iter().any(|it| &it.name == old)
    {
        let key = format!("buckets.{index}.renamed_from");
        problems.add(
            key,
            format!("{old:?} is still in this file; it cannot also be renamed"),
        );
    }
}

fn task(task: &Task, index: usize, problems: &mut Problems) {
    let key = |name: &str| format!("tasks.{index}.{name}");
    problems.require(
        !task.file.is_empty(),
        &key("file"),
        "must name a file of Flux",
    );
    if task.every.get() < Duration::from_secs(1) {
        problems.add(key("every"), "must be at least 1s");
    } else {
        problems.require(
            task.offset < task.every,
            &key("offset"),
            "must be shorter than `every`",
        );
    }
}

fn token(token: &Token, index: usize, buckets: &BTreeSet<&str>, problems: &mut Problems) {
    problems.require(
        !token.file.is_empty(),
        &format!("tokens.{index}.file"),
        "must name the file of the secret",
    );
    let needed = format!("tokens.{index}.permissions");
    problems.require(
        !token.permissions.is_empty(),
        &needed,
        "a token without permissions can do nothing",
    );
    for (nth, permission) in token.permissions.iter().enumerate() {
        if let Some(name) = &permission.name {
            known_bucket(
                name,
                &format!("tokens.{index}.permissions.{nth}"),
                buckets,
                problems,
            );
        }
    }
}

fn known_bucket(name: &str, key: &str, buckets: &BTreeSet<&str>, problems: &mut Problems) {
    if buckets.contains(name) {
        return;
    }
    let near = nearest(name, buckets.iter().copied());
    let hint = near.map_or_else(String::new, |it| format!("; did you mean {it:?}?"));
    problems.add(key, format!("no bucket {name:?} in this file{hint}"));
}

/// Two tokens in one file would overwrite each other.
fn files(platform: &Platform, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (index, token) in platform.tokens.iter().enumerate() {
        if !token.file.is_empty() && !seen.insert(&token.file) {
            problems.add(
                format!("tokens.{index}.file"),
                format!("{:?} is the file of another token too", token.file),
            );
        }
    }
}
