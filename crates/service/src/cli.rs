//! The command line all roles share: where the configuration is, how to log, and the commands that
//! check and print the configuration.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::{
    self, ConfigError, EXIT_BAD_CONFIG, Loaded, LogFormat, Problem, Problems, RoleConfig, Sources,
    reference,
};
use crate::logging::{self, LogHandle};

/// Flags every role takes, before or after its command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// TOML configuration file
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Set one configuration key, such as --set influx.url=http://db:8086 (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,

    /// Least level shown: error, warn, info, debug, trace; per module as info,watchpost_agent=debug
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// How log lines look [default: auto, human on a terminal and JSON otherwise]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// How results are printed
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub output: Output,
}

/// How a command prints its result on standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Human,
    /// For scripts
    Json,
}

/// Commands every role has; flatten them into the role's own `Subcommand`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration and name every mistake at once; exit code 64 if there is one
    CheckConfig,
    /// Print the configuration in effect, each value with its source, secrets masked
    PrintConfig,
    /// Print what can be configured: a reference page or a sample file with every default
    ConfigReference {
        /// What to print
        #[arg(long, value_enum, default_value_t)]
        format: ReferenceFormat,
    },
}

/// What `config-reference` prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReferenceFormat {
    /// The reference page
    #[default]
    Markdown,
    /// A sample file
    Toml,
}

impl CommonArgs {
    /// The sources these flags name, over `environment`. `WATCHPOST_CONFIG` names the file when
    /// `--config` does not.
    pub fn sources(&self, environment: BTreeMap<String, String>) -> Sources {
        let named = environment
            .get("WATCHPOST_CONFIG")
            .filter(|path| !path.is_empty());
        let file = self.config.clone().or_else(|| named.map(PathBuf::from));
        let mut sources = Sources {
            file,
            environment,
            ..Sources::default()
        };
        for (key, value) in &self.set {
            sources.set(key, value, "--set");
        }
        if let Some(level) = &self.log_level {
            sources.set("log.level", level, "--log-level");
        }
        if let Some(format) = self
            .log_format
            .as_ref()
            .and_then(ValueEnum::to_possible_value)
        {
            sources.set("log.format", format.get_name(), "--log-format");
        }
        sources
    }
}

/// Takes `KEY=VALUE` apart, for clap.
pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE, such as log.level=debug".to_owned()),
    }
}

/// What a command says, and how the process ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub output: String,
    /// For standard error.
    pub messages: String,
    /// The exit code.
    pub code: u8,
}

impl Answer {
    /// Writes both texts.
    pub fn finish(self) -> ExitCode {
        print(self.output);
        complain(self.messages);
        ExitCode::from(self.code)
    }
}

/// Writes to standard output. A reader that has left (`| head`) is no mistake, where `print!` would panic.
pub fn print(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Writes to standard error; without a reader nothing is lost, as with [`print`].
pub fn complain(text: impl std::fmt::Display) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// The answer to one of the shared commands over `sources`.
pub fn answer<C: RoleConfig>(command: &ConfigCommand, sources: &Sources, output: Output) -> Answer {
    if let ConfigCommand::ConfigReference { format } = command {
        let output = match format {
            ReferenceFormat::Markdown => reference::markdown::<C>(),
            ReferenceFormat::Toml => reference::sample::<C>(),
        };
        return Answer {
            output,
            ..Answer::default()
        };
    }
    let mut loaded = match config::load::<C>(sources) {
        Ok(loaded) => loaded,
        Err(error) => return refusal(&error, output),
    };
    if *command == ConfigCommand::CheckConfig {
        let mut problems = Problems::default();
        loaded.config.check_use(&sources.environment, &mut problems);
        let (error, warnings) = problems.into_parts();
        if let Some(error) = error {
            return refusal(&error, output);
        }
        loaded.warnings.extend(warnings);
    }
    let messages: String = loaded
        .warnings
        .iter()
        .map(|w| format!("warning: {w}\n"))
        .collect();
    let (text, messages) = match (command, output) {
        (ConfigCommand::PrintConfig, Output::Human) => (config::print(&loaded), messages),
        (ConfigCommand::PrintConfig, Output::Json) => {
            let (config, origins) = (&loaded.config, &loaded.origins);
            (
                line(&serde_json::json!({ "config": config, "origins": origins })),
                messages,
            )
        }
        (_, Output::Human) => ("The configuration is valid.\n".to_owned(), messages),
        (_, Output::Json) => (verdict(&[], &loaded.warnings), String::new()),
    };
    Answer {
        output: text,
        messages,
        code: 0,
    }
}

/// Every problem on standard error (as JSON on standard output where a script asked) and exit
/// code 64.
pub fn refusal(error: &ConfigError, output: Output) -> Answer {
    let code = EXIT_BAD_CONFIG;
    match output {
        Output::Human => {
            let lines: String = error.problems.iter().map(|p| format!("  {p}\n")).collect();
            let messages = format!("The configuration cannot be used:\n{lines}");
            Answer {
                messages,
                code,
                ..Answer::default()
            }
        }
        Output::Json => {
            let output = verdict(&error.problems, &[]);
            Answer {
                output,
                code,
                ..Answer::default()
            }
        }
    }
}

fn verdict(problems: &[Problem], warnings: &[Problem]) -> String {
    let valid = problems.is_empty();
    line(&serde_json::json!({ "valid": valid, "problems": problems, "warnings": warnings }))
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

/// A role about to work: its configuration, where that came from, and the running log.
pub struct Started<C> {
    /// The valid configuration.
    pub config: C,
    /// Where it came from; a reload reads the same.
    pub sources: Sources,
    /// Takes a reloaded level.
    pub log: LogHandle,
}

/// Loads the configuration and starts logging. On mistakes tells them all and gives exit code 64,
/// before any port is open.
pub fn start<C: RoleConfig>(
    arguments: &CommonArgs,
    environment: BTreeMap<String, String>,
) -> Result<Started<C>, ExitCode> {
    let sources = arguments.sources(environment);
    let loaded: Loaded<C> =
        config::load(&sources).map_err(|error| refusal(&error, arguments.output).finish())?;
    let log = logging::init(loaded.config.log()).map_err(|error| {
        let messages = format!("{error}\n");
        Answer {
            messages,
            code: EXIT_BAD_CONFIG,
            ..Answer::default()
        }
        .finish()
    })?;
    loaded.log_warnings();
    crate::descriptors::raise_limit();
    Ok(Started {
        config: loaded.config,
        sources,
        log,
    })
}
