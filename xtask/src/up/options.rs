//! What a person may ask of `up`, `down`, `status` and `logs`.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use lexopt::prelude::{Long, Short, Value, ValueExt};

const UP_HELP: &str = "\
cargo xtask up [OPTIONS]

Builds the release binaries and runs the whole platform on this machine: server, provisioner, an
agent for this host, a simulated fleet, the alerter, the web page, and a watch over the server's own
health. Ctrl-C stops everything; the data stays in .watchpost/ and a second `up` goes on with it.

  --detach             go to the background once everything is ready
  --engine KIND        auto | embedded | docker | external | victoriametrics | influxdb3 (auto: embedded)
                       docker runs deploy/docker-compose.yml: InfluxDB 2.7, three agents, Grafana
                       external takes INFLUX_URL and INFLUX_TOKEN_FILE (or INFLUX_TOKEN), INFLUX_ORG
                       victoriametrics and influxdb3 run already at --url, which may ask for the token
                       of INFLUX_TOKEN_FILE (or INFLUX_TOKEN)
  --url URL            where such a server is asked: http://127.0.0.1:8428, or a cluster's vmselect
  --write-url URL      where it is written to, if that is another address: a cluster's vminsert
  --tenant TENANT      account or account:project of a cluster: 0
  --hosts N            simulated hosts beside this one (5; 0 for none)
  --incident TEXT      something that happens to a simulated host: cpu-spike@host-3:+60s (repeatable)
  --engine-port PORT   8086       --web-port PORT      5000
  --agent-port PORT    9101       --alerter-port PORT  9102
  --fleet-port PORT    9103       --grafana-port PORT  3000 (docker)
  --archive-port PORT  9105
  --free-ports         take whatever ports are free, for a second platform on one machine
  --folder DIR         where data, logs and secrets lie (.watchpost)
  --rules FILE         rules of the alerter (deploy/rules.toml)
  --backup PLACE       keep encrypted copies there, two seconds old at most: a folder (on another disk),
                       s3://BUCKET/PREFIX, gs://… or az://… (with the store's usual variables: AWS_…)
  --recipient KEY      for whom copies are encrypted: age1…, as `watchpost-archive new-key` prints it
                       (repeatable). Without it `up` makes a key and says where it lies
  --log-level LEVEL    what the roles say in their logs: error, warn, info, debug, trace (info)
  --binaries DIR       run the binaries of this folder instead of building them
  --check              bring everything up on free ports in a temporary folder, judge it by ten
                       criteria, stop; the exit code is 0 if none failed
  --quick              with --check: two days of simulated past instead of a week
  --output FORMAT      with --check: human | json";

pub(super) const STATUS_HELP: &str = "\
cargo xtask status [--output json] [--folder DIR]

Shows each role: whether it runs, since when, how often it was restarted, what it takes of memory
and CPU (percent of one core since it was started), and where it answers. The exit code is 0 only
if all run.";

pub(super) const DOWN_HELP: &str = "\
cargo xtask down [--volumes] [--folder DIR]

Stops a platform that `up` (or `up --detach`) started. --volumes also removes its data, logs and secrets.";

pub(super) const LOGS_HELP: &str = "\
cargo xtask logs [ROLE] [--folder DIR]

ROLE is engine, provisioner, agent, fleet, alerter, web, health, archive, or up itself (with --detach). Prints
the last lines of each role's log, or of one role's whole log.";

/// The server that the roles talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Our own engine, as a process.
    Embedded,
    /// InfluxDB 2 by the compose file.
    Docker,
    /// One that runs already.
    External,
    /// A VictoriaMetrics that runs already.
    VictoriaMetrics,
    /// An InfluxDB 3 that runs already.
    InfluxDb3,
}

impl Engine {
    /// As `--engine` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Embedded => "embedded",
            Engine::Docker => "docker",
            Engine::External => "external",
            Engine::VictoriaMetrics => "victoriametrics",
            Engine::InfluxDb3 => "influxdb3",
        }
    }

    /// What the roles' configuration calls the server.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Engine::Embedded | Engine::Docker | Engine::External => "influxdb2",
            Engine::VictoriaMetrics | Engine::InfluxDb3 => self.name(),
        }
    }

    /// Whether `--url` names it.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Engine::VictoriaMetrics | Engine::InfluxDb3)
    }
}

/// Where a server of another kind is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Address {
    pub(crate) url: String,
    pub(crate) write_url: String,
    pub(crate) tenant: String,
}

