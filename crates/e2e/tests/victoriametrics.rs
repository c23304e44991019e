//! The platform on a real VictoriaMetrics, one node and a cluster, whose processes are killed under load.
//!
//! `VICTORIAMETRICS` names the binary of the single node, `VICTORIAMETRICS_CLUSTER` the folder of `vminsert`,
//! `vmselect` and `vmstorage`; without them this is skipped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use watchpost_e2e::platform::{Named, Platform, Server, Site, workspace};
use watchpost_e2e::seconds;
use watchpost_testkit::{Daemon, TempFolder, binary, skip, temp_folder, wait};

/// A host that is silent for longer than any outage here, and one that is always too high.
const RULES: &str = r#"
[defaults]
bucket = "system_metrics_raw"
measurement = "system_metrics"
every = "2s"

[[rule]]
name = "host_silent"
kind = "no_data"
field = "memory_usage_percent"
group_by = ["host"]
after = "20s"
severity = "critical"

[[rule]]
name = "cpu_any"
kind = "threshold"
field = "cpu_usage_percent"
where = ['cpu=""', 'host="host-1"']
aggregate = "mean"
window = "10s"
above = { critical = -1 }

[route]
receiver = "local"
group_by = ["alertname", "host"]
group_wait = "0s"

[[receiver]]
name = "local"
kind = "file"
path = "alerts.log"
"#;

const HOSTS: usize = 5;

/// A process of a server, on the same port and folder each time.
struct Node {
    program: PathBuf,
    arguments: Vec<String>,
    address: SocketAddr,
    running: Option<Daemon>,
}

impl Node {
    fn start(program: &Path, address: SocketAddr, arguments: Vec<String>) -> Node {
        let mut node = Node {
            program: program.to_owned(),
            arguments,
            address,
            running: None,
        };
        node.again();
        node
    }

    fn again(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let mut daemon = Daemon::start(command);
        daemon.wait_for_port(self.address);
        self.running = Some(daemon);
    }

    fn kill(&mut self) {
        if let Some(mut daemon) = self.running.take() {
            daemon.kill();
        }
    }
}

/// Ports that nothing listens on, each another.
fn ports<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    held.each_ref().map(|it| it.local_addr().unwrap())
}

fn flags(all: &[String]) -> Vec<String> {
    let common = [
        "-memory.allowedBytes=128MB",
        "-loggerLevel=WARN",
        "-dedup.minScrapeInterval=1ms",
    ];
    all.iter()
        .cloned()
        .chain(common.map(str::to_owned))
        .collect()
}

fn platform(named: Named) -> Option<(Arc<Site>, Platform)> {
    let site = Site::new(|_| RULES.to_owned())?;
    let server = Server::named(named, |_| None).unwrap();
    let site = site.on(server);
    let platform = site.up(&["--hosts", &HOSTS.to_string()]);
    wait::until("every host on the page", || {
        (hosts(&platform) > HOSTS).then_some(())
    });
    Some((site, platform))
}

fn hosts(platform: &Platform) -> usize {
    let (_, body) = platform.get("/api/v1/hosts");
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    answer["hosts"].as_array().map_or(0, Vec::len)
}

/// What was sent to the receiver of the rules.
fn messages(site: &Site) -> String {
    std::fs::read_to_string(site.path("state/data/alerter/alerts.log")).unwrap_or_default()
}

/// The alert that is always there was sent, and nothing else was said of any host.
fn only_the_true_alert(site: &Site) {
    let messages = messages(site);
    assert!(messages.contains("cpu_any"), "{messages}");
    assert!(!messages.contains("host_silent"), "{messages}");
    assert!(!messages.contains("resolved"), "{messages}");
}

