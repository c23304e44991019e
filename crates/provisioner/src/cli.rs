//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use watchpost_core::time;
use watchpost_service::cli::{self, CommonArgs, ConfigCommand, Output};
use watchpost_service::config::{self, EXIT_BAD_CONFIG, Interval, environment};

use crate::gaps::Tier;
use crate::platform::FileError;
use crate::settings::Settings;
use crate::{Error, commands};

/// As a shell tells of a program that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Makes the buckets, tasks and tokens of a server what a file says they should be.
#[derive(Debug, Parser)]
#[command(name = "watchpost-provisioner", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub common: CommonArgs,

    /// The desired state
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "deploy/platform.toml"
    )]
    pub file: PathBuf,

    /// Folder that the secrets of tokens are written to
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = ".watchpost/secrets"
    )]
    pub tokens_dir: PathBuf,

    #[command(flatten)]
    pub alerter: AlerterArgs,

    #[command(subcommand)]
    pub command: Command,
}

/// The running alerter, which `host` asks to end the alerts of a host.
#[derive(Debug, Args)]
pub struct AlerterArgs {
    /// Base URL of the alerter's API
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "ALERTER_URL",
        default_value = "http://127.0.0.1:9102"
    )]
    pub alerter: String,

    /// File with its token [default: alerter-api.token in the folder of --tokens-dir]
    #[arg(long, global = true, value_name = "FILE", env = "ALERTER_TOKEN_FILE")]
    pub alerter_token_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
A first time:
  watchpost-provisioner validate                is the file right? No server needed
  watchpost-provisioner plan                    + made, ~ changed, ± made anew, - removed
  watchpost-provisioner apply                   make it so, after asking; a second time changes nothing

Day by day:
  watchpost-provisioner drift                   what did others change?
  watchpost-provisioner gaps --tier hourly --from -7d
  watchpost-provisioner backfill --task downsample_hourly --from -7d
  watchpost-provisioner rotate agent            a new secret without a refused write
  watchpost-provisioner host forget web-7       a host that is gone stops paging
  watchpost-provisioner health --write platform_health --every 1m

Exit codes: 0 done, or nothing to do; 1 it failed; 2 plan, drift or gaps found something; 64 a mistake
in the file or the configuration, each with line and column; 130 interrupted (run it again).

The server is named by INFLUX_URL and INFLUX_TOKEN or INFLUX_TOKEN_FILE, or by --config; the
organization by the file. The token must be an operator's, for it makes other tokens;
`health` needs no more than the token `health` of the file.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what would change; exit code 0 for nothing, 2 for something
    Plan,
    /// Show what others changed on the server; exit code 0 for nothing, 2 for something
    Drift,
    /// Make the server what the file says
    Apply {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Remove what carries our label
    Destroy {
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Also remove buckets that hold data
        #[arg(long)]
        with_data: bool,
    },
    /// Check the file and the texts of its tasks without a server
    Validate,
    /// Write the server's present state as a desired-state file, with the texts of its tasks beside it
    Export {
        /// Folder to write into; platform.toml and tasks/ are made there
        folder: PathBuf,
        /// Only what carries our label
        #[arg(long)]
        managed: bool,
    },
    /// Take over what the server already has: mark what the file names as ours, change nothing else
    Import,
    /// Make a new secret for a token, and retire the old one after a while
    Rotate {
        /// Name of the token in the file
        name: String,
        /// Time for the token's users to read the file again
        #[arg(long, value_name = "DURATION", default_value_t = Interval(crate::rotate::GRACE))]
        wait: Interval,
    },
    /// Run a task for the past
    Backfill {
        /// Name of the task in the file
        #[arg(long)]
        task: String,
        /// Start: a time (RFC 3339) or a duration before now, such as -7d
        #[arg(long, allow_hyphen_values = true, value_parser = parse_moment)]
        from: Moment,
        /// End, likewise [default: now]
        #[arg(long, allow_hyphen_values = true, value_parser = parse_moment)]
        to: Option<Moment>,
    },
    /// Name the windows in which a tier lacks points; exit code 0 for none, 2 for some
    Gaps {
        /// The tier to look at
        #[arg(long, value_enum)]
        tier: Tier,
        /// Start: a time (RFC 3339) or a duration before now, such as -7d
        #[arg(long, allow_hyphen_values = true, value_parser = parse_moment)]
        from: Moment,
        /// End, likewise [default: now]
        #[arg(long, allow_hyphen_values = true, value_parser = parse_moment)]
        to: Option<Moment>,
    },
    /// Make hours and days that are missing, on a server without tasks (VictoriaMetrics, InfluxDB 3)
    Rollup {
        /// Also make what is made already, for hosts whose points came later
        #[arg(long, conflicts_with = "every")]
        again: bool,
        /// Start: a time (RFC 3339) or a duration before now
        #[arg(long, allow_hyphen_values = true, value_parser = parse_moment, default_value = "-3d")]
        from: Moment,
        /// Again and again, this often, until it is stopped
        #[arg(long, value_name = "DURATION", value_parser = parse_every)]
        every: Option<Interval>,
    },
    /// Report how the server itself is
    Health {
        /// Write the points into this bucket instead of printing them
        #[arg(long, value_name = "BUCKET")]
        write: Option<String>,
        /// Print the points as line protocol instead of text
        #[arg(long, conflicts_with = "write")]
        line_protocol: bool,
        /// Again and again, this often, until it is stopped
        #[arg(long, value_name = "DURATION", value_parser = parse_every)]
        every: Option<Interval>,
    },
    /// Look after the hosts whose data the server has
    #[command(subcommand)]
    Host(HostCommand),
    #[command(flatten)]
    Config(ConfigCommand),
}

