//! What a configuration must hold beyond its types: whatever is accepted makes lines that a server takes.

use std::time::Duration;

use glob::Pattern;
use watchpost_client::tls::client_config;
use watchpost_core::catalogue::ITEM_TAGS;
use watchpost_core::line_protocol::name_problem;
use watchpost_service::config::{ByteSize, Interval, Problems};
use watchpost_service::secret::Secret;

use super::{AgentConfig, MAX_BATCH_LINES, PRIMARY_OUTPUT, check_programs};
use crate::collectors::checks::{MAX_CHECKS, Target};
use crate::filter::Filter;
use crate::pipeline::client;

/// Tags with a key of their own, and those that tell the points of one agent apart.
const OWN_TAGS: [&str; 7] = [
    "host",
    "region",
    "environment",
    "service",
    "metric_type",
    "output",
    "reason",
];

/// Keys that InfluxDB keeps for itself, beside those that begin with an underscore.
const TAGS_OF_INFLUXDB: [&str; 1] = ["time"];

/// Bytes of all tags together: a series key has at most 64 KiB, and a mount's path needs room in it.
const MAX_TAG_BYTES: usize = 16 * 1024;

/// The shortest time between collections.
pub(super) const SHORTEST: Duration = Duration::from_millis(100);
/// The longest time between collections: a host that is heard of less often is not watched.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The longest time of one collection: those after it wait for it.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The longest time of one check.
pub(super) const LONGEST_CHECK: Duration = Duration::from_secs(30);
/// The longest time that data or a writer may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The longest name of an output: it becomes the name of a folder.
const MAX_OUTPUT_NAME: usize = 64;

/// Reports what is wrong with `config`.
pub(super) fn check(config: &AgentConfig, problems: &mut Problems) {
    config.log.check("log", problems);
    outputs(config, problems);
    tags(config, problems);
    times(config, problems);
    amounts(config, problems);
    places(config, problems);
    globs(config, problems);
    checks(config, problems);
    check_programs::check(&config.collectors, problems);
}

fn outputs(config: &AgentConfig, problems: &mut Problems) {
    for (name, influx) in config.outputs() {
        let section = if name == PRIMARY_OUTPUT {
            name.clone()
        } else {
            format!("outputs.{name}")
        };
        let mut of_section = Problems::default();
        influx.check(&section, &mut of_section);
        let sound = of_section.is_empty();
        problems.append(of_section);
        if sound {
            if let Err(error) = client(&name, &influx) {
                problems.add(format!("{section}.url"), error.to_string());
            }
            token(&influx, &section, problems);
        }
    }
    for name in config.outputs.keys() {
        let spelled = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !spelled || name.is_empty() || name.len() > MAX_OUTPUT_NAME || name == PRIMARY_OUTPUT {
            problems.add(
                format!("outputs.{name}"),
                format!(
                    "a name has 1 to {MAX_OUTPUT_NAME} letters, digits, - and _, and is not {PRIMARY_OUTPUT:?}: it names a folder"
                ),
            );
        }
    }
}

/// A token travels in a header, which holds visible ASCII alone.
fn token(influx: &watchpost_service::config::InfluxConfig, section: &str, problems: &mut Problems) {
    let (key, token) = match &influx.token_file {
        Some(path) => ("token_file", Secret::from_file(path).unwrap_or_default()),
        None => ("token", influx.token.clone()),
    };
    if !token.reveal().chars().all(|c| c.is_ascii_graphic()) {
        problems.add(
            format!("{section}.{key}"),
            "a token has visible ASCII characters only",
        );
    }
}

