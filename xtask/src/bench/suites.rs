//! The suites: what each measures, and by which bench or scenarios.

use anyhow::{Result, bail};

/// Name of the suite that compares the engine with servers that run already.
pub(super) const PEERS: &str = "peers";

/// Name of the suite that asks the platform's questions of servers of several kinds.
pub(super) const SERVERS: &str = "servers";

/// Name of the suite that weighs settings.
pub(super) const TUNING: &str = "tuning";

/// A section of `docs/benchmarks.md`.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) name: &'static str,
    /// What it measures, in a line.
    pub(super) about: &'static str,
    /// How long it takes on two quiet cores, without the build.
    pub(super) seconds: u32,
    pub(super) work: Work,
}

/// How a suite is measured.
#[derive(Debug)]
pub(super) enum Work {
    /// `cargo bench` of a crate.
    CargoBench(Bench),
    /// Scenarios of `watchpost-bench`.
    Scenarios(Names),
    /// Pairs of scenarios that differ in one thing.
    Tuning,
    /// Rules and pages of the platform.
    Servers,
}

/// A bench of a crate.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) package: &'static str,
    /// Its bench targets.
    pub(super) targets: &'static [&'static str],
    pub(super) kind: Kind,
    /// Arguments of a full measurement.
    pub(super) full: &'static [&'static str],
    /// Arguments of `--quick`.
    pub(super) quick: &'static [&'static str],
    /// Packages whose binaries it starts.
    pub(super) binaries: &'static [&'static str],
}

/// Where the figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One JSON object on standard output (`--output json`).
    Json,
    /// Estimates that Criterion leaves in files.
    Criterion,
}

/// Scenarios by name.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) full: &'static [&'static str],
    pub(super) quick: &'static [&'static str],
    /// Scenarios that load a server which keeps nothing: the bench itself.
    pub(super) null: &'static [&'static str],
    /// A scenario for a server that answers after known delays: how exact the bench is.
    pub(super) delayed: Option<&'static str>,
}

const JSON: &[&str] = &["--output", "json"];

/// The suites, in the order they run and stand on the page.
pub(super) const SUITES: &[Suite] = &[
    Suite {
        name: "agent",
        about: "What an agent costs its host: memory, processor, all sources at once, an outage, and how fast it catches up",
        seconds: 1_080,
        work: Work::CargoBench(Bench {
            package: "watchpost-agent",
            targets: &["agent"],
            kind: Kind::Json,
            full: JSON,
            quick: &["--seconds", "2", "--output", "json"],
            binaries: &[],
        }),
    },
    Suite {
        name: "alerter",
        about: "Rules a second, memory of many alerts, and the time from a breach to its message",
        seconds: 120,
        work: Work::CargoBench(Bench {
            package: "watchpost-alerter",
            targets: &["alerter"],
            kind: Kind::Json,
            full: JSON,
            quick: &["pure", "--output", "json"],
            binaries: &["watchpost-engine"],
        }),
    },
    Suite {
        name: "backup",
        about: "Continuous copies: how far behind, what they cost the server and the network, and the way back",
        seconds: 150,
        work: Work::CargoBench(Bench {
            package: "watchpost-archive",
            targets: &["archive"],
            kind: Kind::Json,
            full: JSON,
            quick: &["--hours", "1", "--seconds", "5", "--output", "json"],
            binaries: &["watchpost-engine"],
        }),
    },
    Suite {
        name: "core",
        about: "Line protocol and annotated CSV, read and written",
        seconds: 40,
        work: Work::CargoBench(Bench {
            package: "watchpost-core",
            targets: &["line_protocol", "csv"],
            kind: Kind::Criterion,
            full: &["--measurement-time", "3", "--noplot"],
            quick: &["--quick", "--noplot"],
            binaries: &[],
        }),
    },
    Suite {
        name: "engine",
        about: "The server over HTTP: durable writes, bytes on disk, memory, a start after kill -9, ten queries",
        seconds: 90,
        work: Work::CargoBench(Bench {
            package: "watchpost-engine",
            targets: &["engine"],
            kind: Kind::Json,
            full: JSON,
            quick: &["--hours", "1", "--output", "json"],
            binaries: &[],
        }),
    },
    Suite {
        name: "flux",
        about: "Evaluation alone, over 5.76 million values that are in memory",
        seconds: 60,
        work: Work::CargoBench(Bench {
            package: "watchpost-flux",
            targets: &["evaluate"],
            kind: Kind::Criterion,
            full: &["--measurement-time", "3", "--noplot"],
            quick: &["--quick", "--noplot"],
            binaries: &[],
        }),
    },
    Suite {
        name: "provisioner",
        about: "The shipped platform onto an empty server, again, and the backfill of a week",
        seconds: 60,
        work: Work::CargoBench(Bench {
            package: "watchpost-provisioner",
            targets: &["provisioner"],
            kind: Kind::Json,
            full: JSON,
            quick: JSON,
            binaries: &["watchpost-engine", "watchpost-agent"],
        }),
    },
    Suite {
        name: "web",
        about: "Pages and series of the web server: time to the last byte, requests a second",
        seconds: 60,
        work: Work::CargoBench(Bench {
            package: "watchpost-web",
            targets: &["web"],
            kind: Kind::Json,
            full: JSON,
            quick: &["--hosts", "5", "--output", "json"],
            binaries: &["watchpost-engine", "watchpost-agent"],
        }),
    },
    Suite {
        name: "fleet",
        about: "Scenarios of watchpost-bench against an engine of their own; every acknowledged point was verified",
        seconds: 340,
        work: Work::Scenarios(Names {
            full: &[
                "write",
                "concurrent",
                "out-of-order",
                "query",
                "mixed",
                "churn",
                "fleet",
                "saturate",
                "outage",
                "kill",
            ],
            quick: &["write", "query"],
            null: &["self-drive-points", "self-drive-requests"],
            delayed: Some("self-accuracy"),
        }),
    },
    Suite {
        name: TUNING,
        about: "What each advice of tuning.md brings: pairs of scenarios that differ in one thing",
        seconds: 120,
        work: Work::Tuning,
    },
    Suite {
        name: SERVERS,
        about: "200 rules over 1,000 hosts, and the fleet's page of a web role that has just begun, on servers of several kinds",
        seconds: 300,
        work: Work::Servers,
    },
    Suite {
        name: PEERS,
        about: "The same scenarios on several servers of this machine, in turns; every acknowledged point was verified",
        seconds: 900,
        work: Work::Scenarios(Names {
            full: &[
                "write",
                "concurrent",
                "out-of-order",
                "query",
                "mixed",
                "churn",
                "fleet",
                "saturate",
            ],
            quick: &["write", "query"],
            null: &[],
            delayed: None,
        }),
    },
];

/// The suite of a name.
pub(super) fn named(name: &str) -> Result<&'static Suite> {
    if let Some(suite) = SUITES.iter().find(|suite| suite.name == name) {
        return Ok(suite);
    }
    let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    bail!("there is no suite {name:?}; there are {}", names.join(", "))
}
