//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use watchpost_service::cli::{CommonArgs, ConfigCommand};
use watchpost_service::config::Interval;

use crate::settings::ServerChoice;

/// Loads a server of the InfluxDB 2 API and reports throughput, latency and loss honestly.
#[derive(Debug, Parser)]
#[command(name = "watchpost-bench", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub common: CommonArgs,

    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  watchpost-bench run write --spawn engine          10,000 points into an engine of its own
  watchpost-bench run mixed --html report.html      writes, dashboards and alert rules at once
  watchpost-bench run my-site.toml --spawn engine --rounds 3 \\
      --server influxd=http://127.0.0.1:9999,org=o,token-file=token   two servers, turn by turn
  watchpost-bench show write > my-site.toml         a scenario to start from
  watchpost-bench compare before.json after.json --bound 0.1
  watchpost-bench table *.json                      a row a figure, a column a server

The server is named by INFLUX_URL, INFLUX_ORG and INFLUX_TOKEN or INFLUX_TOKEN_FILE, or by --config. A bucket
is made for the run and removed after it, also on Ctrl-C. Exit code: 0 for a run that passed, 1 for one that
failed (points lost, server unreachable, beyond the bound), 64 for a mistake in configuration or scenario.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario
    Run(RunArgs),
    /// List the scenarios that come with the program
    List,
    /// Print a scenario's file, to copy and change
    Show {
        /// Its name
        name: String,
    },
    /// Compare two reports; exit code 1 when B is worse than A beyond the bound
    Compare {
        /// The report to compare with (JSON)
        a: PathBuf,
        /// The report to judge (JSON)
        b: PathBuf,
        /// Share by which B may be worse: 0.1 is a tenth
        #[arg(long, default_value_t = 0.1, value_parser = share)]
        bound: f64,
        /// Compare reports of different scenarios, as when a setting is weighed
        #[arg(long)]
        across: bool,
    },
    /// Put reports into one Markdown table: a row a figure, a column a server
    Table {
        /// The reports (JSON)
        #[arg(required = true)]
        reports: Vec<PathBuf>,
    },
    /// Remove the buckets that killed runs left on the server
    Clean {
        /// Server by its name in the configuration, or as in `run`
        #[arg(long, value_name = "NAME", default_value = "influx")]
        server: ServerChoice,
    },
    /// Answer 204 to every write and keep nothing, for `--spawn null`
    #[command(name = crate::null_server::COMMAND, hide = true)]
    NullServer {
        /// After 1 ms, 2 ms and so on to 100 ms, in turn
        #[arg(long)]
        delayed: bool,
    },
    #[command(flatten)]
    Config(ConfigCommand),
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Name of a scenario, or path of a file
    pub scenario: String,

    /// Server by its name in the configuration, or NAME=URL with ,org=… ,token-file=… ,bucket=… ,data-dir=…
    /// ,kind=victoriametrics as needed; several take turns [default: influx]
    #[arg(long, value_name = "NAME[=URL,…]")]
    pub server: Vec<ServerChoice>,

    /// Start a server for the run in a scratch folder
    #[arg(long, value_enum, value_name = "WHAT")]
    pub spawn: Option<Spawn>,

    /// Binary of the engine to start [default: the one beside this program]
    #[arg(long, value_name = "FILE", requires = "spawn")]
    pub engine: Option<PathBuf>,

    /// Repeat so often; a comparison needs several to know the spread
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Load servers that are not on this machine
    #[arg(long)]
    pub allow_remote: bool,

    /// Seed instead of the scenario's
    #[arg(long)]
    pub seed: Option<u64>,

    /// How long the load lasts instead of the scenario's duration: 90s, 10m
    #[arg(long)]
    pub duration: Option<Interval>,

    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write the report as one HTML file with plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What can be started for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Spawn {
    /// Our own engine
    Engine,
    /// A server that answers 204 and keeps nothing: what the bench itself can drive
    Null,
    /// The same, answering after 1 ms, 2 ms and so on to 100 ms in turn: how exact the bench is
    Delayed,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=100.0).contains(&share) => Ok(share),
        _ => Err("write a share such as 0.1 for a tenth".into()),
    }
}
