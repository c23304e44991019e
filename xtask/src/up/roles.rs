//! The processes that a platform is made of, in the order in which each needs the others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::options::{Backup, Engine, Options};
use super::server::Server;

/// Rules that packages or an administrator put on the machine.
const SYSTEM_RULES: &str = "/etc/watchpost/rules.d";

/// One process: what to run, with what, and how to tell that it is ready.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// Where people or other roles find it; empty for one that nobody calls.
    pub(super) address: String,
    pub(super) ready: Ready,
}

/// When the role after this one may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ready {
    /// Once this URL answers 200.
    Answers(String),
    /// Once the role has done its work and ended.
    Ended,
    /// At once: nobody depends on it.
    Started,
}

/// All roles of the platform, the first to start first. `recipients` open the copies, where some are made.
pub(super) fn platform(
    options: &Options,
    layout: &Layout,
    binaries: &Path,
    root: &Path,
    server: &Server,
    recipients: &[String],
) -> Vec<Role> {
    let made = Maker {
        options,
        server,
        layout,
        binaries,
        root,
    };
    let mut roles = Vec::new();
    if options.engine == Engine::Embedded {
        roles.push(made.engine());
    }
    let is_influxdb2 = !options.engine.is_named();
    // A VictoriaMetrics has nothing to be made: no buckets, no tasks, no tokens.
    if options.engine != Engine::VictoriaMetrics {
        roles.push(made.provisioner());
    }
    roles.push(made.agent());
    if options.hosts > 0 {
        roles.push(made.fleet());
    }
    roles.extend([made.alerter(), made.web()]);
    roles.push(match is_influxdb2 {
        true => made.health(),
        false => made.rollup(),
    });
    roles.extend(
        options
            .backup
            .as_ref()
            .map(|backup| made.archive(backup, recipients)),
    );
    roles
}

struct Maker<'a> {
    options: &'a Options,
    server: &'a Server,
    layout: &'a Layout,
    binaries: &'a Path,
    root: &'a Path,
}

