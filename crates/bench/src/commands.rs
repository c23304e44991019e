//! What a person or a script calls.

use std::path::Path;
use std::process::ExitCode;

use watchpost_service::cli::Output;
use watchpost_service::shutdown::Shutdown;

use crate::cli::{Cli, Command, RunArgs, Spawn};
use crate::null_server::{self, Answers};
use crate::report::{self, Report};
use crate::run::{self, Subject};
use crate::scenario;
use crate::settings::{ServerChoice, ServerConfig, Settings};
use crate::target;
use crate::{Error, Result};

/// Runs the command; the exit code says whether all is well.
pub async fn run(cli: &Cli, settings: &Settings) -> Result<ExitCode> {
    let output = cli.common.output;
    match &cli.command {
        Command::Run(arguments) => run_scenario(arguments, settings, output).await,
        Command::List => {
            list(output)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { name } => {
            watchpost_service::cli::print(scenario::source(name)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Compare {
            a,
            b,
            bound,
            across,
        } => {
            let (a, b) = (Report::read(a)?, Report::read(b)?);
            let comparison = report::compare(&a, &b, *bound, *across)?;
            match output {
                Output::Human => watchpost_service::cli::print(comparison.text()),
                Output::Json => watchpost_service::cli::print(format_args!(
                    "{}\n",
                    serde_json::json!(comparison)
                )),
            }
            Ok(exit_code(comparison.passed()))
        }
        Command::Table { reports } => {
            let reports: Result<Vec<Report>> =
                reports.iter().map(|path| Report::read(path)).collect();
            let table = report::table(&reports?);
            match output {
                Output::Human => watchpost_service::cli::print(table.markdown()),
                Output::Json => {
                    watchpost_service::cli::print(format_args!("{}\n", serde_json::json!(table)))
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Clean { server } => {
            let removed = target::clean(&chosen(settings, server)?)
                .await
                .map_err(Error::Server)?;
            match output {
                Output::Human => watchpost_service::cli::print(format_args!(
                    "{} buckets removed\n",
                    removed.len()
                )),
                Output::Json => watchpost_service::cli::print(format_args!(
                    "{}\n",
                    serde_json::json!({ "removed": removed })
                )),
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::NullServer { delayed } => {
            let served = null_server::serve(answers(*delayed)).await;
            served.map_err(|error| Error::Engine(error.to_string()))?;
            Ok(ExitCode::SUCCESS)
        }
        // Answered before any configuration is loaded.
        Command::Config(_) => Ok(ExitCode::SUCCESS),
    }
}

fn list(output: Output) -> Result<()> {
    let all = scenario::list()?;
    match output {
        Output::Human => {
            for one in &all {
                watchpost_service::cli::print(format_args!("{:<26}{}\n", one.name, one.about));
            }
        }
        Output::Json => watchpost_service::cli::print(format_args!("{}\n", serde_json::json!(all))),
    }
    Ok(())
}

async fn run_scenario(
    arguments: &RunArgs,
    settings: &Settings,
    output: Output,
) -> Result<ExitCode> {
    let mut scenario = scenario::find(&arguments.scenario)?;
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    if let Some(duration) = arguments.duration {
        scenario = scenario.lasting(duration);
        scenario.require_valid()?;
    }
    let subjects = subjects(arguments, settings)?;
    let stop = Shutdown::new();
    if let Err(error) = stop.listen_for_signals() {
        watchpost_service::cli::complain(format_args!(
            "watchpost-bench: Ctrl-C will not clean up: {error}\n"
        ));
    }
    let report = run::run(&scenario, &subjects, arguments.rounds, &stop).await?;
    match output {
        Output::Human => watchpost_service::cli::print(report::text(&report)),
        Output::Json => watchpost_service::cli::print(report.json()),
    }
    if let Some(path) = &arguments.json {
        write(path, &report.json())?;
    }
    if let Some(path) = &arguments.html {
        write(path, &report::html(&report))?;
    }
    Ok(exit_code(report.passed()))
}

/// The servers of a run, in the order they take turns.
fn subjects(arguments: &RunArgs, settings: &Settings) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    let like = Box::new(settings.influx.clone());
    match arguments.spawn {
        Some(Spawn::Engine) => subjects.push(Subject::Engine(arguments.engine.clone(), like)),
        Some(spawn @ (Spawn::Null | Spawn::Delayed)) => {
            subjects.push(Subject::Null(answers(spawn == Spawn::Delayed), like));
        }
        None => {}
    }
    let default = [ServerChoice::Configured("influx".into())];
    let choices: &[ServerChoice] = match (arguments.server.is_empty(), arguments.spawn) {
        (true, None) => &default,
        _ => &arguments.server,
    };
    for choice in choices {
        let server = chosen(settings, choice)?;
        if !arguments.allow_remote {
            target::require_loopback(&server)?;
        }
        subjects.push(Subject::Server(choice.name().to_owned(), Box::new(server)));
    }
    Ok(subjects)
}

fn answers(delayed: bool) -> Answers {
    if delayed {
        Answers::Delayed
    } else {
        Answers::AtOnce
    }
}

fn chosen(settings: &Settings, choice: &ServerChoice) -> Result<ServerConfig> {
    match choice {
        ServerChoice::Described(_, server) => Ok((**server).clone()),
        ServerChoice::Configured(name) => match settings.servers.get(name) {
            Some(server) => Ok(server.clone()),
            None if name == "influx" => Ok(settings.influx.clone()),
            None => Err(Error::UnknownServer(name.clone())),
        },
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| Error::File {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn exit_code(passed: bool) -> ExitCode {
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
