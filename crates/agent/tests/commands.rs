//! The commands of the built program: what they print, and with which code they end.

use watchpost_testkit::wait;

use crate::agent::{self, Setup};
use crate::fake_influx::FakeInflux;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn two_outputs_get_the_same() {
    let (first, second) = (FakeInflux::start(), FakeInflux::away());
    let token = "token = \"other\"";
    let setup = Setup::new(
        &first.url(),
        &format!("[outputs.second]\nurl = \"{}\"\n{token}\n", second.url()),
    );
    let mut agent = setup.start();
    wait::until("the first to have data", || {
        (first.times("uptime").len() >= 3).then_some(())
    });
    second.come_back();
    wait::until("the second to have all the first has", || {
        let (first, second) = (first.times("uptime"), second.times("uptime"));
        (second.len() >= 3 && first.iter().take(3).all(|time| second.contains(time))).then_some(())
    });
    assert!(agent.stop().success());
}

#[test]
fn status_tells_how_a_running_agent_is_doing() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    let address = agent::telemetry(&mut agent);
    let status = || {
        let listen = format!("telemetry.listen={address}");
        setup
            .command()
            .args(["status", "--output", "json", "--set", &listen])
            .output()
            .unwrap()
    };
    let output = wait::until("a good status", || {
        Some(status()).filter(|output| output.status.success())
    });
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["running"], &report["ready"]),
        (&true.into(), &true.into())
    );
    assert!(report["lines_written"].as_f64().unwrap() > 0.0);
    assert_eq!(report["lines_dropped"], 0, "a count is a whole number");
    assert!(report["resident_bytes"].as_f64().unwrap() > 1_000_000.0);
    let listen = format!("telemetry.listen={address}");
    let output = setup
        .command()
        .args(["status", "--set", &listen])
        .output()
        .unwrap();
    let page = text(&output.stdout);
    assert!(
        page.contains("lines dropped               0\n") && !page.contains("-0"),
        "{page}"
    );
    assert!(
        page.starts_with("running") && page.contains(" MB\n"),
        "{page}"
    );
    assert!(agent.stop().success());
    let output = status();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("\"running\":false"));
}

/// As `| head` leaves it: what is printed has no reader any more.
#[test]
fn a_reader_that_has_left_is_no_panic() {
    let setup = Setup::new("http://127.0.0.1:9", "");
    let commands: [&[&str]; 4] = [
        &["status"],
        &["status", "--output", "json"],
        &["self-test"],
        &["check-config"],
    ];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = setup.command();
        command.args(arguments).stdout(writer);
        let output = command.output().unwrap();
        let told = text(&output.stderr);
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}");
    }
}

#[test]
fn what_the_agent_writes_can_be_queried() {
    use watchpost_client::query::{Param, Query};
    use watchpost_client::{Client, ClientConfig, TokenSource};

    let Some(server) = watchpost_testkit::server() else {
        return;
    };
    let setup = Setup::new(&server.url, "[tags]\nhost = \"a host of its own\"\n");
    setup.set_token(&server.token);
    let mut command = setup.command();
    command.args([
        "--set",
        &format!("influx.org={}", server.org),
        "--set",
        &format!("influx.bucket={}", server.bucket),
    ]);
    let mut agent = watchpost_testkit::Daemon::start(command);
    agent.wait_for_line("The agent has started.");
    let token = TokenSource::fixed(server.token.as_str());
    let client = Client::new(ClientConfig::new(&server.url, &server.org, token)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let query = Query::new(
        "from(bucket: params.bucket)
  |> range(start: -10m)
  |> filter(fn: (r) => r._measurement == \"system_metrics\" and r.host == \"a host of its own\" and r._field == \"uptime_seconds\")
  |> count()",
    )
    .param("bucket", Param::String(server.bucket.clone()));
    wait::until("ten points in the server", || {
        let tables = runtime.block_on(client.query(&query)).unwrap();
        let counts = tables
            .iter()
            .flat_map(|table| table.rows())
            .filter_map(|row| row.i64("_value"));
        counts.max().filter(|count| *count >= 10)
    });
    assert!(agent.stop().success());
}

#[test]
fn an_agent_whose_metrics_port_is_taken_collects_and_takes_the_port_when_it_is_free() {
    let server = FakeInflux::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let setup = Setup::new(&server.url(), "");
    setup.configure(&setup.config().replace("127.0.0.1:0", &address.to_string()));
    let mut agent = setup.start();
    let line = agent.wait_for_line("the work goes on without /health");
    assert!(line.contains(&address.to_string()), "{line}");
    agent::wait_for_ticks(&server, 3);
    drop(taken);
    agent.wait_for_line("health and metrics are served now");
    assert!(agent::get(address, "/health").contains("watchpost-agent"));
    let lines = agent.output.all();
    let said = lines
        .iter()
        .filter(|line| line.contains("the work goes on"));
    assert_eq!(said.count(), 1, "it is said once");
    assert!(agent.stop().success());
}

#[test]
fn explain_tells_of_each_source_whether_it_is_there_and_what_it_costs() {
    let setup = Setup::new("http://127.0.0.1:1", "");
    let root = setup.path("host");
    std::fs::create_dir_all(root.join("proc")).unwrap();
    std::fs::write(root.join("proc/uptime"), "680.59 1309.48\n").unwrap();
    setup.configure(&format!(
        "[collect]\nhost_root = \"{}\"\n[collectors.users]\nenabled = false\n",
        root.display()
    ));
    let output = setup
        .command()
        .args(["--once", "--explain", "--output", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| lines.iter().find(|line| line["collector"] == name).unwrap();
    assert_eq!(
        (&of("uptime")["found"], &of("uptime")["series"]),
        (&true.into(), &1.into())
    );
    assert_eq!(of("users")["enabled"], false);
    let schema = watchpost_agent::config::AgentConfig::default();
    let named = serde_json::to_value(&schema.collectors).unwrap();
    for name in named.as_object().unwrap().keys() {
        assert!(
            lines.iter().any(|line| line["collector"] == **name),
            "{name} is not explained"
        );
    }
    assert_eq!(
        of("exec")["why"],
        "nothing to ask: the commands of collectors.exec"
    );
    let why = |name: &str| of(name)["why"].as_str().unwrap().to_owned();
    assert!(
        why("containers").starts_with("not found: control groups"),
        "{}",
        why("containers")
    );
    assert!(why("memory").contains("cannot read"), "{}", why("memory"));
    let output = setup
        .command()
        .args(["--once", "--explain"])
        .output()
        .unwrap();
    let table = text(&output.stdout);
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("uptime") && line.contains(" yes ")),
        "{table}"
    );
    assert!(table.contains("switched off"), "{table}");
}
