//! What each package has in it, whatever its format.

/// A package of one role.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: &'static str,
    /// One line, as lists of packages show it.
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    /// Units that are enabled, in the order in which they start.
    pub(super) units: &'static [&'static str],
    /// Further files of systemd that lie beside these.
    pub(super) more_units: &'static [&'static str],
    /// Files of `deploy/etc` (or made of `deploy/`) that are configuration.
    pub(super) configuration: &'static [&'static str],
    /// Files of the repository and the folder under `/usr/share/watchpost` that they go to.
    pub(super) shared: &'static [(&'static str, &'static str)],
    /// Empty folders for files of one's own.
    pub(super) folders: &'static [&'static str],
    /// Tokens that are made at the installation if they are not there.
    pub(super) tokens: &'static [&'static str],
    /// Tokens that nothing else uses: they go when the configuration goes.
    pub(super) own_tokens: &'static [&'static str],
    /// Says whether the configuration is in order.
    pub(super) check: &'static str,
    /// Three lines: what to do after the first installation.
    pub(super) next: &'static str,
    pub(super) has_firewall_service: bool,
    /// Arguments of the program that say whether it works, for containers; `None` for a job that ends.
    pub(super) health_check: Option<&'static [&'static str]>,
}

impl Role {
    /// The name of the package and of its program.
    pub(super) fn program(&self) -> String {
        format!("watchpost-{}", self.name)
    }
}

/// The package that brings all of them.
pub(super) const PLATFORM: &str = "watchpost";
pub(super) const PLATFORM_SUMMARY: &str = "system monitoring platform: all roles on one machine";
pub(super) const PLATFORM_DESCRIPTION: &str = "\
This metapackage brings the embedded server, the provisioner, the agent, the
alerter and the web page, and starts them in their order, on loopback.";

/// `.invalid` (RFC 2606): nobody reads it. Where packages are published, an address that is read takes its place.
pub(super) const MAINTAINER: &str = "Watchpost <packages@watchpost.invalid>";

pub(super) const ROLES: [Role; 5] = [
    Role {
        name: "engine",
        summary: "embedded server with the HTTP API of InfluxDB 2",
        description: "\
Stores metrics and answers Flux and InfluxQL over the HTTP API of InfluxDB 2.
It listens on loopback until /etc/watchpost/engine.env says otherwise.",
        units: &["watchpost-engine.service"],
        more_units: &[],
        configuration: &["engine.env"],
        shared: &[],
        folders: &[],
        tokens: &["operator"],
        own_tokens: &[],
        check: "true",
        next: "\
watchpost-engine serves on 127.0.0.1:8086; its data is in /var/lib/watchpost/engine.
The operator's token is /etc/watchpost/tokens/operator.token: keep a copy of it elsewhere.
For other hosts set WATCHPOST_ENGINE_LISTEN and a certificate in /etc/watchpost/engine.env.",
        has_firewall_service: true,
        health_check: Some(&["ping"]),
    },
    Role {
        name: "provisioner",
        summary: "makes buckets, tasks and tokens of a server what a file says",
        description: "\
Makes the buckets, downsampling tasks and tokens of an InfluxDB 2 or of the
embedded server what /etc/watchpost/platform.toml says, and writes each minute
how the server itself is.",
        units: &["watchpost-provisioner.service", "watchpost-health.timer"],
        more_units: &["watchpost-health.service"],
        configuration: &["provisioner.toml", "platform.toml"],
        shared: &[
            ("flux-tasks/downsample_hourly.flux", "flux-tasks"),
            ("flux-tasks/downsample_daily.flux", "flux-tasks"),
            ("flux-tasks/cpu_statistics.flux", "flux-tasks"),
        ],
        folders: &[],
        tokens: &[],
        own_tokens: &["health"],
        check: "watchpost-provisioner --file /etc/watchpost/platform.toml validate >/dev/null",
        next: "\
With /etc/watchpost/tokens/operator.token, and the server in /etc/watchpost/provisioner.toml:
systemctl restart watchpost-provisioner    makes buckets, tasks and the other roles' tokens
Hosts with an agent get agent.token from /etc/watchpost/tokens.",
        has_firewall_service: false,
        health_check: None,
    },
    Role {
        name: "alerter",
        summary: "evaluates rules over metrics and sends notifications",
        description: "\
Evaluates rules against the metrics in an InfluxDB 2 or in the embedded server
and notifies chat, mail, pagers and webhooks.",
        units: &["watchpost-alerter.service"],
        more_units: &[],
        configuration: &["alerter.toml"],
        shared: &[("deploy/rules.toml", "")],
        folders: &["/etc/watchpost/rules.d"],
        tokens: &["alerter-api"],
        own_tokens: &["alerter"],
        check: "watchpost-alerter --config /etc/watchpost/alerter.toml check-config >/dev/null",
        next: "\
With /etc/watchpost/tokens/alerter.token, and the server in /etc/watchpost/alerter.toml:
systemctl start watchpost-alerter    evaluates the shipped rules
Receivers and rules of your own go into /etc/watchpost/rules.d; watchpost-alerter receiver --help tries them.",
        has_firewall_service: false,
        health_check: Some(&["ping"]),
    },
    Role {
        name: "web",
        summary: "web page and HTTP API over the metrics of a fleet",
        description: "\
Shows hosts, charts and alerts in a browser and answers scripts. It listens on
loopback until /etc/watchpost/web.toml names users and another address.",
        units: &["watchpost-web.service"],
        more_units: &[],
        configuration: &["web.toml"],
        shared: &[],
        folders: &[],
        tokens: &["alerter-api"],
        own_tokens: &["web", "annotations"],
        check: "watchpost-web --config /etc/watchpost/web.toml check-config >/dev/null",
        next: "\
With web.token and annotations.token in /etc/watchpost/tokens, and the server in /etc/watchpost/web.toml:
systemctl start watchpost-web    serves on http://127.0.0.1:5000
For other addresses name users there (http.users_file); watchpost-web hash-password makes their entries.",
        has_firewall_service: true,
        health_check: Some(&["ping"]),
    },
    Role {
        name: "agent",
        summary: "collects the metrics of a host and writes them to InfluxDB",
        description: "\
Collects CPU, memory, disks, network, processes and more of this host each
second and writes them to an InfluxDB 2 or to the embedded server; it keeps
what it cannot write on disk until it can.",
        units: &["watchpost-agent.service"],
        more_units: &[],
        configuration: &["agent.toml"],
        shared: &[],
        folders: &[],
        tokens: &[],
        own_tokens: &["agent"],
        check: "watchpost-agent --config /etc/watchpost/agent.toml check-config >/dev/null",
        next: "\
Name the server in /etc/watchpost/agent.toml and put its token into /etc/watchpost/tokens/agent.token (mode 0600).
systemctl start watchpost-agent    starts it, and each boot does
watchpost-agent status             says how it is doing",
        has_firewall_service: false,
        health_check: Some(&["ping"]),
    },
];
