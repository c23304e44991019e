//! The command line.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use watchpost_service::cli::{self, CommonArgs, ConfigCommand};
use watchpost_service::shutdown::Shutdown;

use crate::config::AlerterConfig;

/// Evaluates rules against the metrics and notifies people
#[derive(Debug, Parser)]
#[command(name = "watchpost-alerter", version)]
pub struct Arguments {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Evaluate rules and notify until stopped (the default)
    Run,
    #[command(flatten)]
    Config(ConfigCommand),
}

pub fn run(arguments: Arguments, environment: BTreeMap<String, String>) -> ExitCode {
    match &arguments.command {
        None | Some(Command::Run) => daemon(&arguments.common, environment),
        Some(Command::Config(command)) => {
            let sources = arguments.common.sources(environment);
            cli::answer::<AlerterConfig>(command, &sources, arguments.common.output).finish()
        }
    }
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
        crate::daemon::run(started.config, environment, shutdown).await
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the alerter cannot run");
            ExitCode::FAILURE
        }
    }
}