impl Maker<'_> {
    fn engine(&self) -> Role {
        let url = loopback(self.options.ports.engine);
        self.role("engine", "watchpost-engine")
            .argument("--listen", listen(self.options.ports.engine))
            .argument("--data-dir", self.layout.data("engine"))
            .argument("--setup-org", "watchpost")
            .argument("--setup-bucket", "system_metrics_raw")
            .argument("--setup-retention", "7d")
            .argument("--setup-token-file", self.layout.token("operator"))
            .argument("--log-level", &self.options.log_level)
            .ready_at(&url, "/health")
            .found_at(url)
    }

    /// Makes buckets, tasks and tokens true and ends.
    fn provisioner(&self) -> Role {
        self.role("provisioner", "watchpost-provisioner")
            .command("apply")
            .command("--yes")
            .argument("--file", &self.server.platform)
            .argument("--tokens-dir", self.layout.secrets())
            .influx(self.server, self.layout, "operator")
    }

    fn agent(&self) -> Role {
        let url = loopback(self.options.ports.agent);
        self.role("agent", "watchpost-agent")
            .command("run")
            .influx(self.server, self.layout, "agent")
            .set(
                "WATCHPOST_TELEMETRY__LISTEN",
                listen(self.options.ports.agent),
            )
            .set("WATCHPOST_BUFFER__DIRECTORY", self.layout.data("agent"))
            .ready_at(&url, "/ready")
            .found_at(url)
    }

    fn fleet(&self) -> Role {
        let incidents = &self.options.incidents;
        let url = loopback(self.options.ports.fleet);
        let role = self
            .role("fleet", "watchpost-agent")
            .command("simulate")
            .argument("--hosts", self.options.hosts.to_string())
            .argument("--seed", "42");
        incidents
            .iter()
            .fold(role, |role, it| role.argument("--incident", it))
            .influx(self.server, self.layout, "agent")
            .set(
                "WATCHPOST_TELEMETRY__LISTEN",
                listen(self.options.ports.fleet),
            )
            .set("WATCHPOST_BUFFER__DIRECTORY", self.layout.data("fleet"))
            .ready_at(&url, "/ready")
            .found_at(url)
    }

    fn alerter(&self) -> Role {
        let url = loopback(self.options.ports.alerter);
        let shipped = || self.root.join("deploy/rules.toml");
        let rules = self.options.rules.clone().unwrap_or_else(shipped);
        // Rules that are named by a flag are all there are.
        let own = match self.options.rules {
            Some(_) => String::new(),
            None => format!("{},{SYSTEM_RULES}", self.layout.own_rules().display()),
        };
        self.role("alerter", "watchpost-alerter")
            .command("run")
            .influx(self.server, self.layout, "alerter")
            .set(
                "WATCHPOST_API__LISTEN__LISTEN",
                listen(self.options.ports.alerter),
            )
            .set(
                "WATCHPOST_API__TOKEN_FILE",
                self.layout.token("alerter-api"),
            )
            .set("WATCHPOST_RULES__FILE", rules)
            .set("WATCHPOST_RULES__OWN", own)
            .set(
                "WATCHPOST_MESSAGES__PUBLIC_URL",
                loopback(self.options.ports.web),
            )
            .set("WATCHPOST_STORE__FOLDER", self.layout.data("alerter"))
            .ready_at(&url, "/ready")
            .found_at(url)
    }

    fn web(&self) -> Role {
        let url = loopback(self.options.ports.web);
        let users = self.layout.users();
        let role = self.role("web", "watchpost-web");
        // With users everybody signs in, on loopback, too.
        let role = match users.exists() {
            true => role.set("WATCHPOST_HTTP__USERS_FILE", users),
            false => role,
        };
        // Servers of other kinds keep no notes: the alerter does.
        let role = match self.options.engine.is_named() {
            true => role,
            false => role.set(
                "WATCHPOST_ANNOTATIONS__TOKEN_FILE",
                self.layout.token("annotations"),
            ),
        };
        role.influx(self.server, self.layout, "web")
            .set("WATCHPOST_HTTP__LISTEN", listen(self.options.ports.web))
            .set(
                "WATCHPOST_ALERTER__URL",
                loopback(self.options.ports.alerter),
            )
            .set(
                "WATCHPOST_ALERTER__TOKEN_FILE",
                self.layout.token("alerter-api"),
            )
            .ready_at(&url, "/ready")
            .found_at(url)
    }

    /// Writes every minute how the server itself is.
    fn health(&self) -> Role {
        let role = self
            .role("health", "watchpost-provisioner")
            .command("health")
            .argument("--file", &self.server.platform)
            .argument("--write", "platform_health")
            .argument("--every", "1m")
            .influx(self.server, self.layout, "health");
        Role {
            ready: Ready::Started,
            ..role
        }
    }

    /// Keeps copies elsewhere.
    fn archive(&self, backup: &Backup, recipients: &[String]) -> Role {
        let url = loopback(self.options.ports.archive);
        self.role("archive", "watchpost-archive")
            .command("run")
            .influx(self.server, self.layout, "archive")
            .set(
                "WATCHPOST_TELEMETRY__LISTEN",
                listen(self.options.ports.archive),
            )
            .set("WATCHPOST_BACKUP__TO", &backup.to)
            .set("WATCHPOST_BACKUP__RECIPIENTS", recipients.join(","))
            .set(
                "WATCHPOST_BACKUP__STATE_DIRECTORY",
                self.layout.data("archive"),
            )
            .ready_at(&url, "/health")
            .found_at(url)
    }

    /// Makes hours and days, where the server has no tasks.
    fn rollup(&self) -> Role {
        let role = self
            .role("rollup", "watchpost-provisioner")
            .command("rollup")
            .argument("--file", &self.server.platform)
            .argument("--every", "1m")
            .influx(self.server, self.layout, "operator");
        Role {
            ready: Ready::Started,
            ..role
        }
    }

    fn role(&self, name: &'static str, binary: &str) -> Role {
        Role {
            name,
            program: self.binaries.join(binary),
            arguments: Vec::new(),
            environment: vec![(
                "WATCHPOST_LOG__LEVEL",
                self.options.log_level.clone().into(),
            )],
            address: String::new(),
            ready: Ready::Ended,
        }
    }
}

impl Role {
    fn command(mut self, word: &str) -> Self {
        self.arguments.push(word.into());
        self
    }

    fn argument(self, flag: &str, value: impl Into<OsString>) -> Self {
        let mut role = self.command(flag);
        role.arguments.push(value.into());
        role
    }

    fn set(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// What every client of the server is told: where it is and which token is its own.
    fn influx(self, server: &Server, layout: &Layout, token: &str) -> Self {
        let role = self
            .set("INFLUX_URL", &server.url)
            .set("INFLUX_ORG", &server.organization)
            .set("INFLUX_BUCKET", "system_metrics_raw");
        let is_influxdb2 = server.kind == "influxdb2";
        let role = match (is_influxdb2, server.has_token) {
            (true, _) => role.set("INFLUX_TOKEN_FILE", layout.token(token)),
            (false, true) => role.set("INFLUX_TOKEN_FILE", layout.token("operator")),
            (false, false) => role,
        };
        if is_influxdb2 {
            return role;
        }
        let role = role.set("WATCHPOST_INFLUX__KIND", server.kind);
        let role = match server.write_url.as_str() {
            "" => role,
            url => role.set("WATCHPOST_INFLUX__WRITE_URL", url),
        };
        match server.tenant.as_str() {
            "" => role,
            tenant => role.set("WATCHPOST_INFLUX__TENANT", tenant),
        }
    }

    fn ready_at(mut self, url: &str, path: &str) -> Self {
        self.ready = Ready::Answers(format!("{url}{path}"));
        self
    }

    fn found_at(mut self, url: String) -> Self {
        self.address = url;
        self
    }
}

fn listen(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