#[test]
fn a_killed_node_costs_no_point_and_no_page() {
    let Ok(program) = std::env::var("VICTORIAMETRICS") else {
        return skip("VICTORIAMETRICS names no binary of VictoriaMetrics");
    };
    let data = temp_folder();
    let [address] = ports();
    let arguments = flags(&[
        format!("-storageDataPath={}", data.path().display()),
        format!("-httpListenAddr={address}"),
        "-retentionPeriod=1y".to_owned(),
    ]);
    let mut node = Node::start(Path::new(&program), address, arguments);
    let named = Named {
        kind: "victoriametrics".into(),
        url: format!("http://{address}"),
        ..Named::default()
    };
    let Some((site, platform)) = platform(named) else {
        return;
    };
    wait::until("the true alert", || {
        messages(&site).contains("cpu_any").then_some(())
    });
    let before = wait::until("a point", || seconds::newest(&platform, "host-4"));
    kept_by_the_alerter(&platform);
    node.kill();
    // The page goes on with what it knows, and says that the database is away.
    wait::until("an unknown fleet", || {
        let (_, body) = platform.get("/api/v1/hosts");
        body.contains("\"down\"").then_some(())
    });
    // A server that is back before an agent writes again is not seen to have been away.
    for role in ["agent", "fleet"] {
        platform.wait_for_text(&format!("state/logs/{role}.log"), "takes no data");
    }
    node.again();
    seconds::wait_for_all(&platform, HOSTS, before, 25).unwrap();
    seconds::nothing_dropped(&platform).unwrap();
    only_the_true_alert(&site);
    shown_again(&platform);
    platform.stop();
}

#[test]
fn a_killed_storage_node_makes_no_hole_and_no_page() {
    let Ok(programs) = std::env::var("VICTORIAMETRICS_CLUSTER") else {
        return skip(
            "VICTORIAMETRICS_CLUSTER names no folder with vminsert, vmselect and vmstorage",
        );
    };
    let data = temp_folder();
    let mut cluster = Cluster::start(Path::new(&programs), &data);
    let named = Named {
        kind: "victoriametrics".into(),
        url: format!("http://{}", cluster.select[0].address),
        write_url: format!("http://{}", cluster.insert[0].address),
        tenant: "0".into(),
    };
    let Some((site, platform)) = platform(named) else {
        return;
    };
    wait::until("the true alert", || {
        messages(&site).contains("cpu_any").then_some(())
    });
    let before = wait::until("a point", || seconds::newest(&platform, "host-4"));
    cluster.storage[1].kill();
    // With a node away all that is asked is answered, from the copies.
    let seen = wait::until("points while a node is away", || {
        seconds::newest(&platform, "host-4").filter(|it| *it > before + 25 * seconds::SECOND)
    });
    cluster.storage[1].again();
    seconds::wait_for_all(
        &platform,
        HOSTS,
        before,
        (seen - before) / seconds::SECOND + 15,
    )
    .unwrap();
    seconds::nothing_dropped(&platform).unwrap();
    only_the_true_alert(&site);
    platform.stop();
}

/// The commands of docs/servers.md about the provisioner, as they stand but for the port; `vmauth` is run where
/// it is built.
#[test]
fn the_commands_of_the_document_work() {
    let Ok(program) = std::env::var("VICTORIAMETRICS") else {
        return skip("VICTORIAMETRICS names no binary of VictoriaMetrics");
    };
    let (Some(provisioner), data) = (binary("watchpost-provisioner"), temp_folder()) else {
        return skip("watchpost-provisioner is not built");
    };
    let [address] = ports();
    let arguments = flags(&[
        format!("-storageDataPath={}", data.path().join("vm").display()),
        format!("-httpListenAddr={address}"),
        "-retentionPeriod=1y".to_owned(),
    ]);
    let _node = Node::start(Path::new(&program), address, arguments);
    let commands = crate::docs::blocks(&workspace().join("docs/servers.md"));
    let commands = commands
        .into_iter()
        .filter(|it| it.info == "console victoriametrics" && it.text.contains("provisioner"));
    let script: String = commands.map(|it| it.text.replace("$ ", "")).collect();
    let script = script
        .replace("127.0.0.1:8428", &address.to_string())
        .replace("watchpost-provisioner", &provisioner.display().to_string())
        .replace("deploy/", &format!("{}/deploy/", workspace().display()));
    let without_vmauth = |line: &&str| !line.starts_with("vmauth");
    let script: Vec<&str> = script.lines().filter(without_vmauth).collect();
    let output = Command::new("sh")
        .args(["-euc", &script.join("\n")])
        .current_dir(data.path())
        .env_remove("INFLUX_TOKEN")
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("days were made"), "{said}");
    let users = std::fs::read_to_string(data.path().join("secrets/vmauth.yml")).unwrap();
    assert!(
        users.contains("extra_label=bucket=system_metrics_raw"),
        "{users}"
    );
}

