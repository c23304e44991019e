//! What the platform's own questions cost on servers of several kinds: 200 rules over a thousand hosts, and the
//! fleet's page of a web role that has just begun. One server after the other, each under the same live load.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::options::Options;
use super::scenarios;

/// Packages whose binaries take part.
pub(super) const PACKAGES: &[&str] = &[
    "watchpost-engine",
    "watchpost-agent",
    "watchpost-alerter",
    "watchpost-web",
];

/// How much is watched, and for how long.
struct Size {
    hosts: usize,
    rules: usize,
    seconds: u64,
}

const FULL: Size = Size {
    hosts: 1_000,
    rules: 200,
    seconds: 60,
};
const QUICK: Size = Size {
    hosts: 10,
    rules: 10,
    seconds: 15,
};

const HEAD: &str = "\
| server | rules, hosts | mean until a rule has its answer | evaluations (failed) | a new page knows all hosts | fleet's page, median |
|---|---|---:|---:|---:|---:|
";

/// Longest that a role takes until it is ready, or knows the fleet.
const PATIENCE: Duration = Duration::from_secs(120);
/// Loads of the page, of which the median is told.
const LOADS: usize = 15;

/// A server: what the roles are told of it.
struct Server {
    name: String,
    url: String,
    kind: String,
    write_url: String,
    tenant: String,
    token_file: Option<PathBuf>,
}

/// What was measured on one.
struct Figures {
    /// Until a rule had its answer, of all that is due at once: mean in ms, and evaluations.
    mean: f64,
    evaluations: f64,
    failed: f64,
    /// Until a new web role knew all hosts, and median of its page, in ms.
    knows: f64,
    page: f64,
}

/// Measures the engine and each named server; gives a table as Markdown.
pub(super) fn measure(root: &Path, options: &Options) -> Result<String> {
    let binaries = scenarios::binaries(root, options);
    let size = if options.quick { QUICK } else { FULL };
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let mut text = HEAD.to_owned();
    let (engine, _process) = spawn_engine(&binaries, folder.path())?;
    let named = options.server_arguments().filter(|it| *it != "--server");
    let servers = named.map(read).collect::<Result<Vec<_>>>()?;
    for server in std::iter::once(engine).chain(servers) {
        eprintln!("      {}", server.name);
        let own = folder.path().join(&server.name);
        fs::create_dir_all(&own)?;
        let found = on(&server, &binaries, &own, &size)?;
        text += &format!(
            "| {} | {}, {} | {:.0} ms | {:.0} ({:.0}) | {:.0} ms | {:.1} ms |\n",
            server.name,
            size.rules,
            size.hosts,
            found.mean,
            found.evaluations,
            found.failed,
            found.knows,
            found.page
        );
    }
    text += &format!(
        "\nEach server gets ten minutes of {} simulated hosts, then their points every 10 s while it is measured for {} s. All \
         rules are due at the same moment, every 10 s; the mean is over all of them, from that moment.\n",
        size.hosts, size.seconds
    );
    Ok(text)
}

/// `NAME=URL[,kind=…][,write-url=…][,tenant=…][,token-file=…]`.
fn read(text: &str) -> Result<Server> {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let (name, url) = first
        .split_once('=')
        .with_context(|| format!("--server {text}: write NAME=URL"))?;
    let mut server = Server {
        name: name.to_owned(),
        url: url.to_owned(),
        kind: "influxdb2".to_owned(),
        write_url: String::new(),
        tenant: String::new(),
        token_file: None,
    };
    for part in parts {
        match part.split_once('=') {
            Some(("kind", value)) => server.kind = value.to_owned(),
            Some(("write-url", value)) => server.write_url = value.to_owned(),
            Some(("tenant", value)) => server.tenant = value.to_owned(),
            Some(("token-file", value)) => server.token_file = Some(std::path::absolute(value)?),
            // Of other suites: where a server keeps its data, its organization.
            Some(("data-dir" | "org", _)) => {}
            _ => bail!("--server {text}: {part:?} is not known here"),
        }
    }
    Ok(server)
}

/// A process that ends with its value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn spawn_engine(binaries: &Path, folder: &Path) -> Result<(Server, Process)> {
    let (port, token) = (free_port()?, folder.join("engine.token"));
    let url = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(binaries.join("watchpost-engine"));
    command
        .arg("--data-dir")
        .arg(folder.join("engine-data"))
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--setup-org", "watchpost"])
        .args(["--setup-bucket", "system_metrics_raw"])
        .arg("--setup-token-file")
        .arg(&token);
    let process = start(command, &folder.join("engine.log"))?;
    until("the engine", || get(&format!("{url}/health")).map(drop))?;
    let server = Server {
        name: "engine".to_owned(),
        url,
        kind: "influxdb2".to_owned(),
        write_url: String::new(),
        tenant: String::new(),
        token_file: Some(token),
    };
    Ok((server, process))
}

