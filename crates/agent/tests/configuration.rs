//! What can be configured, over the built program: mistakes are told, defaults of a site are obeyed, and a
//! changed file takes effect without a restart.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use watchpost_agent::config::AgentConfig;
use watchpost_service::config::reference;
use watchpost_testkit::{Signal, wait};

use crate::agent::{self, PROGRAM, Setup};
use crate::fake_influx::FakeInflux;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_configuration_with_mistakes_names_them_all_and_ends_with_64() {
    let setup = Setup::new("http://127.0.0.1:1", "");
    let mistakes = "[colect]\ninterval = \"1s\"\n[write]\nbatch_lines = 10\n[collectors.network]\nexclude = [\"[\"]\n";
    setup.configure(mistakes);
    for arguments in [&["check-config"][..], &[], &["--once"]] {
        let output = setup.command().args(arguments).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {message}");
        for part in [
            "colect",
            "collect",
            "write.batch_lines",
            "between 500 and 5000",
            "collectors.network.exclude",
        ] {
            assert!(message.contains(part), "{part} is missing: {message}");
        }
    }
}

#[test]
fn the_reference_of_the_configuration_is_current() {
    let page = reference::markdown::<AgentConfig>();
    let path = Path::new("../../docs/configuration/agent.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        page,
        "UPDATE_EXPECT=1 cargo test -p watchpost-agent writes it"
    );
}

#[test]
fn a_good_configuration_is_good() {
    let setup = Setup::new(
        "http://127.0.0.1:1",
        "[outputs.second]\nurl = \"http://127.0.0.1:2\"\n[tags.more]\nrack = \"7\"\n",
    );
    let output = setup.command().arg("check-config").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn the_sample_configuration_is_valid() {
    let sample = Command::new(PROGRAM)
        .env_clear()
        .args(["config-reference", "--format", "toml"])
        .output()
        .unwrap();
    let folder = watchpost_testkit::temp_folder();
    let file = folder.path().join("sample.toml");
    std::fs::write(&file, &sample.stdout).unwrap();
    let output = Command::new(PROGRAM)
        .env_clear()
        .arg("--config")
        .arg(&file)
        .arg("check-config")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stderr),
        text(&sample.stdout)
    );
}

#[test]
fn once_prints_line_protocol_with_the_configured_tags() {
    let setup = Setup::new(
        "http://127.0.0.1:1",
        "[tags]\nhost = \"box\"\nregion = \"\"\n[tags.more]\nrack = \"7\"\n",
    );
    let mut command = setup.command();
    command.env("WATCHPOST_TAGS__ENVIRONMENT", "trial");
    let output = command.arg("--once").output().unwrap();
    let lines = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        lines.contains("environment=trial,host=box")
            && lines.contains("rack=7")
            && !lines.contains("region="),
        "{lines}"
    );
}

#[test]
fn a_reload_restarts_what_changed_and_keeps_the_old_if_it_is_not_valid() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    wait::until("data", || (server.times("uptime").len() >= 2).then_some(()));
    let good = setup.config();
    setup.configure(&good.replace(
        "[collectors.memory]\nenabled = false",
        "[collectors.memory]\nenabled = true",
    ));
    agent.signal(Signal::Reload);
    agent.wait_for_line("The changed configuration is in force.");
    wait::until("the new collector", || {
        (!server.times("memory_total_bytes").is_empty()).then_some(())
    });
    let started: Vec<String> = agent
        .output
        .all()
        .into_iter()
        .filter(|line| line.contains("The collector starts."))
        .collect();
    assert_eq!(started.len(), 1, "{started:?}");
    assert!(started[0].contains("memory"), "{started:?}");
    assert!(
        !agent.text().contains("The output stops"),
        "the output did not change"
    );
    setup.configure("[collect]\ninterval = \"never\"\n");
    agent.signal(Signal::Reload);
    agent.wait_for_line("the old one stays in force");
    let so_far = server.times("memory_total_bytes").len();
    wait::until("data under the old one", || {
        (server.times("memory_total_bytes").len() > so_far + 2).then_some(())
    });
    assert!(agent.stop().success());
    assert!(agent::is_complete(&server.times("uptime_seconds="), &agent));
}

