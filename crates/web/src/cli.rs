//! The command line.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use watchpost_service::cli::{self, CommonArgs, ConfigCommand};
use watchpost_service::ping;

use crate::config::WebConfig;
use crate::{serve, sign_in};

/// Longest password that is read; longer ones only cost time.
const PASSWORD_LIMIT: u64 = 1024;

/// Shows the fleet in a browser and answers scripts, from InfluxDB.
///
/// Without a command it serves until it is stopped (SIGTERM, Ctrl-C):
///
///   INFLUX_URL=http://db:8086 INFLUX_TOKEN_FILE=web.token watchpost-web --listen 127.0.0.1:5000
///
/// On an address other than loopback it wants users, or to be told that none are needed:
///
///   watchpost-web hash-password < password.txt     # for the users file
///   watchpost-web --set http.users_file=users.toml --listen 0.0.0.0:5000
#[derive(Debug, Parser)]
#[command(name = "watchpost-web", version, verbatim_doc_comment)]
pub struct Arguments {
    /// Flags every role takes.
    #[command(flatten)]
    pub common: CommonArgs,

    /// Address and port to serve on [default: 127.0.0.1:5000]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,

    /// Serve without sign-in on an address that is not loopback
    #[arg(long, global = true)]
    pub allow_anonymous: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until stopped (the default)
    Run,
    /// Check, print or explain the configuration
    #[command(flatten)]
    Config(ConfigCommand),
    /// Ask the running page whether it answers; exit code 1 if it does not (for the health check of a container)
    Ping,
    /// Read a password on standard input and print its hash for the users file
    HashPassword,
    /// Print a new token for scripts and its entry for the users file
    NewToken,
}

/// Runs what the arguments ask for, in the given environment.
pub fn run(arguments: Arguments, environment: BTreeMap<String, String>) -> ExitCode {
    let mut common = arguments.common;
    if let Some(listen) = arguments.listen {
        common
            .set
            .push(("http.listen".to_owned(), listen.to_string()));
    }
    if arguments.allow_anonymous {
        common
            .set
            .push(("http.allow_anonymous".to_owned(), "true".to_owned()));
    }
    match &arguments.command {
        Some(Command::Config(command)) => {
            cli::answer::<WebConfig>(command, &common.sources(environment), common.output).finish()
        }
        Some(Command::HashPassword) => told(hash_password()),
        Some(Command::NewToken) => told(sign_in::users::new_token()),
        Some(Command::Ping) => match cli::start::<WebConfig>(&common, environment) {
            Ok(started) => {
                let http = &started.config.http;
                ping::answer(http.listen, http.tls_files().is_some())
            }
            Err(code) => code,
        },
        None | Some(Command::Run) => match cli::start::<WebConfig>(&common, environment) {
            Ok(started) => told(block_on(serve::run(started.config)).map(|()| String::new())),
            Err(code) => code,
        },
    }
}

fn hash_password() -> Result<String, String> {
    let mut password = String::new();
    let read = std::io::stdin()
        .take(PASSWORD_LIMIT)
        .read_to_string(&mut password);
    read.map_err(|error| format!("standard input: {error}"))?;
    let password = password.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err("write the password on standard input".to_owned());
    }
    sign_in::users::hash_password(password).map(|hash| format!("{hash}\n"))
}

fn block_on<T, E: std::fmt::Display>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(work).map_err(|error| error.to_string())
}

fn told(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(output) => {
            watchpost_service::cli::print(output);
            ExitCode::SUCCESS
        }
        Err(message) => {
            watchpost_service::cli::complain(format_args!("watchpost-web: {message}\n"));
            ExitCode::FAILURE
        }
    }
}
