//! `watchpost-provisioner`: read the command line, load the settings, run the command.

use std::process::ExitCode;

use clap::Parser;
use watchpost_provisioner::cli::{Cli, Command};
use watchpost_provisioner::settings::Settings;
use watchpost_provisioner::{Error, commands};
use watchpost_service::cli::{self, Output};
use watchpost_service::config::{self, EXIT_BAD_CONFIG, environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
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
            let bad_file = matches!(error, Error::File(_) | Error::TaskText { .. });
            if bad_file {
                ExitCode::from(EXIT_BAD_CONFIG)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn tell(error: &Error, output: Output) {
    match output {
        Output::Human => eprintln!("watchpost-provisioner: {error}"),
        Output::Json => println!("{}", serde_json::json!({ "error": error.to_string() })),
    }
}