/// Where copies go.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) to: String,
    /// Public keys; none: a key is made.
    pub(crate) recipients: Vec<String>,
}

/// The options of `up`, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) check: bool,
    /// Of `check`: less past, a shorter outage.
    pub(crate) quick: bool,
    /// Of `check`: JSON instead of lines.
    pub(crate) json: bool,
    pub(crate) detach: bool,
    pub(crate) binaries: Option<PathBuf>,
    pub(crate) rules: Option<PathBuf>,
    pub(crate) log_level: String,
    pub(crate) incidents: Vec<String>,
    pub(crate) engine: Engine,
    pub(crate) address: Address,
    pub(crate) backup: Option<Backup>,
    pub(crate) hosts: u32,
    pub(crate) ports: Ports,
    pub(crate) free_ports: bool,
    pub(crate) folder: Option<PathBuf>,
}

/// Where each role listens, on loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) engine: u16,
    pub(crate) web: u16,
    pub(crate) agent: u16,
    pub(crate) fleet: u16,
    pub(crate) alerter: u16,
    /// Only with `--backup`.
    pub(crate) archive: u16,
    /// Only the compose file has one.
    pub(crate) grafana: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Ports {
            engine: 8086,
            web: 5000,
            agent: 9101,
            fleet: 9103,
            alerter: 9102,
            archive: 9105,
            grafana: 3000,
        }
    }
}

impl Options {
    /// `None` if help was asked for and printed.
    pub(crate) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Options {
            check: false,
            quick: false,
            json: false,
            detach: false,
            binaries: None,
            rules: None,
            log_level: "info".to_owned(),
            incidents: Vec::new(),
            engine: Engine::Embedded,
            address: Address::default(),
            backup: None,
            hosts: 5,
            ports: Ports::default(),
            free_ports: false,
            folder: None,
        };
        let mut recipients = Vec::new();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("help") | Short('h') => {
                    println!("{UP_HELP}");
                    return Ok(None);
                }
                Long("check") => options.check = true,
                Long("quick") => options.quick = true,
                Long("output") => options.json = json(&parser.value()?)?,
                Long("detach") | Short('d') => options.detach = true,
                Long("binaries") => options.binaries = Some(std::path::absolute(parser.value()?)?),
                Long("incident") => options.incidents.push(parser.value()?.string()?),
                Long("rules") => options.rules = Some(std::path::absolute(parser.value()?)?),
                Long("log-level") => options.log_level = parser.value()?.string()?,
                Long("free-ports") => options.free_ports = true,
                Long("engine") => options.engine = engine(&parser.value()?)?,
                Long("url") => options.address.url = address(parser.value()?.string()?),
                Long("write-url") => {
                    options.address.write_url = address(parser.value()?.string()?);
                }
                Long("tenant") => options.address.tenant = parser.value()?.string()?,
                Long("backup") => options.backup = Some(backup(parser.value()?.string()?)?),
                Long("recipient") => recipients.push(parser.value()?.string()?),
                Long("hosts") => options.hosts = parser.value()?.parse()?,
                Long("engine-port") => options.ports.engine = parser.value()?.parse()?,
                Long("web-port") => options.ports.web = parser.value()?.parse()?,
                Long("agent-port") => options.ports.agent = parser.value()?.parse()?,
                Long("alerter-port") => options.ports.alerter = parser.value()?.parse()?,
                Long("fleet-port") => options.ports.fleet = parser.value()?.parse()?,
                Long("archive-port") => options.ports.archive = parser.value()?.parse()?,
                Long("grafana-port") => options.ports.grafana = parser.value()?.parse()?,
                Long("folder") => options.folder = Some(std::path::absolute(parser.value()?)?),
                _ => return Err(argument.unexpected().into()),
            }
        }
        options.checked(recipients).map(Some)
    }

    /// The same, if its parts go together.
    fn checked(mut self, recipients: Vec<String>) -> Result<Self> {
        let (engine, named) = (self.engine, !self.address.url.is_empty());
        if engine.is_named() != named {
            bail!(
                "--engine victoriametrics and --engine influxdb3 need --url, and no other engine takes it"
            );
        }
        match &mut self.backup {
            Some(backup) => backup.recipients = recipients,
            None if !recipients.is_empty() => bail!("--recipient goes with --backup"),
            None => {}
        }
        if self.backup.is_some() && (engine != Engine::Embedded || self.check) {
            bail!(
                "--backup copies the embedded server, and not while it is judged: another server has a backup of its own"
            );
        }
        if !self.check && (self.quick || self.json) {
            bail!("--quick and --output go with --check");
        }
        Ok(self)
    }

    /// The same with free ports in place of the fixed ones, where that was asked for.
    pub(crate) fn with_ports(mut self) -> Result<Self> {
        if self.free_ports {
            let ports = &mut self.ports;
            // All are held until the last is known, so that none is given twice.
            let mut held = Vec::new();
            for port in [
                &mut ports.engine,
                &mut ports.web,
                &mut ports.agent,
                &mut ports.fleet,
                &mut ports.alerter,
                &mut ports.archive,
                &mut ports.grafana,
            ] {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                    .context("no free port on 127.0.0.1")?;
                *port = listener.local_addr()?.port();
                held.push(listener);
            }
            self.free_ports = false;
        }
        Ok(self)
    }

    /// The arguments that lead to the same options, for the process in the background.
    pub(crate) fn as_arguments(&self) -> Vec<String> {
        let numbers = [
            ("--hosts", self.hosts),
            ("--engine-port", self.ports.engine.into()),
            ("--web-port", self.ports.web.into()),
            ("--agent-port", self.ports.agent.into()),
            ("--alerter-port", self.ports.alerter.into()),
            ("--fleet-port", self.ports.fleet.into()),
            ("--archive-port", self.ports.archive.into()),
            ("--grafana-port", self.ports.grafana.into()),
        ];
        let mut arguments: Vec<String> = [
            "--engine",
            self.engine.name(),
            "--log-level",
            &self.log_level,
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend(
            numbers
                .iter()
                .flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]),
        );
        if let Some(rules) = &self.rules {
            arguments.extend(["--rules".to_owned(), rules.display().to_string()]);
        }
        let address = [
            ("--url", &self.address.url),
            ("--write-url", &self.address.write_url),
            ("--tenant", &self.address.tenant),
        ];
        for (name, value) in address.into_iter().filter(|(_, value)| !value.is_empty()) {
            arguments.extend([name.to_owned(), value.clone()]);
        }
        if let Some(backup) = &self.backup {
            arguments.extend(["--backup".to_owned(), backup.to.clone()]);
            for key in &backup.recipients {
                arguments.extend(["--recipient".to_owned(), key.clone()]);
            }
        }
        for incident in &self.incidents {
            arguments.extend(["--incident".to_owned(), incident.clone()]);
        }
        arguments
    }
}