fn tags(config: &AgentConfig, problems: &mut Problems) {
    let tags = &config.tags;
    if tags
        .host
        .as_deref()
        .is_some_and(|host| host.trim().is_empty())
    {
        problems.add(
            "tags.host",
            "must not be empty; leave it out for the name of the system",
        );
    }
    let own = [
        ("region", &tags.region),
        ("environment", &tags.environment),
        ("service", &tags.service),
    ];
    let own = own
        .into_iter()
        .chain(tags.host.as_ref().map(|host| ("host", host)));
    for (key, value) in own {
        if let Some(problem) = problem(value) {
            problems.add(
                format!("tags.{key}"),
                format!("the value {value:?} {problem}"),
            );
        }
    }
    for (key, value) in &tags.more {
        let place = format!("tags.more.{key}");
        if OWN_TAGS.contains(&key.as_str()) || ITEM_TAGS.contains(&key.as_str()) {
            problems.add(place, "is set by the agent itself; choose another name");
        } else if key.starts_with('_') || TAGS_OF_INFLUXDB.contains(&key.as_str()) {
            problems.add(
                place,
                "is a name that InfluxDB keeps for itself; choose another",
            );
        } else if let Some(problem) = problem(key).or_else(|| name_problem(key)) {
            problems.add(place, format!("the key {key:?} {problem}"));
        } else if let Some(problem) = problem(value) {
            problems.add(place, format!("the value {value:?} {problem}"));
        }
    }
    let bytes: usize = tags
        .resolve("")
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > MAX_TAG_BYTES {
        problems.add(
            "tags",
            format!("has {bytes} bytes in all; at most {MAX_TAG_BYTES}"),
        );
    }
}

/// Why a value (an empty one is no tag) cannot be written.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_control) {
        return Some("has a control character, such as a newline");
    }
    if text.is_empty() {
        None
    } else {
        name_problem(text)
    }
}

fn times(config: &AgentConfig, problems: &mut Problems) {
    let (collect, write) = (&config.collect, &config.write);
    within(
        "collect.interval",
        collect.interval,
        SHORTEST,
        LONGEST,
        problems,
    );
    if collect.jitter >= collect.interval {
        problems.add("collect.jitter", "must be shorter than collect.interval");
    }
    for (name, timing) in config.collectors.timings() {
        if let Some(interval) = timing.interval {
            within(
                &format!("collectors.{name}.interval"),
                interval,
                SHORTEST,
                LONGEST,
                problems,
            );
        }
        if let Some(timeout) = timing.timeout {
            let key = format!("collectors.{name}.timeout");
            within(
                &key,
                timeout,
                Duration::from_millis(1),
                LONGEST_TIMEOUT,
                problems,
            );
        }
    }
    let (none, least) = (Duration::ZERO, Duration::from_millis(10));
    for (key, value, least) in [
        ("write.flush_interval", write.flush_interval, least),
        ("write.flush_jitter", write.flush_jitter, none),
        ("write.backoff_min", write.backoff_min, least),
        ("write.backoff_max", write.backoff_max, least),
        ("write.drain_timeout", write.drain_timeout, none),
        ("buffer.sync_interval", config.buffer.sync_interval, least),
    ] {
        within(key, value, least, LONGEST_WAIT, problems);
    }
    if write.backoff_max < write.backoff_min {
        problems.add(
            "write.backoff_max",
            "must not be shorter than write.backoff_min",
        );
    }
}

pub(super) fn within(
    key: &str,
    value: Interval,
    least: Duration,
    most: Duration,
    problems: &mut Problems,
) {
    if value.get() < least {
        problems.add(key, format!("must be at least {}", Interval(least)));
    } else if value.get() > most {
        problems.add(key, format!("must be at most {}", Interval(most)));
    }
}

fn amounts(config: &AgentConfig, problems: &mut Problems) {
    if !(500..=MAX_BATCH_LINES).contains(&config.write.batch_lines) {
        problems.add(
            "write.batch_lines",
            format!("must be between 500 and {MAX_BATCH_LINES}"),
        );
    }
    problems.require(
        config.write.backlog_lines_per_second > 0,
        "write.backlog_lines_per_second",
        "must be at least 1, or a backlog would stay for ever",
    );
    let least = ByteSize::kibibytes(64);
    let message = "must be at least 64KiB";
    problems.require(
        config.buffer.memory_limit >= least,
        "buffer.memory_limit",
        message,
    );
    problems.require(
        config.buffer.disk_limit >= least,
        "buffer.disk_limit",
        message,
    );
    problems.require(
        config.collect.max_series > 0,
        "collect.max_series",
        "must be at least 1",
    );
}

