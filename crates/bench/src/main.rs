//! `watchpost-bench`: read the command line, load the settings, run the command.

use std::process::ExitCode;

use clap::Parser;
use watchpost_bench::cli::{Cli, Command};
use watchpost_bench::settings::Settings;
use watchpost_bench::{Error, commands};
use watchpost_service::cli::{self, Output};
use watchpost_service::config::{EXIT_BAD_CONFIG, environment};

#[tokio::main]
async fn main() -> ExitCode {
    watchpost_service::private_files::keep();
    let cli = Cli::parse();
    let environment = environment::environment();
    if let Command::Config(command) = &cli.command {
        let sources = cli.common.sources(environment);
        return cli::answer::<Settings>(command, &sources, cli.common.output).finish();
    }
    // What needs no server needs no valid configuration of one either.
    let needs_server = matches!(cli.command, Command::Run(_) | Command::Clean { .. });
    let settings = match needs_server {
        true => match cli::start::<Settings>(&cli.common, environment) {
            Ok(started) => started.config,
            Err(code) => return code,
        },
        false => Settings::default(),
    };
    match commands::run(&cli, &settings).await {
        Ok(code) => code,
        Err(error) => {
            match cli.common.output {
                Output::Human => {
                    watchpost_service::cli::complain(format_args!("watchpost-bench: {error}\n"))
                }
                Output::Json => watchpost_service::cli::print(format_args!(
                    "{}\n",
                    serde_json::json!({ "error": error.to_string() })
                )),
            }
            match error {
                Error::Engine(_) | Error::Server(_) | Error::Compare(_) => ExitCode::FAILURE,
                _ => ExitCode::from(EXIT_BAD_CONFIG),
            }
        }
    }
}
