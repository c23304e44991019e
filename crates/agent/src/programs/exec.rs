//! Commands whose output is metrics: run without a shell, each within its own time and beside the others.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_core::point::Point;
use watchpost_service::config::Interval;

use super::Intake;
use super::asked::{Answer, Asked};
use super::prometheus::{Format, Samples};
use crate::collectors::{CollectError, Collector, HostFiles, Points, command};

/// Commands at most: each has two threads while it runs.
pub const MAX_COMMANDS: usize = 20;

/// Bytes of a command's output.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// Points of a command's output.
const MAX_POINTS: usize = 2_000;

/// The measurement that says how each command ended.
const MEASUREMENT: &str = "exec";

/// What the output of a command is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Line protocol.
    #[default]
    Influx,
    /// Prometheus' text format.
    Prometheus,
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommandConfig {
    /// The program and its arguments: `["/usr/local/bin/queue-length", "--all"]`. There is no shell, and nothing of
    /// the agent's environment but a `PATH` of the system's folders.
    pub command: Vec<String>,
    /// What it prints: `influx` (line protocol) or `prometheus`.
    pub format: OutputFormat,
    /// Time it may take, 100ms to 30s. It is killed then, with what it started.
    pub timeout: Interval,
}

impl Default for CommandConfig {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            format: OutputFormat::default(),
            timeout: Interval::seconds(5),
        }
    }
}

/// The commands by name.
pub struct Exec {
    commands: BTreeMap<String, CommandConfig>,
    asked: Asked,
    intake: Intake,
}

impl Exec {
    /// Commands by name.
    pub fn new(commands: &BTreeMap<String, CommandConfig>, intake: Intake) -> Self {
        Self {
            commands: commands.clone(),
            asked: Asked::new("exec"),
            intake,
        }
    }
}

fn run(config: &CommandConfig, at: i64, intake: &Intake) -> Answer {
    let began = Instant::now();
    let points = output(config).and_then(|text| points(&text, config.format, at, intake));
    (points.map_err(|error| error.to_string()), began.elapsed())
}

fn output(config: &CommandConfig) -> io::Result<String> {
    let (program, arguments) = config
        .command
        .split_first()
        .ok_or_else(|| io::Error::other("there is no command"))?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = command::run(program, &arguments, config.timeout.get(), MAX_OUTPUT)?;
    match output.code {
        Some(0) => Ok(output.text),
        Some(code) => Err(io::Error::other(format!("it ended with {code}"))),
        None => Err(io::Error::other("a signal ended it")),
    }
}

fn points(text: &str, format: OutputFormat, at: i64, intake: &Intake) -> io::Result<Vec<Point>> {
    match format {
        OutputFormat::Prometheus => {
            let mut samples = Samples::new(Vec::new(), at);
            let taken = samples.take(text.as_bytes(), Format::Prometheus, MAX_POINTS, intake);
            taken.map_err(io::Error::other)?;
            Ok(samples.into_points())
        }
        OutputFormat::Influx => {
            let mut points = Vec::new();
            super::line::read(text.as_bytes(), at, intake, |point| {
                if points.len() >= MAX_POINTS {
                    return Err(point);
                }
                points.push(point);
                Ok(())
            });
            Ok(points)
        }
    }
}

impl Collector for Exec {
    fn name(&self) -> &'static str {
        "exec"
    }

    fn collect(
        &mut self,
        _files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let timeouts = self.commands.values().map(|config| config.timeout.get());
        let longest = timeouts.max().unwrap_or_default();
        let jobs = self.commands.iter().map(|(name, config)| {
            let (config, intake) = (config.clone(), self.intake.clone());
            (name.clone(), move || run(&config, at, &intake))
        });
        let jobs = jobs.collect();
        for outcome in self.asked.ask(jobs, longest, "it has not ended in time") {
            let command = outcome.name.as_str();
            match &outcome.points {
                Ok(_) if outcome.is_news => tracing::info!(command, "The command works again."),
                Err(why) if outcome.is_news => {
                    tracing::warn!(command, why, "The command gives nothing.");
                }
                _ => {}
            }
            points.push_point(
                Point::new(MEASUREMENT, at)
                    .tag("command", command)
                    .field("up", outcome.up())
                    .field("duration_seconds", outcome.took.as_secs_f64()),
            );
            for point in outcome.points.unwrap_or_default() {
                points.push_point(point);
            }
        }
        Ok(())
    }
}
