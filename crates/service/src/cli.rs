//! The command line all roles share: where the configuration is, how to log, and the commands that
//! check and print the configuration.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::{
    self, ConfigError, EXIT_BAD_CONFIG, Loaded, LogFormat, RoleConfig, Sources, reference,
};

/// Flags every role takes, before or after its command.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonArgs {
    /// TOML configuration file
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Set one configuration key, such as --set influx.url=http://db:8086 (repeatable)
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Least level shown: error, warn, info, debug, trace; per module as info,watchpost_agent=debug
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,

    /// How log lines look [default: human on a terminal, JSON otherwise]
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
    /// For people.
    #[default]
    Human,
    /// For scripts.
    Json,
}

/// Commands every role has; flatten them into the role's own `Subcommand`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Check the configuration and tell every mistake at once; exit code 64 if there is one
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
    /// The reference page.
    #[default]
    Markdown,
    /// A sample file.
    Toml,
}

impl CommonArgs {
    /// The sources these flags name, over `environment`. `WATCHPOST_CONFIG` names the file when
    /// `--config` does not.
    pub fn sources(&self, environment: BTreeMap<String, String>) -> Sources {
        let named = || {
            environment
                .get("WATCHPOST_CONFIG")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        let mut sources = Sources {
            file: self.config.clone().or_else(named),
            ..Sources::default()
        };
        sources.environment = environment;
        for pair in &self.set {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            sources.set(key.trim(), value, "--set");
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

/// Runs one of the shared commands over `sources` and gives the exit code.
pub fn run<C: RoleConfig>(command: &ConfigCommand, sources: &Sources, output: Output) -> ExitCode {
    if let ConfigCommand::ConfigReference { format } = command {
        print(&match format {
            ReferenceFormat::Markdown => reference::markdown::<C>(),
            ReferenceFormat::Toml => reference::sample::<C>(),
        });
        return ExitCode::SUCCESS;
    }
    let loaded = match config::load::<C>(sources) {
        Ok(loaded) => loaded,
        Err(error) => return refuse(&error, output),
    };
    match (command, output) {
        (ConfigCommand::PrintConfig, Output::Human) => print(&config::print(&loaded)),
        (ConfigCommand::PrintConfig, Output::Json) => {
            print(&format!(
                "{}\n",
                serde_json::json!({ "config": loaded.config, "origins": loaded.origins })
            ));
        }
        (_, Output::Human) => print("The configuration is valid.\n"),
        (_, Output::Json) => print(&format!(
            "{}\n",
            serde_json::json!({ "valid": true, "problems": [] })
        )),
    }
    ExitCode::SUCCESS
}

/// Loads the configuration for a role about to start; on mistakes tells them all and gives the
/// exit code.
pub fn load_or_refuse<C: RoleConfig>(
    sources: &Sources,
    output: Output,
) -> Result<Loaded<C>, ExitCode> {
    config::load::<C>(sources).map_err(|error| refuse(&error, output))
}

/// Tells every problem on standard error (as JSON on standard output where a script asked) and
/// gives exit code 64.
pub fn refuse(error: &ConfigError, output: Output) -> ExitCode {
    match output {
        Output::Human => {
            eprintln!("The configuration cannot be used:");
            for problem in &error.problems {
                eprintln!("  {problem}");
            }
        }
        Output::Json => {
            print(&format!(
                "{}\n",
                serde_json::json!({ "valid": false, "problems": error.problems })
            ));
        }
    }
    ExitCode::from(EXIT_BAD_CONFIG)
}

/// Writes to standard output; a reader that has left (`| head`) is no mistake.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
