//! The command line: one file a family of commands.

mod backtest;
mod consequence;
mod explanation;
mod receiver;
mod remote;
mod rule;
mod setting;
mod status;
mod table;
mod test;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use watchpost_service::cli::{self, CommonArgs, ConfigCommand};
use watchpost_service::config::{self, ConfigError, RoleConfig};
use watchpost_service::ping;
use watchpost_service::shutdown::Shutdown;

use crate::config::{AlerterConfig, AskingConfig, RulesConfig};
use crate::rule_file::RuleFile;
use crate::rule_files;

/// Evaluates rules against the metrics and sends notifications.
///
/// Without a command it runs. `alerts`, `silence`, `ack`, `explain`, `history` and `status` ask a
/// running alerter through its API; `rule`, `receiver`, `test` and `backtest` need none.
#[derive(Debug, Parser)]
#[command(name = "watchpost-alerter", version)]
pub struct Arguments {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub target: Target,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which running alerter is asked.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Asking a running alerter")]
pub struct Target {
    /// Base URL of its API [default: http:// and api.listen of the configuration]
    #[arg(long, global = true, value_name = "URL", env = "ALERTER_URL")]
    pub api: Option<String>,
    /// File with its token, for changes [default: api.token_file of the configuration]
    // The parser of paths refuses an empty variable, which means nothing here.
    #[arg(long, global = true, value_name = "FILE", env = "ALERTER_TOKEN_FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Evaluate rules and notify until stopped (the default)
    Run,
    #[command(flatten)]
    Config(ConfigCommand),
    /// List alerts
    Alerts(remote::AlertsArguments),
    /// Make, list and expire silences
    #[command(subcommand)]
    Silence(remote::SilenceCommand),
    /// Acknowledge an alert, or withdraw that
    #[command(subcommand)]
    Ack(remote::AckCommand),
    /// Explain why an alert was or was not sent, and what is due next
    Explain {
        /// Of the alert or the series, as `alerts` and `history` print it
        fingerprint: String,
    },
    /// List what happened, newest first
    History(remote::HistoryArguments),
    /// Show the alerter's status
    Status,
    /// Ask the running alerter whether it answers; exit code 1 if it does not (for the health check of a container)
    Ping,
    /// Look at rules and at the queries that are made of them
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// Try receivers out
    #[command(subcommand)]
    Receiver(receiver::ReceiverCommand),
    /// Play timelines: rules and routes on a virtual clock; exit code 1 if one differs
    Test(test::TestArguments),
    /// Replay a rule over stored history and count what it would have sent
    Backtest(backtest::BacktestArguments),
}

/// A command's mistake, told on standard error: exit code 64 for the configuration, else 1.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{0}")]
    Message(String),
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<String> for CommandError {
    fn from(message: String) -> CommandError {
        CommandError::Message(message)
    }
}

pub fn run(arguments: Arguments, environment: BTreeMap<String, String>) -> ExitCode {
    let common = &arguments.common;
    let output = common.output;
    let result = match &arguments.command {
        None | Some(Command::Run) => return daemon(common, environment),
        Some(Command::Config(command)) => {
            return cli::answer::<AlerterConfig>(command, &common.sources(environment), output)
                .finish();
        }
        Some(Command::Ping) => configuration::<AskingConfig>(common, &environment)
            .map(|config| ping::answer(config.0.api.listen.listen, false)),
        Some(Command::Rule(command)) => rule_configuration(command, common, &environment)
            .and_then(|config| rule::run(command, &config, output)),
        Some(Command::Test(arguments)) => test::run(arguments, output),
        Some(Command::Receiver(command)) => configuration::<AlerterConfig>(common, &environment)
            .and_then(|config| block_on(receiver::run(command, &config, environment, output))),
        Some(Command::Backtest(arguments)) => configuration::<AlerterConfig>(common, &environment)
            .and_then(|config| block_on(backtest::run(arguments, &config, output))),
        Some(asked) => configuration::<AskingConfig>(common, &environment)
            .and_then(|config| block_on(remote::run(asked, &arguments.target, &config.0, output))),
    };
    result.unwrap_or_else(|error| match error {
        CommandError::Configuration(error) => cli::refusal(&error, output).finish(),
        other => {
            watchpost_service::cli::complain(format_args!("error: {other}\n"));
            ExitCode::FAILURE
        }
    })
}

fn configuration<C: RoleConfig>(
    common: &CommonArgs,
    environment: &BTreeMap<String, String>,
) -> Result<C, CommandError> {
    let loaded = config::load::<C>(&common.sources(environment.clone()))?;
    Ok(loaded.config)
}

/// With a rule file of its own, the command does not need that of the configuration.
fn rule_configuration(
    command: &rule::RuleCommand,
    common: &CommonArgs,
    environment: &BTreeMap<String, String>,
) -> Result<AlerterConfig, CommandError> {
    if command.file().is_some() {
        Ok(configuration::<AskingConfig>(common, environment)?.0)
    } else {
        configuration(common, environment)
    }
}

/// The rule file of the configuration, or another one.
fn rule_file(config: &AlerterConfig, other: Option<&PathBuf>) -> Result<RuleFile, CommandError> {
    let rules = match other {
        None => config.rules.clone(),
        Some(file) => RulesConfig {
            file: file.clone(),
            own: Vec::new(),
        },
    };
    Ok(rule_files::read(&rules).map_err(|mistakes| mistakes.join("\n"))?)
}

fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

fn daemon(common: &CommonArgs, environment: BTreeMap<String, String>) -> ExitCode {
    let started = match cli::start::<AlerterConfig>(common, environment.clone()) {
        Ok(started) => started,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        let shutdown = Shutdown::new();
        shutdown.listen_for_signals()?;
        crate::daemon::run(started, environment, shutdown).await
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the alerter cannot run");
            ExitCode::FAILURE
        }
    }
}

/// Prints JSON on one line, or text for people.
fn print(output: cli::Output, json: &serde_json::Value, human: impl FnOnce() -> String) {
    use std::io::Write as _;
    let text = match output {
        cli::Output::Json => format!("{json}\n"),
        cli::Output::Human => human(),
    };
    // A reader that has left (`| head`) is no mistake.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
