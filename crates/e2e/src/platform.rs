//! A platform of its own for a story: `up` on free ports in a temporary folder.

pub mod interrupt;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use watchpost_client::ask::Limits;
use watchpost_client::query::Query;
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_core::csv::Table;
use watchpost_query::{Answer, Kind, Question};
use watchpost_testkit::{Daemon, Signal, TempFolder, binary, skip, temp_folder, wait};

/// Every binary that `up` starts, and `up` itself.
const BINARIES: [&str; 6] = [
    "xtask",
    "watchpost-engine",
    "watchpost-provisioner",
    "watchpost-agent",
    "watchpost-alerter",
    "watchpost-web",
];

/// A week of a fleet is much to read for a debug build on a busy machine.
const QUERY_TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of an answer: two million points.
const ANSWER_BYTES: usize = 512 * 1024 * 1024;

/// A server that runs already, which `up --engine external` uses.
#[derive(Debug, Clone)]
pub struct Server {
    /// `http://HOST:PORT`.
    pub url: String,
    /// May do everything in the organization.
    pub token: String,
    pub organization: String,
    /// Of servers of another kind than InfluxDB 2: which, and where they are written to.
    pub named: Option<Named>,
}

/// A server of another kind, as `up` takes it.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// `victoriametrics` or `influxdb3`.
    pub kind: String,
    pub url: String,
    /// Empty where it is the same address.
    pub write_url: String,
    /// Of a VictoriaMetrics cluster.
    pub tenant: String,
}

impl Server {
    /// The one that `INFLUX_URL`, `INFLUX_TOKEN` or `INFLUX_TOKEN_FILE`, and `INFLUX_ORG` name;
    /// `variable` looks one up.
    ///
    /// # Errors
    /// What is missing, or a file that cannot be read.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Server, String> {
        let url = variable("INFLUX_URL").ok_or("INFLUX_URL does not say where the server is")?;
        let token = match (variable("INFLUX_TOKEN"), variable("INFLUX_TOKEN_FILE")) {
            (Some(token), _) => token,
            (None, Some(file)) => {
                fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?
            }
            (None, None) => return Err("neither INFLUX_TOKEN nor INFLUX_TOKEN_FILE is set".into()),
        };
        Ok(Server {
            url: url.trim_end_matches('/').to_owned(),
            token: token.trim().to_owned(),
            organization: variable("INFLUX_ORG").unwrap_or_else(|| "watchpost".into()),
            named: None,
        })
    }

    /// One of another kind; it need not ask for a token.
    ///
    /// # Errors
    /// The kind is unknown, the address is missing, or a file cannot be read.
    pub fn named(
        named: Named,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Server, String> {
        let kind: Kind = named.kind.parse()?;
        if kind == Kind::InfluxDb2 || named.url.is_empty() {
            return Err("--kind victoriametrics or influxdb3 and --url go together".into());
        }
        let with_url = |name: &str| match name {
            "INFLUX_URL" => Some(named.url.clone()),
            // Without one nothing is shown.
            "INFLUX_TOKEN" => {
                variable(name).or_else(|| variable("INFLUX_TOKEN_FILE").is_none().then(String::new))
            }
            other => variable(other),
        };
        let server = Server::from_variables(with_url)?;
        Ok(Server {
            named: Some(named),
            ..server
        })
    }
}

/// The folder of a platform, which outlives its processes.
pub struct Site {
    folder: TempFolder,
    rules: PathBuf,
    external: Option<Server>,
}

/// A running platform.
pub struct Platform {
    site: Arc<Site>,
    up: Daemon,
}

impl Site {
    /// A new folder; `rules` makes the alerter's rules for it. `None`, and said so, where a binary is
    /// not built.
    pub fn new(rules: impl FnOnce(&Path) -> String) -> Option<Arc<Site>> {
        if let Some(name) = missing_binary() {
            skip(&format!("{name} is not built (cargo xtask test builds it)"));
            return None;
        }
        let folder = temp_folder();
        let file = folder.path().join("rules.toml");
        fs::write(&file, rules(folder.path())).unwrap();
        Some(Arc::new(Site {
            folder,
            rules: file,
            external: None,
        }))
    }

    /// The same with a server that runs already.
    pub fn on(self: Arc<Self>, server: Server) -> Arc<Site> {
        let site = Arc::into_inner(self).expect("nothing runs in a new folder");
        Arc::new(Site {
            external: Some(server),
            ..site
        })
    }

