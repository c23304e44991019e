//! What a person may ask of `cargo xtask bench`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::prelude::{Long, Short, Value, ValueExt};

use super::suites::{self, Suite};

const HELP: &str = "\
cargo xtask bench [OPTIONS] [SUITE…]

Builds the benches in release, runs them one after the other and writes what they measured into
docs/benchmarks.md, with machine, commit and load. Sections of suites that did not run stay as they
are. Without a SUITE all run but `peers`; that takes half an hour. Measure on a quiet machine.

";

const OPTIONS: &str = "
  --quick              a few seconds each, unoptimised: shows that the command works; its figures
                       mean nothing, and without --page they go to the terminal's folder
  --page FILE          write there instead of docs/benchmarks.md
  --binaries DIR       watchpost-bench and watchpost-engine of this folder, for fleet and peers
  --server NAME=URL[,org=…][,token-file=…][,data-dir=…][,kind=victoriametrics][,write-url=…][,tenant=…]
                       a server to hold beside the engine, in turns (for peers, servers and tuning; repeatable)
  --rounds N           how often the servers take turns (for peers and tuning; 3)";

/// Suites that other servers may take part in.
const WITH_SERVERS: &[&str] = &[suites::PEERS, suites::SERVERS, suites::TUNING];

/// The options, read and checked.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) suites: Vec<&'static Suite>,
    pub(super) quick: bool,
    pub(super) page: Option<PathBuf>,
    pub(super) binaries: Option<PathBuf>,
    servers: Vec<String>,
    rounds: u32,
}

impl Options {
    /// `None` if help was asked for and printed.
    pub(super) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Options {
            suites: Vec::new(),
            quick: false,
            page: None,
            binaries: None,
            servers: Vec::new(),
            rounds: 3,
        };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("help") | Short('h') => {
                    let lines = suites::SUITES.iter().map(|suite| {
                        format!(
                            "  {:<12} {:>4} s  {}\n",
                            suite.name, suite.seconds, suite.about
                        )
                    });
                    println!("{HELP}{}{OPTIONS}", lines.collect::<String>());
                    return Ok(None);
                }
                Long("quick") => options.quick = true,
                Long("page") => options.page = Some(std::path::absolute(parser.value()?)?),
                Long("binaries") => options.binaries = Some(std::path::absolute(parser.value()?)?),
                Long("server") => options.servers.push(parser.value()?.string()?),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Value(name) => options.suites.push(suites::named(&name.string()?)?),
                _ => return Err(argument.unexpected().into()),
            }
        }
        let among = |names: &[&str]| {
            let mut suites = options.suites.iter();
            suites.any(|suite| names.contains(&suite.name))
        };
        if among(&[suites::PEERS]) && options.servers.is_empty() {
            bail!("peers: name the servers to hold beside the engine with --server NAME=URL");
        }
        if !among(WITH_SERVERS) && !options.servers.is_empty() {
            bail!(
                "--server is for peers, servers and tuning: cargo xtask bench peers --server NAME=URL"
            );
        }
        if options.suites.is_empty() {
            let all = suites::SUITES.iter();
            options.suites = all.filter(|suite| suite.name != suites::PEERS).collect();
        }
        if options.quick && options.page.is_none() {
            options.page = Some(std::path::absolute("benchmarks-quick.md")?);
        }
        Ok(Some(options))
    }

    /// How a reader repeats a suite.
    pub(super) fn command(&self, suite: &str) -> String {
        let mut command = format!("cargo xtask bench {suite}");
        if self.quick {
            command += " --quick";
        }
        if WITH_SERVERS.contains(&suite) {
            for name in self.server_names() {
                command += &format!(" --server {name}=URL,…");
            }
            command += &format!(" --rounds {}", self.rounds());
        }
        command
    }

    /// How often the servers take turns.
    pub(super) fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// The servers beside the engine, as arguments of `watchpost-bench`.
    pub(super) fn server_arguments(&self) -> impl Iterator<Item = &str> {
        let servers = self.servers.iter();
        servers.flat_map(|server| ["--server", server.as_str()])
    }

    /// Their names.
    pub(super) fn server_names(&self) -> impl Iterator<Item = &str> {
        let servers = self.servers.iter();
        servers.map(|server| server.split('=').next().unwrap_or_default())
    }

    /// Whether one of them is VictoriaMetrics.
    pub(super) fn has_victoria_metrics(&self) -> bool {
        let mut servers = self.servers.iter();
        servers.any(|server| server.contains("kind=victoriametrics"))
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(arguments: &[&str]) -> anyhow::Result<Option<Options>> {
        let arguments: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn without_a_name_everything_that_needs_no_other_server_runs() {
        let options = parse(&[]).expect("no mistake").expect("no help");
        assert!(options.suites.len() > 7);
        assert!(options.suites.iter().all(|suite| suite.name != "peers"));
    }

    #[test]
    fn a_mistake_says_what_to_do() {
        let told = |arguments: &[&str]| parse(arguments).expect_err("a mistake").to_string();
        assert!(
            told(&["engin"]).contains("agent, alerter"),
            "{}",
            told(&["engin"])
        );
        assert!(told(&["peers"]).contains("--server"));
        assert!(told(&["engine", "--server", "a=http://127.0.0.1:1"]).contains("peers"));
    }

    #[test]
    fn the_command_to_repeat_names_no_address_of_a_server() {
        let options = parse(&[
            "peers",
            "--server",
            "influxd=http://127.0.0.1:9,token-file=/home/a/t",
        ]);
        let options = options.expect("no mistake").expect("no help");
        assert_eq!(
            options.command("peers"),
            "cargo xtask bench peers --server influxd=URL,… --rounds 3"
        );
    }
}