fn on(server: &Server, binaries: &Path, folder: &Path, size: &Size) -> Result<Figures> {
    let role = |name: &str| {
        let mut command = Command::new(binaries.join(name));
        tell(&mut command, server);
        command.current_dir(folder);
        command
    };
    let hosts = size.hosts.to_string();
    let mut past = role("watchpost-agent");
    past.args(["simulate", "--hosts", &hosts, "--interval", "10s"]);
    past.args(["--from", "-10m", "--for", "10m"]);
    past.stdout(Stdio::null());
    if !past.status().context("watchpost-agent")?.success() {
        bail!("the past of {} was not written", server.name);
    }
    let mut fleet = role("watchpost-agent");
    fleet.args(["simulate", "--hosts", &hosts, "--interval", "10s"]);
    fleet.env("WATCHPOST_TELEMETRY__ENABLED", "false");
    let _fleet = start(fleet, &folder.join("fleet.log"))?;

    let port = free_port()?;
    let rules = folder.join("rules.toml");
    fs::write(&rules, self::rules(size.rules))?;
    let mut alerter = role("watchpost-alerter");
    alerter
        .arg("run")
        .env("WATCHPOST_API__LISTEN__LISTEN", format!("127.0.0.1:{port}"))
        .env("WATCHPOST_RULES__FILE", &rules)
        .env("WATCHPOST_RULES__OWN", "")
        .env("WATCHPOST_HISTORY__ENABLED", "false")
        .env("WATCHPOST_STORE__FOLDER", folder.join("alerter"));
    let alerter = start(alerter, &folder.join("alerter.log"))?;
    std::thread::sleep(Duration::from_secs(size.seconds));
    let metrics = get(&format!("http://127.0.0.1:{port}/metrics"))?;
    drop(alerter);
    let evaluations = figure(&metrics, "watchpost_alerter_evaluation_seconds_count", "");
    let failed = figure(
        &metrics,
        "watchpost_alerter_evaluations_total",
        "result=\"error\"",
    );
    let sum = figure(&metrics, "watchpost_alerter_evaluation_seconds_sum", "");
    let (knows, page) = page(role("watchpost-web"), folder, size.hosts)?;
    Ok(Figures {
        mean: sum / evaluations.max(1.0) * 1e3,
        evaluations,
        failed,
        knows,
        page,
    })
}

/// Starts a web role and loads the fleet's page: ms until it knows all hosts, and the median of a load.
fn page(mut web: Command, folder: &Path, hosts: usize) -> Result<(f64, f64)> {
    let address = format!("127.0.0.1:{}", free_port()?);
    web.env("WATCHPOST_HTTP__LISTEN", &address);
    let begun = Instant::now();
    let _web = start(web, &folder.join("web.log"))?;
    until("all hosts on the page", || {
        let answer = get(&format!("http://{address}/api/v1/hosts"))?;
        let answer: Value = serde_json::from_str(&answer)?;
        let known = answer["hosts"].as_array().map_or(0, Vec::len);
        match known >= hosts {
            true => Ok(()),
            false => bail!("{known} of {hosts}"),
        }
    })?;
    let knows = begun.elapsed().as_secs_f64() * 1e3;
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let begun = Instant::now();
        get(&format!("http://{address}/"))?;
        loads.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    loads.sort_by(f64::total_cmp);
    Ok((knows, loads[LOADS / 2]))
}

/// Rules of four kinds over all hosts, none of which fires.
fn rules(count: usize) -> String {
    const FIELDS: [&str; 5] = [
        "cpu_usage_percent",
        "memory_usage_percent",
        "cpu_load_1m",
        "disk_usage_percent",
        "memory_used_bytes",
    ];
    let mut text = "[defaults]\nbucket = \"system_metrics_raw\"\nmeasurement = \"system_metrics\"\nevery = \"10s\"\n\
        [route]\nreceiver = \"local\"\n[[receiver]]\nname = \"local\"\nkind = \"file\"\npath = \"alerts.log\"\n"
        .to_owned();
    for at in 0..count {
        let field = FIELDS[at % FIELDS.len()];
        let minutes = 1 + at % 5;
        let own = match at % 4 {
            0 => format!(
                "kind = \"threshold\"\nfield = \"{field}\"\naggregate = \"mean\"\nwindow = \"{minutes}m\"\nabove = {{ critical = 1e300 }}"
            ),
            1 => format!(
                "kind = \"threshold\"\nfield = \"{field}\"\naggregate = \"max\"\nwindow = \"{minutes}m\"\nabove = {{ critical = 1e300 }}"
            ),
            2 => format!(
                "kind = \"rate\"\nfield = \"network_bytes_recv\"\nwindow = \"{minutes}m\"\nabove = {{ critical = 1e300 }}"
            ),
            _ => format!(
                "kind = \"no_data\"\nfield = \"{field}\"\ngroup_by = [\"host\"]\nafter = \"{}m\"\nseverity = \"critical\"",
                minutes + 30
            ),
        };
        text += &format!("[[rule]]\nname = \"rule_{at}\"\n{own}\n");
    }
    text
}

/// The sum of a figure over the lines that hold a part.
fn figure(metrics: &str, name: &str, part: &str) -> f64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(part));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

fn tell(command: &mut Command, server: &Server) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("INFLUX_") || text.starts_with("WATCHPOST_") {
            command.env_remove(&name);
        }
    }
    command
        .env("INFLUX_URL", &server.url)
        .env("INFLUX_ORG", "watchpost")
        .env("INFLUX_BUCKET", "system_metrics_raw")
        .env("WATCHPOST_INFLUX__KIND", &server.kind)
        .env("WATCHPOST_LOG__LEVEL", "warn");
    for (name, value) in [
        ("WATCHPOST_INFLUX__WRITE_URL", &server.write_url),
        ("WATCHPOST_INFLUX__TENANT", &server.tenant),
    ] {
        if !value.is_empty() {
            command.env(name, value);
        }
    }
    if let Some(file) = &server.token_file {
        command.env("INFLUX_TOKEN_FILE", file);
    }
}

fn start(mut command: Command, log: &Path) -> Result<Process> {
    let log = fs::File::create(log)?;
    let program = command.get_program().display().to_string();
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    Ok(Process(child))
}

fn until(what: &str, mut done: impl FnMut() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    loop {
        match done() {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() > PATIENCE => {
                return Err(error.context(format!("waited in vain for {what}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn get(url: &str) -> Result<String> {
    let mut answer = ureq::get(url).call()?;
    Ok(answer.body_mut().read_to_string()?)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
