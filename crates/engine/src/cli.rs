//! The command line: serving, and what an operator does to a data folder.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use watchpost_service::config::LogConfig;
use watchpost_service::egress::AllowedHost;
use watchpost_service::logging;

use crate::limits::Limits;
use crate::{operations, server};

/// Bad configuration: as `sysexits.h` numbers it.
pub const EXIT_USAGE: u8 = 64;

/// Watchpost's database: an embedded server with the HTTP API of InfluxDB 2.7, its line protocol and Flux.
///
/// Without a command it serves. Point any client of InfluxDB 2 at it:
///
///   watchpost-engine --data-dir ./data --setup-org site --setup-bucket metrics --setup-token-file ./token
///
/// The token file is made if it is not there; everything else is set up through POST /api/v2/setup or by these flags.
#[derive(Debug, Parser)]
#[command(name = "watchpost-engine", version, verbatim_doc_comment)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    command: Option<Command>,

    /// How to serve.
    #[command(flatten)]
    serve: Serve,
}

/// How to serve.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Address and port; port 0 takes a free one, which is printed.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8086",
        env = "WATCHPOST_ENGINE_LISTEN"
    )]
    pub listen: SocketAddr,

    /// Folder of all data; made if it is not there. One process a folder.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "watchpost-data",
        env = "WATCHPOST_ENGINE_DATA_DIR",
        global = true
    )]
    pub data_dir: PathBuf,

    /// Sets a fresh folder up with this organization; does nothing to one that is set up.
    #[arg(long, value_name = "ORG", requires_all = ["setup_bucket", "setup_token_file"])]
    pub setup_org: Option<String>,

    /// The bucket to set up.
    #[arg(long, value_name = "BUCKET", requires = "setup_org")]
    pub setup_bucket: Option<String>,

    /// How long that bucket keeps points, for example 7d; 0s for ever.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub setup_retention: String,

    /// File of the operator's token; made with a random one (mode 0600) if it is not there.
    #[arg(long, value_name = "FILE", requires = "setup_org")]
    pub setup_token_file: Option<PathBuf>,

    /// Name of the user to set up.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub setup_user: String,

    /// Certificate chain in PEM: serves HTTPS. Renewed files are taken without a restart.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "WATCHPOST_ENGINE_TLS_CERT"
    )]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's key in PEM.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "WATCHPOST_ENGINE_TLS_KEY"
    )]
    pub tls_key: Option<PathBuf>,

    /// Hosts that queries, tasks and notification rules may send requests to; none without this flag.
    ///
    /// NAME, NAME:PORT, an address, *.DOMAIN or *; several with commas. An entry without a port means 80 and 443. Loopback,
    /// private and link-local addresses and those of this machine are reached only by an entry that names the host
    /// itself. The token needs the permission write:requests, which the operator's and an organization's owners have.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        env = "WATCHPOST_ENGINE_ALLOW_REQUESTS_TO"
    )]
    pub allow_requests_to: Vec<AllowedHost>,

    /// Names under which the server is reached, beside addresses, `localhost` and names without a dot.
    /// On loopback, and once names are given, requests for other names are refused.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,

    /// Makes up for runs of tasks that were missed while the server was down.
    #[arg(long)]
    pub catch_up_tasks: bool,

    /// Log level: error, warn, info, debug, trace, also per module.
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "WATCHPOST_LOG_LEVEL",
        global = true
    )]
    pub log_level: String,

    /// The limits.
    #[command(flatten)]
    pub limits: Limits,
}

/// The running server that a command asks, instead of opening the folder itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "A running server")]
pub struct RemoteServer {
    /// URL of the server that runs on the folder, for example http://127.0.0.1:8086. Without it the folder is opened,
    /// which needs that no server runs on it.
    #[arg(long, value_name = "URL", requires = "token_file")]
    pub host: Option<String>,

    /// File with the operator's token (mode 0600).
    #[arg(long, value_name = "FILE", requires = "host")]
    pub token_file: Option<PathBuf>,

    /// Certificates in PEM to trust for https, in place of the system's.
    #[arg(long, value_name = "FILE", requires = "host")]
    pub ca_file: Option<PathBuf>,
}

/// What to do to a data folder, or to the server that runs on it.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Write a consistent copy of everything into a file; with --host while the server goes on writing.
    Backup {
        /// The file to write; must not be there.
        file: PathBuf,
        /// The server, if one runs.
        #[command(flatten)]
        server: RemoteServer,
    },
    /// Unpack a backup into a new data folder; then start a server on it.
    Restore {
        /// The file to read; - reads standard input.
        file: PathBuf,
    },
    /// Read and check every byte of every file; ends with 1 if something is damaged.
    Verify {
        /// Rewrite damaged files without their damaged parts; the originals are kept beside.
        #[arg(long)]
        repair: bool,
        /// `text` or `json`.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        /// The server, if one runs.
        #[command(flatten)]
        server: RemoteServer,
    },
    /// Ask the running server whether it answers; ends with 1 if it does not (for the health check of a container).
    Ping,
    /// Print the reference of all flags, in Markdown.
    ConfigReference,
    /// Show series by bucket, measurement and tag, bytes, and the oldest and newest times.
    Stats {
        /// `text` or `json`.
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        /// The server, if one runs.
        #[command(flatten)]
        server: RemoteServer,
    },
}

/// The form of a command's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For scripts.
    Json,
}

impl Cli {
    /// Does it; the exit code is 0, 1 for a failure, 64 for bad configuration.
    pub fn run(self) -> ExitCode {
        let log = LogConfig {
            level: self.serve.log_level.clone(),
            ..LogConfig::default()
        };
        if let Err(error) = logging::init(&log) {
            watchpost_service::cli::complain(format_args!("watchpost-engine: {error}\n"));
            return ExitCode::from(EXIT_USAGE);
        }
        let done = match &self.command {
            None => server::run(&self.serve),
            Some(command) => operations::run(command, &self.serve),
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                watchpost_service::cli::complain(format_args!("watchpost-engine: {error:#}\n"));
                let is_usage = error.downcast_ref::<server::BadSettings>().is_some();
                ExitCode::from(if is_usage { EXIT_USAGE } else { 1 })
            }
        }
    }
}