#[test]
fn a_reload_moves_to_another_server_and_its_queue_follows() {
    let (old, new) = (FakeInflux::away(), FakeInflux::start());
    let setup = Setup::new(&old.url(), "");
    let mut agent = setup.start();
    setup.wait_for_queue();
    setup.configure(&setup.config().replace(&old.url(), &new.url()));
    agent.signal(Signal::Reload);
    wait::until("the queue to be written", || {
        (setup.segments().is_empty() && new.times("uptime").len() > 3).then_some(())
    });
    assert!(agent.stop().success());
}

/// A host with some devices, mounts and interfaces.
fn write_host(root: &Path) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let counters = "1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0";
    write(
        "proc/net/dev",
        &format!(" eth0: {counters}\n eth1: {counters}\n tun0: {counters}\n"),
    );
    let counters = "9 0 9 0 9 0 9 0 0 9 0";
    write(
        "proc/diskstats",
        &format!(" 8 0 sda {counters}\n 8 16 sdb {counters}\n 9 0 md0 {counters}\n"),
    );
    write(
        "proc/self/mountinfo",
        "1 0 8:0 / / rw - ext4 /dev/sda rw\n2 1 8:16 / /data rw - xfs /dev/sdb rw\n\
         3 1 8:17 / /backup rw - nfs4 nas:/b rw\n4 1 8:18 / /scratch rw - ext4 /dev/sdc rw\n",
    );
    for mount in ["data", "backup", "scratch"] {
        std::fs::create_dir_all(root.join(mount)).unwrap();
    }
}

/// What one look gives, as JSON.
fn once(setup: &Setup) -> Vec<Value> {
    let output = setup
        .command()
        .args(["--once", "--output", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Values of a tag, in order.
fn values<'a>(points: &'a [Value], tag: &str) -> Vec<&'a str> {
    let values = points
        .iter()
        .filter_map(|point| point["tags"][tag].as_str());
    let mut values: Vec<&str> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

#[test]
fn globs_choose_devices_mounts_and_interfaces() {
    let setup = Setup::new("http://127.0.0.1:1", "");
    let host = setup.path("host");
    write_host(&host);
    setup.configure(&format!(
        r#"
[collect]
host_root = "{}"
[collectors.network]
exclude = ["tun*"]
[collectors.disk_io]
include = ["sd?"]
exclude = ["sdb"]
[collectors.file_systems]
exclude = ["/scr*"]
exclude_types = ["nfs*"]
"#,
        host.display()
    ));
    let points = once(&setup);
    assert_eq!(values(&points, "interface"), ["eth0", "eth1"]);
    assert_eq!(values(&points, "mountpoint"), ["/", "/data"]);
    let io: Vec<Value> = points
        .into_iter()
        .filter(|point| point["tags"]["metric_type"] == "diskio")
        .collect();
    assert_eq!(values(&io, "device"), ["sda"]);
    assert_eq!(io[0]["fields"]["disk_read_count"], 9);
    assert!(
        io[0]["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
}

#[test]
fn a_host_with_too_many_series_writes_those_it_may() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    setup.configure(
        &setup
            .config()
            .replace("[collect]", "[collect]\nmax_series = 1"),
    );
    let mut agent = setup.start();
    let line = agent.wait_for_line("More series than collect.max_series");
    assert!(line.contains("\"limit\":1"), "{line}");
    let address = agent::telemetry(&mut agent);
    wait::until("points that were left out", || {
        (agent::metric(address, "watchpost_agent_points_refused_total") >= 3.0).then_some(())
    });
    wait::until("the series it may write", || {
        (server.writes().len() >= 3).then_some(())
    });
    let stored = server.stored();
    let mut series: Vec<_> = stored
        .keys()
        .filter_map(|line| line.split(' ').next())
        .collect();
    series.dedup();
    assert_eq!(series.len(), 1, "{series:?}");
    let told = agent.output.all();
    let told = told
        .iter()
        .filter(|line| line.contains("collect.max_series"));
    assert_eq!(told.count(), 1, "it is told once");
    agent.stop();
}

#[test]
fn a_collector_keeps_an_interval_of_its_own() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "[collectors.load]\ninterval = \"300ms\"\n");
    let mut agent = setup.start();
    let loads = wait::until("some loads", || {
        Some(server.times("cpu_load_1m=")).filter(|times| times.len() >= 3)
    });
    let aligned = |time: &i64| time % (3 * agent::TICK) == 0;
    assert!(loads.iter().all(aligned), "{loads:?}");
    assert!(
        server
            .times(agent::UPTIME)
            .iter()
            .any(|time| !aligned(time))
    );
    agent.stop();
}