    /// `up` with this folder, rules and server, on free ports.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.xtask("up", &["--free-ports"]);
        let binaries = binary("xtask").unwrap().parent().unwrap().to_owned();
        command.arg("--binaries").arg(binaries);
        command.arg("--rules").arg(&self.rules);
        // What is said for debugging must show no secret either.
        command.args(["--log-level", "debug"]);
        if let Some(server) = &self.external {
            match &server.named {
                None => {
                    command.args(["--engine", "external"]);
                    command
                        .env("INFLUX_URL", &server.url)
                        .env("INFLUX_ORG", &server.organization);
                }
                Some(named) => {
                    command.args(["--engine", &named.kind, "--url", &named.url]);
                    let more = [
                        ("--write-url", &named.write_url),
                        ("--tenant", &named.tenant),
                    ];
                    for (name, value) in more.into_iter().filter(|(_, value)| !value.is_empty()) {
                        command.args([name, value]);
                    }
                }
            }
            if !server.token.is_empty() {
                command.env("INFLUX_TOKEN", &server.token);
            }
        }
        command.args(arguments);
        command
    }

    /// A command of `xtask` about this folder.
    pub fn xtask(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Daemon::command("xtask").unwrap();
        command.arg(name).args(arguments);
        command.arg("--folder").arg(self.path("state"));
        command
    }

    /// Starts the platform and returns once every role is ready.
    pub fn up(self: &Arc<Self>, arguments: &[&str]) -> Platform {
        self.start(self.command(arguments))
    }

    /// As [`Site::up`], by a command that somebody has changed.
    pub fn up_as(self: &Arc<Self>, change: impl FnOnce(Command) -> Command) -> Platform {
        self.start(change(self.command(&[])))
    }

    fn start(self: &Arc<Self>, command: Command) -> Platform {
        let mut up = Daemon::start(command);
        interrupt::remember(up.id(), self.folder.path());
        up.wait_for_line("Ready after");
        Platform {
            site: Arc::clone(self),
            up,
        }
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What `up` writes down of its processes.
    pub fn state(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("state/up.json")).unwrap()).unwrap()
    }
}

impl Platform {
    /// Its folder.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// What `up` knows of a role.
    pub fn role(&self, name: &str) -> Value {
        let state = self.site.state();
        let roles = state["roles"].as_array().unwrap();
        roles.iter().find(|it| it["name"] == name).unwrap().clone()
    }

    /// Where a role answers.
    pub fn address(&self, role: &str) -> String {
        self.role(role)["address"].as_str().unwrap().to_owned()
    }

    /// Where the server answers, ours or another.
    pub fn server(&self) -> String {
        self.site.state()["server"].as_str().unwrap().to_owned()
    }

    /// Host and port of a role; the server is `engine`.
    pub fn authority(&self, role: &str) -> String {
        let address = match role {
            "engine" => self.server(),
            role => self.address(role),
        };
        let address = address.trim_start_matches("http://");
        address.trim_end_matches('/').to_owned()
    }

    /// The organization on the server.
    pub fn organization(&self) -> String {
        let external = self.site.external.as_ref();
        external.map_or_else(|| "watchpost".into(), |it| it.organization.clone())
    }

    /// What `up` has printed so far.
    pub fn text(&self) -> String {
        self.up.text()
    }

    /// Kills a role as nothing can catch it; `up` starts it again. Returns when it runs again.
    pub fn kill(&self, role: &str) {
        let before = self.role(role)["process"].as_u64().unwrap();
        let killed = Command::new("kill")
            .args(["-9", &before.to_string()])
            .status();
        assert!(killed.unwrap().success(), "kill -9 {before}");
        wait::until(&format!("{role} to run again"), || {
            (self.role(role)["process"].as_u64() != Some(before)).then_some(())
        });
    }

    /// Runs a command of a binary with one of the platform's tokens and gives what it printed.
    pub fn run(&self, name: &str, token: &str, arguments: &[&str]) -> String {
        let mut command = Daemon::command(name).unwrap();
        command.args(arguments).current_dir(workspace());
        command
            .env("INFLUX_URL", self.server())
            .env("INFLUX_ORG", self.organization());
        command.env("INFLUX_BUCKET", "system_metrics_raw");
        match self.named() {
            None => drop(command.env("INFLUX_TOKEN_FILE", self.token_file(token))),
            Some(named) => self.name_server(&mut command, named),
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{name} {arguments:?}: {}\n{text}{errors}",
            output.status
        );
        text
    }

    /// What a role needs to know of a server of another kind.
    fn name_server(&self, command: &mut Command, named: &Named) {
        let operator = self.token_file("operator");
        if operator.exists() {
            command.env("INFLUX_TOKEN_FILE", operator);
        }
        let settings = [
            ("WATCHPOST_INFLUX__KIND", &named.kind),
            ("WATCHPOST_INFLUX__WRITE_URL", &named.write_url),
            ("WATCHPOST_INFLUX__TENANT", &named.tenant),
        ];
        for (name, value) in settings.into_iter().filter(|(_, value)| !value.is_empty()) {
            command.env(name, value);
        }
    }

    /// The file of a token.
    pub fn token_file(&self, token: &str) -> PathBuf {
        self.site.path(&format!("state/secrets/{token}.token"))
    }

