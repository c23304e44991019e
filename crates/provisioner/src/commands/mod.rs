//! The commands: each reads what it needs, does its work, and gives an exit code.

mod change;
mod host;
mod other_server;
mod past;
mod report;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_query::Kind;
use watchpost_service::cli::Output;

use crate::cli::{Cli, Command};
use crate::error::{Doing, Error, Result};
use crate::observe::Target;
use crate::plan::Desired;
use crate::platform::{self, Platform, Whole};
use crate::render::Colour;
use crate::rollup::Which;
use crate::settings::Settings;

/// Exit code for "something differs", as `diff` and `terraform plan -detailed-exitcode` have it.
pub const EXIT_DIFFERENT: u8 = 2;

/// Runs the command of the command line.
///
/// # Errors
/// Those of the command.
pub async fn run(cli: &Cli, settings: &Settings) -> Result<ExitCode> {
    let whole = read(cli)?;
    let context = Context {
        cli,
        settings,
        platform: &whole.platform,
        whole: &whole,
    };
    match &cli.command {
        Command::Plan if context.is_other() => other_server::plan(&context, false).await,
        Command::Drift if context.is_other() => other_server::plan(&context, true).await,
        Command::Apply { yes } if context.is_other() => other_server::apply(&context, *yes).await,
        Command::Plan => change::plan(&context, false).await,
        Command::Drift => change::plan(&context, true).await,
        Command::Apply { yes } => change::apply(&context, *yes).await,
        Command::Import => change::import(&context).await,
        Command::Destroy { yes, with_data } => change::destroy(&context, *yes, *with_data).await,
        Command::Rotate { name, wait } => change::rotate(&context, name, *wait).await,
        Command::Validate => report::validate(&context),
        Command::Export { folder, managed } => report::export(&context, folder, *managed).await,
        Command::Health {
            write,
            line_protocol,
            every,
        } => report::health(&context, (write.as_deref(), *line_protocol), *every).await,
        Command::Rollup { from, every, again } => {
            let which = match again {
                true => Which::All,
                false => Which::Missing,
            };
            past::rollup(&context, *from, *every, which).await
        }
        Command::Host(command) => host::run(&context, command).await,
        Command::Backfill { task, from, to } => past::backfill(&context, task, *from, *to).await,
        Command::Gaps { tier, from, to } => past::gaps(&context, *tier, *from, *to).await,
        Command::Config(_) => Ok(ExitCode::SUCCESS),
    }
}

/// The file with the texts beside it, where the command needs them.
fn read(cli: &Cli) -> Result<Whole> {
    let needed = match &cli.command {
        Command::Plan | Command::Drift | Command::Apply { .. } | Command::Import => true,
        Command::Validate | Command::Backfill { .. } => true,
        Command::Destroy { .. } | Command::Export { .. } | Command::Rotate { .. } => false,
        Command::Gaps { .. } | Command::Health { .. } | Command::Host(_) => false,
        Command::Rollup { .. } => false,
        Command::Config(_) => false,
    };
    Ok(if needed {
        platform::read_whole(&cli.file)?
    } else {
        Whole {
            platform: platform::read(&cli.file)?,
            tasks: Vec::new(),
            checks: Vec::new(),
        }
    })
}

struct Context<'a> {
    cli: &'a Cli,
    settings: &'a Settings,
    platform: &'a Platform,
    whole: &'a Whole,
}

impl<'a> Context<'a> {
    /// Whether the server is none of InfluxDB 2.
    fn is_other(&self) -> bool {
        self.settings.influx.kind.name() != Kind::InfluxDb2.name()
    }

    /// Errors: the server cannot be asked, or is of a kind that this command is not for.
    async fn target(&self) -> Result<Target> {
        if self.is_other() {
            let kind = self.settings.influx.kind.name();
            return Err(Error::Request(format!(
                "this command is for servers of the kind influxdb2; on {kind} there are plan, apply, drift and rollup"
            )));
        }
        Target::find(self.client()?, self.platform, self.cli.tokens_dir.clone()).await
    }

    fn client(&self) -> Result<Client> {
        let influx = &self.settings.influx;
        let config = ClientConfig {
            url: influx.url.clone(),
            org: self.platform.organization.clone(),
            token: TokenSource::from_parts(influx.token.reveal(), influx.token_file.clone()),
            timeout: influx.timeout.get(),
            connect_timeout: influx.connect_timeout.get(),
            gzip: influx.gzip,
            ca_file: influx.ca_file.clone(),
            user_agent: concat!("watchpost-provisioner/", env!("CARGO_PKG_VERSION")).into(),
            ..ClientConfig::default()
        }
        .on_server(
            influx.kind.name(),
            &influx.write_url,
            &influx.tenant,
            influx.revealed_headers(),
        );
        Client::new(config).doing(|| "connecting".into())
    }

    fn desired(&self) -> Desired<'a> {
        Desired {
            platform: self.platform,
            tasks: self.whole.tasks.clone(),
            checks: self.whole.checks.clone(),
        }
    }

    fn json(&self) -> bool {
        self.cli.common.output == Output::Json
    }
}

/// Colour where a person reads.
fn colour() -> Colour {
    if std::io::stdout().is_terminal() {
        Colour::On
    } else {
        Colour::Off
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A reader that has left (`| head`) is no mistake.
fn print(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
}
