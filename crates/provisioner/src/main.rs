//! `watchpost-provisioner`: read the command line, load the settings, run the command.

use std::process::ExitCode;

use clap::Parser;
use watchpost_provisioner::cli::{Cli, Command};
use watchpost_provisioner::platform::FileError;
use watchpost_provisioner::settings::Settings;
use watchpost_provisioner::{Error, commands};
use watchpost_service::cli::{self, Output};
use watchpost_service::config::{self, EXIT_BAD_CONFIG, environment};

/// As a shell tells of a program that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    watchpost_service::private_files::keep();
    let cli = Cli::parse();
    let sources = cli.common.sources(environment::environment());
    if let Command::Config(command) = &cli.command {
        return cli::answer::<Settings>(command, &sources, cli.common.output).finish();
    }
    let settings = match (&cli.command, config::load::<Settings>(&sources)) {
        (_, Ok(loaded)) => loaded.config,
        // Checking a file needs no server and no token.
        (Command::Validate, Err(_)) => Settings::default(),
        (_, Err(error)) => return cli::refusal(&error, cli.common.output).finish(),
    };
    match commands::run(&cli, &settings).await {
        Ok(code) => code,
        Err(error) => {
            tell(&error, cli.common.output);
            match error {
                Error::File(_) => ExitCode::from(EXIT_BAD_CONFIG),
                Error::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn tell(error: &Error, output: Output) {
    match output {
        Output::Human => eprintln!("watchpost-provisioner: {error}"),
        Output::Json => match error {
            Error::File(FileError::Content(found)) => {
                println!(
                    "{}",
                    serde_json::json!({ "error": error.to_string(), "problems": found.problems })
                );
            }
            _ => println!("{}", serde_json::json!({ "error": error.to_string() })),
        },
    }
}