fn json(text: &OsString) -> Result<bool> {
    match text.to_string_lossy().as_ref() {
        "json" => Ok(true),
        "human" => Ok(false),
        other => bail!("--output {other}: expected human or json"),
    }
}

/// A URL as it is, a folder as seen from anywhere.
fn backup(to: String) -> Result<Backup> {
    let to = match to.contains("://") {
        true => to,
        false => std::path::absolute(to)?.display().to_string(),
    };
    Ok(Backup {
        to,
        recipients: Vec::new(),
    })
}

/// An address without a slash at its end.
fn address(text: String) -> String {
    text.trim_end_matches('/').to_owned()
}

fn engine(text: &OsString) -> Result<Engine> {
    match text.to_string_lossy().as_ref() {
        // A Docker engine is used only where it is asked for: pulling images is nobody's surprise.
        "auto" | "embedded" => Ok(Engine::Embedded),
        "docker" => Ok(Engine::Docker),
        "external" => Ok(Engine::External),
        "victoriametrics" => Ok(Engine::VictoriaMetrics),
        "influxdb3" => Ok(Engine::InfluxDb3),
        other => bail!(
            "--engine {other}: expected auto, embedded, docker, external, victoriametrics or influxdb3"
        ),
    }
}

/// The options of the commands that look at a platform.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) folder: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) volumes: bool,
    pub(super) role: Option<String>,
}

impl Folder {
    /// `None` if help was asked for and printed.
    pub(super) fn parse(arguments: &[String], help: &str) -> Result<Option<Self>> {
        let mut options = Folder::default();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("help") | Short('h') => {
                    println!("{help}");
                    return Ok(None);
                }
                Long("folder") => options.folder = Some(std::path::absolute(parser.value()?)?),
                Long("volumes") if help == DOWN_HELP => options.volumes = true,
                Long("output") if help == STATUS_HELP => options.json = json(&parser.value()?)?,
                Value(role) if help == LOGS_HELP => options.role = Some(role.string()?),
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(Some(options))
    }
}
