//! The processes that a platform is made of, in the order in which each needs the others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::options::{Options, Server};

/// One process: what to run, with what, and how to tell that it is ready.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// Where people or other roles find it; empty for one that ends by itself.
    pub(super) address: String,
    /// Answers 200 once the role is ready. `None`: the role does its work and ends.
    pub(super) ready: Option<String>,
}

/// Where the server is that all roles talk to.
pub(super) fn server_url(options: &Options) -> String {
    match options.server {
        Server::Embedded | Server::Docker => loopback(options.ports.engine),
        Server::External => {
            std::env::var("INFLUX_URL").unwrap_or_else(|_| loopback(options.ports.engine))
        }
    }
}

/// All roles of the platform, the first to start first.
pub(super) fn platform(
    options: &Options,
    layout: &Layout,
    binaries: &Path,
    root: &Path,
) -> Vec<Role> {
    let made = Maker {
        options,
        layout,
        binaries,
        root,
    };
    let mut roles = Vec::new();
    if options.server == Server::Embedded {
        roles.push(made.engine());
    }
    roles.extend([made.provisioner(), made.agent()]);
    if options.hosts > 0 {
        roles.push(made.fleet());
    }
    roles.extend([made.alerter(), made.web()]);
    roles
}

struct Maker<'a> {
    options: &'a Options,
    layout: &'a Layout,
    binaries: &'a Path,
    root: &'a Path,
}

impl Maker<'_> {
    fn engine(&self) -> Role {
        let port = self.options.ports.engine;
        let arguments = [
            "--listen".into(),
            format!("127.0.0.1:{port}").into(),
            "--data-dir".into(),
            self.layout.data("engine").into(),
            "--setup-org".into(),
            "watchpost".into(),
            "--setup-bucket".into(),
            "system_metrics_raw".into(),
            "--setup-retention".into(),
            "7d".into(),
            "--setup-token-file".into(),
            self.layout.token("operator").into(),
        ];
        let address = loopback(port);
        let ready = Some(format!("{address}/health"));
        self.role(
            "engine",
            "watchpost-engine",
            arguments.into(),
            Vec::new(),
            address,
            ready,
        )
    }

    fn provisioner(&self) -> Role {
        let arguments = [
            "apply".into(),
            "--yes".into(),
            "--file".into(),
            self.root.join("deploy/platform.toml").into(),
            "--tokens-dir".into(),
            self.layout.secrets().into(),
        ];
        let environment = self.influx("operator");
        self.role(
            "provisioner",
            "watchpost-provisioner",
            arguments.into(),
            environment,
            String::new(),
            None,
        )
    }

    fn agent(&self) -> Role {
        let listen = format!("127.0.0.1:{}", self.options.ports.agent);
        let mut environment = self.influx("agent");
        environment.extend([
            ("WATCHPOST_LISTEN", listen.into()),
            ("WATCHPOST_BUFFER__FOLDER", self.layout.data("agent").into()),
        ]);
        let ready = format!("{}/ready", loopback(self.options.ports.agent));
        self.role(
            "agent",
            "watchpost-agent",
            vec!["run".into()],
            environment,
            String::new(),
            Some(ready),
        )
    }

    fn fleet(&self) -> Role {
        let arguments = vec![
            "simulate".into(),
            "--hosts".into(),
            self.options.hosts.to_string().into(),
            "--seed".into(),
            "42".into(),
        ];
        let listen = format!("127.0.0.1:{}", self.options.ports.fleet);
        let mut environment = self.influx("agent");
        environment.extend([
            ("WATCHPOST_LISTEN", listen.into()),
            ("WATCHPOST_BUFFER__FOLDER", self.layout.data("fleet").into()),
        ]);
        let ready = format!("{}/ready", loopback(self.options.ports.fleet));
        self.role(
            "fleet",
            "watchpost-agent",
            arguments,
            environment,
            String::new(),
            Some(ready),
        )
    }

    fn alerter(&self) -> Role {
        let arguments = vec!["run".into()];
        let address = loopback(self.options.ports.alerter);
        let mut environment = self.influx("alerter");
        environment.extend([
            (
                "WATCHPOST_LISTEN",
                format!("127.0.0.1:{}", self.options.ports.alerter).into(),
            ),
            (
                "WATCHPOST_RULES",
                self.root.join("deploy/rules.toml").into(),
            ),
            ("WATCHPOST_FOLDER", self.layout.data("alerter").into()),
            (
                "WATCHPOST_TOKEN_FILE",
                self.layout.token("alerter-api").into(),
            ),
        ]);
        let ready = Some(format!("{address}/ready"));
        self.role(
            "alerter",
            "watchpost-alerter",
            arguments,
            environment,
            address,
            ready,
        )
    }

    fn web(&self) -> Role {
        let address = loopback(self.options.ports.web);
        let mut environment = self.influx("web");
        environment.extend([
            (
                "WATCHPOST_LISTEN",
                format!("127.0.0.1:{}", self.options.ports.web).into(),
            ),
            (
                "WATCHPOST_ALERTER__URL",
                loopback(self.options.ports.alerter).into(),
            ),
            (
                "WATCHPOST_ALERTER__TOKEN_FILE",
                self.layout.token("alerter-api").into(),
            ),
        ]);
        let ready = Some(format!("{address}/ready"));
        self.role(
            "web",
            "watchpost-web",
            Vec::new(),
            environment,
            address,
            ready,
        )
    }

    /// What every client of the server is told: where it is and which token is its own.
    fn influx(&self, token: &str) -> Vec<(&'static str, OsString)> {
        vec![
            ("INFLUX_URL", server_url(self.options).into()),
            ("INFLUX_ORG", "watchpost".into()),
            ("INFLUX_BUCKET", "system_metrics_raw".into()),
            (
                "INFLUX_TOKEN_FILE",
                self.layout.token(token).into(),
            ),
        ]
    }

    fn role(
        &self,
        name: &'static str,
        binary: &str,
        arguments: Vec<OsString>,
        environment: Vec<(&'static str, OsString)>,
        address: String,
        ready: Option<String>,
    ) -> Role {
        Role {
            name,
            program: self.binaries.join(binary),
            arguments,
            environment,
            address,
            ready,
        }
    }
}

fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