/// A note, a board: where the server keeps no texts, the alerter does.
fn kept_by_the_alerter(platform: &Platform) {
    let web = platform.address("web");
    let panel = json!({ "metrics": ["cpu_usage_percent"], "hosts": ["host-1"] });
    let board = json!({ "panels": [panel] });
    for (path, body) in [
        ("/api/v1/annotations", json!({ "text": "a note" })),
        ("/api/v1/boards/wall", board),
    ] {
        let sent = ureq::post(format!("{web}{path}"))
            .header("Content-Type", "application/json")
            .send(body.to_string());
        assert!(sent.is_ok(), "{path}: {sent:?}");
    }
    shown_again(platform);
}

fn shown_again(platform: &Platform) {
    for (path, part) in [
        ("/api/v1/annotations", "a note"),
        ("/api/v1/boards/wall", "cpu_usage_percent"),
        ("/boards/wall", "wall"),
        ("/hosts/host-1", "host-1"),
        ("/api/v1/alerts/spans?range=1h", "cpu_any"),
        ("/api/v1/alerts/history", "cpu_any"),
        (
            "/api/v1/series?metric=cpu_usage_percent&host=host-1&range=15m",
            "host-1",
        ),
        (
            "/api/v1/series?metric=network_bytes_recv&host=host-1&range=15m",
            "host-1",
        ),
        (
            "/api/v1/compare?metric=cpu_usage_percent&hosts=host-1,host-2&range=15m",
            "host-2",
        ),
        ("/history", "history"),
        ("/compare", "compare"),
    ] {
        wait::until(path, || {
            let (status, body) = platform.get(path);
            (status == 200 && body.contains(part)).then_some(())
        });
    }
}

/// Two vminsert, two vmselect, three vmstorage, each point on two of them.
struct Cluster {
    storage: Vec<Node>,
    insert: Vec<Node>,
    select: Vec<Node>,
}

impl Cluster {
    fn start(programs: &Path, data: &TempFolder) -> Cluster {
        let ports: [SocketAddr; 13] = ports();
        let storage = (0..3).map(|at| {
            let [http, insert, select] = [ports[3 * at], ports[3 * at + 1], ports[3 * at + 2]];
            let folder = data.path().join(format!("storage-{at}"));
            let arguments = flags(&[
                format!("-storageDataPath={}", folder.display()),
                format!("-httpListenAddr={http}"),
                format!("-vminsertAddr={insert}"),
                format!("-vmselectAddr={select}"),
                "-retentionPeriod=1y".to_owned(),
            ]);
            Node::start(&programs.join("vmstorage"), http, arguments)
        });
        let storage: Vec<Node> = storage.collect();
        let nodes = |offset: usize| {
            let all = (0..3).map(|at| ports[3 * at + offset].to_string());
            format!("-storageNode={}", all.collect::<Vec<_>>().join(","))
        };
        let front = |name: &str, ports: &[SocketAddr], offset: usize, more: &[&str]| {
            let start = |address: &SocketAddr| {
                let own = [
                    format!("-httpListenAddr={address}"),
                    nodes(offset),
                    "-replicationFactor=2".to_owned(),
                    "-memory.allowedBytes=128MB".to_owned(),
                    "-loggerLevel=WARN".to_owned(),
                ];
                let more = more.iter().map(|it| (*it).to_owned());
                let arguments = own.into_iter().chain(more).collect();
                Node::start(&programs.join(name), *address, arguments)
            };
            ports.iter().map(start).collect::<Vec<_>>()
        };
        Cluster {
            storage,
            insert: front("vminsert", &ports[9..11], 1, &[]),
            select: front(
                "vmselect",
                &ports[11..],
                2,
                &["-dedup.minScrapeInterval=1ms"],
            ),
        }
    }
}