fn places(config: &AgentConfig, problems: &mut Problems) {
    let root = &config.collect.host_root;
    if cfg!(target_os = "linux") && !root.join("proc").is_dir() {
        let root = root.display();
        problems.add(
            "collect.host_root",
            format!("there is no folder proc in {root}: nothing would be collected"),
        );
    }
    if let Some(folder) = config
        .buffer
        .directory
        .as_deref()
        .filter(|path| path.exists() && !path.is_dir())
    {
        problems.add(
            "buffer.directory",
            format!("{} is not a folder", folder.display()),
        );
    }
    if let Some(file) = &config.buffer.overflow_log {
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            problems.add(
                "buffer.overflow_log",
                format!("{} cannot be a file: its folder must exist", file.display()),
            );
        }
    }
}

fn globs(config: &AgentConfig, problems: &mut Problems) {
    for (name, include, exclude) in config.collectors.globs() {
        for (key, patterns) in [("include", include), ("exclude", exclude)] {
            for (index, pattern) in patterns.iter().enumerate() {
                let place = format!("collectors.{name}.{key}.{index}");
                if let Err(error) = Filter::new(std::slice::from_ref(pattern), &[]) {
                    problems.add(place, error.to_string());
                } else if pattern.is_empty() {
                    problems.add(place, "is empty and matches no name");
                }
            }
        }
        for (index, pattern) in include.iter().enumerate() {
            if let Some(hiding) = exclude.iter().find(|exclude| covers(exclude, pattern)) {
                problems.add(
                    format!("collectors.{name}.include.{index}"),
                    format!("{pattern:?} is left out again by {hiding:?} of collectors.{name}.exclude; set that too"),
                );
            }
        }
        if include.is_empty()
            && exclude
                .iter()
                .any(|pattern| pattern == "*" || pattern == "**")
        {
            problems.add(
                format!("collectors.{name}.exclude"),
                format!("leaves out everything; write collectors.{name}.enabled = false"),
            );
        }
    }
    for (index, pattern) in config
        .collectors
        .file_systems
        .exclude_types
        .iter()
        .enumerate()
    {
        if let Err(error) = Filter::new(std::slice::from_ref(pattern), &[]) {
            problems.add(
                format!("collectors.file_systems.exclude_types.{index}"),
                error.to_string(),
            );
        }
    }
}

fn checks(config: &AgentConfig, problems: &mut Problems) {
    let targets = &config.collectors.checks.targets;
    if targets.len() > MAX_CHECKS {
        let message = format!("has {} checks; at most {MAX_CHECKS}", targets.len());
        problems.add("collectors.checks.targets", message);
    }
    for (name, check) in targets {
        let key = format!("collectors.checks.targets.{name}");
        if let Some(problem) = problem(name).or_else(|| name_problem(name)) {
            problems.add(key.as_str(), format!("the name {name:?} {problem}"));
        }
        if let Err(error) = Target::parse(&check.target) {
            problems.add(format!("{key}.target"), error.to_string());
        }
        if let Some(Err(error)) = check
            .ca_file
            .as_deref()
            .map(|file| client_config(Some(file)))
        {
            problems.add(format!("{key}.ca_file"), error.to_string());
        }
        within(
            &format!("{key}.timeout"),
            check.timeout,
            SHORTEST,
            LONGEST_CHECK,
            problems,
        );
        if let Some(status) = check
            .status
            .iter()
            .find(|status| !(100..600).contains(*status))
        {
            problems.add(
                format!("{key}.status"),
                format!("{status} is not an HTTP status: 100 to 599"),
            );
        }
    }
}

/// Whether `exclude` matches all that `include` does. Only a star matches the wildcards of `include` whatever
/// they stand for, so a pattern with others is not judged, unless `include` has none.
fn covers(exclude: &str, include: &str) -> bool {
    let (plain, wild) = (
        !include.contains(['*', '?', '[']),
        exclude.contains(['?', '[']),
    );
    (plain || !wild) && Pattern::new(exclude).is_ok_and(|pattern| pattern.matches(include))
}
