//! What the sections of programs must hold beyond their types.

use std::net::ToSocketAddrs as _;
use std::path::Path;

use watchpost_client::tls::client_config;
use watchpost_core::line_protocol::name_problem;
use watchpost_service::config::Problems;

use super::check::{LONGEST_CHECK, SHORTEST, problem, within};
use super::collectors::CollectorsConfig;
use crate::collectors::checks::Target;
use crate::filter::Filter;
use crate::programs::exec::MAX_COMMANDS;
use crate::programs::logs::{MAX_LOGS, MAX_PATTERNS};
use crate::programs::prometheus::scrape::MAX_TARGETS;

/// Bytes of the path of a Unix socket (`sun_path` of unix(7), with its end).
const MAX_SOCKET_PATH: usize = 107;

/// Reports what is wrong.
pub(super) fn check(config: &CollectorsConfig, problems: &mut Problems) {
    statsd(config, problems);
    otlp(config, problems);
    prometheus(config, problems);
    exec(config, problems);
    logs(config, problems);
    let line_protocol = &config.line_protocol;
    problems.require(
        !line_protocol.enabled || line_protocol.socket.is_some(),
        "collectors.line_protocol.socket",
        "must be set: it is where programs connect",
    );
    if let Some(path) = &line_protocol.socket {
        socket("collectors.line_protocol.socket", path, problems);
    }
    for (key, count) in [
        ("statsd.max_series", config.statsd.max_series),
        ("otlp.max_series", config.otlp.max_series),
        ("textfile.max_samples", config.textfile.max_samples),
    ] {
        problems.require(
            count > 0,
            &format!("collectors.{key}"),
            "must be at least 1",
        );
    }
    for (index, folder) in config.textfile.folders.iter().enumerate() {
        let key = format!("collectors.textfile.folders.{index}");
        problems.require(folder.is_absolute(), &key, "must begin with /");
    }
}

fn statsd(config: &CollectorsConfig, problems: &mut Problems) {
    let statsd = &config.statsd;
    // A name need not resolve where the configuration is checked; its form must be right.
    let port = statsd
        .address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    if !statsd.address.is_empty() && port.is_none() {
        let message = format!("{:?} is no HOST:PORT", statsd.address);
        problems.add("collectors.statsd.address", message);
    } else if statsd.enabled
        && !statsd.address.is_empty()
        && let Err(error) = statsd.address.to_socket_addrs()
    {
        let message = format!("{:?} is no address: {error}", statsd.address);
        problems.add("collectors.statsd.address", message);
    }
    problems.require(
        !statsd.enabled || !statsd.address.is_empty() || statsd.socket.is_some(),
        "collectors.statsd.address",
        "must be set, or collectors.statsd.socket: there is nothing to listen on",
    );
    if let Some(path) = &statsd.socket {
        socket("collectors.statsd.socket", path, problems);
    }
    let good = statsd.percentiles.iter().all(|it| (1..100).contains(it));
    problems.require(
        good,
        "collectors.statsd.percentiles",
        "must be between 1 and 99 each",
    );
}

fn socket(key: &str, path: &Path, problems: &mut Problems) {
    problems.require(path.is_absolute(), key, "must begin with /");
    let length = path.as_os_str().len();
    if length > MAX_SOCKET_PATH {
        let message =
            format!("has {length} bytes; the path of a socket has at most {MAX_SOCKET_PATH}");
        problems.add(key, message);
    }
}

fn otlp(config: &CollectorsConfig, problems: &mut Problems) {
    for (index, pattern) in config.otlp.resource_attributes.iter().enumerate() {
        if let Err(error) = Filter::new(std::slice::from_ref(pattern), &[]) {
            let key = format!("collectors.otlp.resource_attributes.{index}");
            problems.add(key, error.to_string());
        }
    }
}

fn prometheus(config: &CollectorsConfig, problems: &mut Problems) {
    let targets = &config.prometheus.targets;
    at_most("prometheus.targets", targets.len(), MAX_TARGETS, problems);
    for (name, target) in targets {
        let key = format!("collectors.prometheus.targets.{name}");
        named(&key, name, problems);
        match Target::parse(&target.url) {
            Err(error) => problems.add(format!("{key}.url"), error.to_string()),
            Ok(_) if !target.url.starts_with("http") => {
                problems.add(format!("{key}.url"), "must be http://… or https://…");
            }
            Ok(_) => {}
        }
        let file = target.ca_file.as_deref();
        if let Some(Err(error)) = file.map(|file| client_config(Some(file))) {
            problems.add(format!("{key}.ca_file"), error.to_string());
        }
        let timeout = format!("{key}.timeout");
        within(&timeout, target.timeout, SHORTEST, LONGEST_CHECK, problems);
        problems.require(
            target.max_samples > 0,
            &format!("{key}.max_samples"),
            "must be at least 1",
        );
    }
}

fn exec(config: &CollectorsConfig, problems: &mut Problems) {
    let commands = &config.exec.commands;
    at_most("exec.commands", commands.len(), MAX_COMMANDS, problems);
    for (name, command) in commands {
        let key = format!("collectors.exec.commands.{name}");
        named(&key, name, problems);
        let program = command.command.first();
        problems.require(
            program.is_some_and(|program| !program.is_empty()),
            &format!("{key}.command"),
            "must name a program: [\"/usr/local/bin/queue-length\", \"--all\"]",
        );
        let timeout = format!("{key}.timeout");
        within(&timeout, command.timeout, SHORTEST, LONGEST_CHECK, problems);
    }
}

fn logs(config: &CollectorsConfig, problems: &mut Problems) {
    let files = &config.logs.files;
    at_most("logs.files", files.len(), MAX_LOGS, problems);
    for (name, log) in files {
        let key = format!("collectors.logs.files.{name}");
        named(&key, name, problems);
        if !log.path.starts_with('/') {
            problems.add(format!("{key}.path"), "must begin with /");
        } else if let Err(error) = glob::Pattern::new(&log.path) {
            problems.add(format!("{key}.path"), format!("is no glob: {error}"));
        }
        let patterns = format!("logs.files.{name}.patterns");
        at_most(&patterns, log.patterns.len(), MAX_PATTERNS, problems);
        for (pattern, text) in &log.patterns {
            let key = format!("{key}.patterns.{pattern}");
            named(&key, pattern, problems);
            let is_empty = text.chars().all(|any| any == '*');
            problems.require(
                !is_empty,
                &key,
                "matches every line; write what a line holds",
            );
        }
    }
}

fn at_most(key: &str, count: usize, most: usize, problems: &mut Problems) {
    if count > most {
        let message = format!("has {count} entries; at most {most}");
        problems.add(format!("collectors.{key}"), message);
    }
}

/// A name that becomes the value of a tag.
fn named(key: &str, name: &str, problems: &mut Problems) {
    if let Some(problem) = problem(name).or_else(|| name_problem(name)) {
        problems.add(key, format!("the name {name:?} {problem}"));
    }
}