/// Hosts that are gone or have another name.
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// List the hosts of the last 30 days, and when each sent its newest point
    List,
    /// Let a host that is gone no longer be watched: its recent points are removed, so that no rule waits for
    /// it; hourly and daily means stay
    Forget {
        /// The tag `host`
        host: String,
        /// Also remove its hourly and daily means
        #[arg(long)]
        with_history: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give the points of a host its new name, in every bucket
    Rename {
        /// The tag `host` as it was
        from: String,
        /// The tag `host` as it is now
        to: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A time as the command line takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nanoseconds since 1970.
    At(i64),
    /// So long before now.
    Before(Interval),
}

impl Moment {
    /// Nanoseconds since 1970, given the present.
    #[must_use]
    pub fn resolve(self, now: i64) -> i64 {
        match self {
            Moment::At(time) => time,
            Moment::Before(length) => {
                now.saturating_sub(i64::try_from(length.get().as_nanos()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// More often would only load the server that is looked at.
fn parse_every(text: &str) -> Result<Interval, String> {
    let every: Interval = text.parse().map_err(|error| format!("{error}"))?;
    match every.get() >= Duration::from_secs(1) {
        true => Ok(every),
        false => Err("must be at least 1s".to_owned()),
    }
}

fn parse_moment(text: &str) -> Result<Moment, String> {
    match text.strip_prefix('-') {
        Some(length) => length
            .parse()
            .map(Moment::Before)
            .map_err(|error| format!("{error}")),
        None => time::parse_rfc3339(text)
            .map(Moment::At)
            .map_err(|error| format!("{error}; or a duration such as -7d")),
    }
}

impl Cli {
    /// Loads the settings and does it. Here and not in `main`: a future is compiled in the crate that polls it, and once more
    /// in each that does.
    pub fn run(self) -> ExitCode {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.run_here()),
            Err(error) => {
                watchpost_service::cli::complain(format_args!("watchpost-provisioner: {error}\n"));
                ExitCode::FAILURE
            }
        }
    }

    async fn run_here(self) -> ExitCode {
        let output = self.common.output;
        let sources = self.common.sources(environment::environment());
        if let Command::Config(command) = &self.command {
            return cli::answer::<Settings>(command, &sources, output).finish();
        }
        let settings = match (&self.command, config::load::<Settings>(&sources)) {
            (_, Ok(loaded)) => loaded.config,
            // Checking a file needs no server and no token.
            (Command::Validate, Err(_)) => Settings::default(),
            (_, Err(error)) => return cli::refusal(&error, output).finish(),
        };
        match commands::run(&self, &settings).await {
            Ok(code) => code,
            Err(error) => {
                tell(&error, output);
                match error {
                    Error::File(_) => ExitCode::from(EXIT_BAD_CONFIG),
                    Error::Interrupted => ExitCode::from(EXIT_INTERRUPTED),
                    _ => ExitCode::FAILURE,
                }
            }
        }
    }
}

fn tell(error: &Error, output: Output) {
    match output {
        Output::Human => {
            watchpost_service::cli::complain(format_args!("watchpost-provisioner: {error}\n"))
        }
        Output::Json => match error {
            Error::File(FileError::Content(found)) => {
                watchpost_service::cli::print(format_args!(
                    "{}\n",
                    serde_json::json!({ "error": error.to_string(), "problems": found.problems })
                ));
            }
            _ => watchpost_service::cli::print(format_args!(
                "{}\n",
                serde_json::json!({ "error": error.to_string() })
            )),
        },
    }
}