    /// The numbers of all its processes.
    pub fn processes(&self) -> Vec<u64> {
        let state = self.site.state();
        state["roles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["process"].as_u64().unwrap())
            .collect()
    }

    /// What stands behind the server's address.
    pub fn kind(&self) -> Kind {
        let named = self.named().map(|named| named.kind.parse());
        named.and_then(Result::ok).unwrap_or_default()
    }

    fn named(&self) -> Option<&Named> {
        self.site.external.as_ref()?.named.as_ref()
    }

    /// A client with one of the platform's tokens, where the server has such.
    pub fn client(&self, token: &str) -> Client {
        if let Some(named) = self.named() {
            let token = match self.token_file("operator").exists() {
                true => TokenSource::file(self.token_file("operator")),
                false => TokenSource::none(),
            };
            let config = ClientConfig::new(self.server(), self.organization(), token);
            let mut config =
                config.on_server(&named.kind, &named.write_url, &named.tenant, Vec::new());
            config.timeout = QUERY_TIMEOUT;
            return Client::new(config).unwrap();
        }
        let token = TokenSource::file(self.token_file(token));
        let mut config = ClientConfig::new(self.server(), self.organization(), token);
        config.timeout = QUERY_TIMEOUT;
        Client::new(config).unwrap()
    }

    /// The answer to a query with the token that may do everything.
    pub fn query(&self, text: &str) -> Vec<Table> {
        let client = self.client("operator");
        block_on(async { client.query(&Query::new(text)).await.unwrap() })
    }

    /// The answer to a question with the token that may do everything; nothing while the server does not
    /// answer.
    pub fn ask(&self, question: &Question) -> Option<Answer> {
        let client = self.client("operator");
        block_on(async { client.ask(question, &Limits::default()).await.ok() })
    }

    /// The answer to a question of at most so many points.
    ///
    /// # Errors
    /// The client's.
    pub fn ask_for(&self, question: &Question, rows: usize) -> Result<Answer, String> {
        let client = self.client("operator");
        let limits = Limits {
            rows,
            bytes: ANSWER_BYTES,
            timeout: None,
        };
        block_on(async { client.ask(question, &limits).await }).map_err(|error| error.to_string())
    }

    /// Asks a page of the web role: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.address("web")), None)
    }

    /// A figure of a role's `/metrics`, summed over its labels; nothing while the role does not answer.
    pub fn figure(&self, role: &str, name: &str) -> Option<f64> {
        let (_, text) = try_get(&format!("{}/metrics", self.address(role)), None)?;
        let values = text.lines().filter_map(|line| {
            let behind = line.strip_prefix(name)?;
            let value = behind
                .starts_with([' ', '{'])
                .then(|| behind.rsplit(' ').next());
            value.flatten()?.parse::<f64>().ok()
        });
        values.reduce(|sum, value| sum + value)
    }

    /// Waits until a file of the platform holds a text.
    pub fn wait_for_text(&self, file: &str, text: &str) -> String {
        let path = self.site.path(file);
        wait::until(&format!("{text:?} in {file}"), || {
            fs::read_to_string(&path)
                .ok()
                .filter(|it| it.contains(text))
        })
    }

    /// Stops it as Ctrl-C does; none of its processes is left.
    pub fn stop(mut self) {
        let processes = self.processes();
        assert!(self.up.stop().success(), "{}", self.up.text());
        for process in processes {
            assert!(
                !Path::new(&format!("/proc/{process}")).exists(),
                "process {process} was left behind"
            );
        }
    }
}

impl Drop for Platform {
    /// Also after a failure nothing is left behind: `up` is asked to stop before it would be killed.
    fn drop(&mut self) {
        self.up.signal(Signal::Terminate);
        wait::until_or_none(|| self.up.has_ended().then_some(()));
    }
}

/// The first binary of a platform that is not built.
pub fn missing_binary() -> Option<&'static str> {
    BINARIES.into_iter().find(|name| binary(name).is_none())
}

/// Asks an address, with a token if one is given: status and body.
///
/// # Panics
/// If nothing answers.
pub fn get(url: &str, token: Option<&str>) -> (u16, String) {
    try_get(url, token).unwrap_or_else(|| panic!("nothing answers at {url}"))
}

/// As [`get`], but nothing where nothing answers.
pub fn try_get(url: &str, token: Option<&str>) -> Option<(u16, String)> {
    let mut answer = with_token(agent().get(url), token).call().ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.body_mut().read_to_string().ok()?))
}

/// Deletes what is at an address: the status.
///
/// # Panics
/// If nothing answers.
pub fn delete(url: &str, token: Option<&str>) -> u16 {
    let answer = with_token(agent().delete(url), token).call();
    answer.unwrap().status().as_u16()
}

/// Gives the answer as it comes, whatever its status.
fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    ureq::Agent::new_with_config(config.build())
}

fn with_token<B>(request: ureq::RequestBuilder<B>, token: Option<&str>) -> ureq::RequestBuilder<B> {
    match token {
        Some(token) => request.header("Authorization", format!("Token {token}")),
        None => request,
    }
}

/// Runs a future to its end.
pub fn block_on<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(work)
}

/// The folder of the workspace, where the shipped files lie.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
