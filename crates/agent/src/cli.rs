//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use watchpost_service::cli::{CommonArgs, ConfigCommand};
use watchpost_service::config::Interval;

use crate::simulate::incident::Incident;

/// Collects the metrics of this host and writes them to InfluxDB, losing nothing.
///
/// Without a command it runs until it is stopped (SIGTERM, Ctrl-C). It needs to know where to write:
///
///   INFLUX_URL=http://db:8086 INFLUX_TOKEN_FILE=/etc/watchpost/agent.token watchpost-agent
///
/// See what it would write, without writing:
///
///   watchpost-agent --once
///
/// See whether all is well between it and the server:
///
///   watchpost-agent self-test
///
/// Join a host that has the package to a server:
///
///   watchpost-agent enroll --server https://db:8086 --token-file agent.token
#[derive(Debug, Parser)]
#[command(name = "watchpost-agent", version, verbatim_doc_comment)]
pub struct Arguments {
    /// Flags every role takes.
    #[command(flatten)]
    pub common: CommonArgs,

    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Collect twice, a second apart, print the line protocol (or JSON, a line a point) and leave
    #[arg(long, visible_alias = "test")]
    pub once: bool,

    /// With --once: for each source of metrics whether this host has it, why not, and what it costs
    #[arg(long, requires = "once")]
    pub explain: bool,
}

/// What to do instead of running.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run until stopped (the default)
    Run,
    /// Check, print or explain the configuration
    #[command(flatten)]
    Config(ConfigCommand),
    /// Ask a running agent on this host how it is doing; exit code 1 if it is not well
    Status,
    /// Write records of its own to the configured bucket, read them back, compare and delete them
    SelfTest,
    /// Join this host to a server: try the connection, write token and configuration, start the service
    #[command(verbatim_doc_comment)]
    Enroll(EnrollArguments),
    /// Ask the running agent whether it answers; exit code 1 if it does not (for the health check of a container)
    Ping,
    /// Write the metrics of a fleet that does not exist
    #[command(verbatim_doc_comment)]
    Simulate(SimulateArguments),
}

/// Nothing is changed unless the server takes a write with this token. The configuration (--config,
/// /etc/watchpost/agent.toml) keeps all else that it says; the token goes into tokens/agent.token beside it.
///
///   watchpost-agent enroll --server https://db:8086 --token-file agent.token --tag region=eu-west-1
///   ssh db cat /etc/watchpost/tokens/agent.token | watchpost-agent enroll --server https://db:8086 --token-file -
#[derive(Debug, Clone, Args)]
pub struct EnrollArguments {
    /// URL of the server
    #[arg(long, value_name = "URL")]
    pub server: String,

    /// File with a token that may write to the bucket; - for standard input
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,

    /// Organization [default: as configured]
    #[arg(long, value_name = "NAME")]
    pub org: Option<String>,

    /// Bucket [default: as configured]
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,

    /// PEM file with the certificate authorities to trust instead of the machine's own
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// A tag of every point of this host: host, region, environment, service or one of your own (repeatable)
    #[arg(long, value_name = "KEY=VALUE", value_parser = watchpost_service::cli::key_value)]
    pub tag: Vec<(String, String)>,

    /// Write the files alone; enable and start nothing
    #[arg(long)]
    pub no_start: bool,
}

/// The fleet: hosts host-1 … host-N over us-east-1 and us-west-1 (production) and eu-west-1 (staging).
///
/// Values follow daily patterns with noise; hosts restart now and then, and their counters start again.
/// The same seed gives the same values, at any time and rate.
///
///   watchpost-agent simulate --hosts 5 --seed 42
///   watchpost-agent simulate --hosts 5 --seed 42 --incident cpu-spike@host-3:+60s
///   watchpost-agent simulate --hosts 20 --from -7d --interval 10s     # the past, at full speed
#[derive(Debug, Clone, Args)]
pub struct SimulateArguments {
    /// How many hosts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub hosts: u32,

    /// What chooses the values
    #[arg(long, default_value_t = 42)]
    pub seed: u64,

    /// Time between the points of a host
    #[arg(long, default_value = "1s", value_name = "DURATION")]
    pub interval: Interval,

    /// Lines per second at most, over all hosts [default: as the interval asks; the past at full speed]
    #[arg(long, value_name = "LINES")]
    pub rate: Option<u32>,

    /// Something that happens: KIND@HOST:+AFTER[:for=LENGTH], with cpu-spike, disk-fill, disk-clean or silent (repeatable)
    #[arg(long, value_name = "INCIDENT")]
    pub incident: Vec<Incident>,

    /// Begin in the past, and write up to now as fast as the server takes it: -7d, or a time as RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Go on with the present after the past is written
    #[arg(long, requires = "from")]
    pub follow: bool,

    /// End after this long (of simulated time)
    #[arg(long = "for", value_name = "DURATION")]
    pub length: Option<Interval>,

    /// Print line protocol instead of writing it; to a file, if one is named
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub print: Option<PathBuf>,
}
