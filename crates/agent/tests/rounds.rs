//! Rounds of collecting over a recorded tree: who is due when, what series are let through, and that points
//! of one series become one line.

use std::path::Path;
use std::time::Duration;

use watchpost_agent::config::AgentConfig;
use watchpost_agent::metrics::AgentMetrics;
use watchpost_agent::pipeline::{Surroundings, plan};
use watchpost_agent::schedule::{Plan, Round};
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_service::config::Interval;
use watchpost_service::metrics::Registry;

const SECOND: i64 = NANOS_PER_SECOND;

/// A tree with two interfaces, a load and an uptime.
fn tree() -> watchpost_testkit::TempFolder {
    let root = watchpost_testkit::temp_folder();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/loadavg", "1.0 2.0 3.0 1/2 3\n");
    write("proc/uptime", "680.59 1309.48\n");
    write(
        "proc/stat",
        "cpu  1 0 1 8 0 0 0 0 0 0\ncpu0 1 0 1 8 0 0 0 0 0 0\n",
    );
    write(
        "proc/net/dev",
        " eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n eth1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n",
    );
    root
}

fn config(root: &Path) -> AgentConfig {
    let mut config = AgentConfig::default();
    config.collect.host_root = root.to_path_buf();
    config.collect.interval = Interval::seconds(1);
    for section in [
        &mut config.collectors.memory,
        &mut config.collectors.pressure,
        &mut config.collectors.connections,
    ] {
        section.enabled = false;
    }
    config.collectors.file_systems.enabled = false;
    config.collectors.disk_io.enabled = false;
    config.collectors.processes.top = 0;
    config
}

fn plan_of(config: &AgentConfig, metrics: &AgentMetrics) -> Plan {
    let surroundings = Surroundings {
        host_name: "box".to_owned(),
        state_directory: None,
    };
    plan(config, &surroundings, metrics).unwrap()
}

fn round(config: &AgentConfig, registry: &Registry, now: i64) -> Round {
    let metrics = AgentMetrics::new(registry);
    Round::new(plan_of(config, &metrics), metrics, now)
}

#[test]
fn fast_collectors_are_due_every_second_and_slow_ones_every_ten() {
    let root = tree();
    let mut round = round(&config(root.path()), &Registry::new(), 0);
    assert_eq!(round.next_due(0), SECOND);
    let fast = round.collect(SECOND);
    assert!(
        fast.text().contains("cpu_load_1m") && !fast.text().contains("process_count"),
        "{}",
        fast.text()
    );
    let slow = round.collect(10 * SECOND);
    assert!(slow.text().contains("process_count"), "{}", slow.text());
    assert!(round.collect(10 * SECOND + 1).is_empty(), "nothing is due");
}

#[test]
fn points_are_stamped_with_their_tick_and_joined_by_series() {
    let root = tree();
    let mut round = round(&config(root.path()), &Registry::new(), 0);
    let batch = round.collect(SECOND + 7);
    let cpu: Vec<&str> = batch
        .text()
        .lines()
        .filter(|line| line.contains("metric_type=cpu"))
        .collect();
    assert_eq!(
        cpu,
        [
            "system_metrics,environment=development,host=box,metric_type=cpu,region=local,service=system \
          cpu_count=1i,cpu_load_1m=1,cpu_load_5m=2,cpu_load_15m=3 1000000000"
        ]
    );
}

#[test]
fn series_beyond_the_limit_are_left_out_and_counted() {
    let root = tree();
    let mut config = config(root.path());
    config.collect.max_series = 2;
    let registry = Registry::new();
    let mut round = round(&config, &registry, 0);
    let series = |text: &str| {
        text.lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let first = series(round.collect(SECOND).text());
    assert_eq!(first.len(), 2);
    assert_eq!(
        series(round.collect(2 * SECOND).text()),
        first,
        "those that are known stay"
    );
    let refused = registry.render().lines().find_map(|line| {
        line.strip_prefix("watchpost_agent_points_refused_total ")
            .map(str::to_owned)
    });
    assert!(refused.is_some_and(|count| count.parse::<f64>().unwrap() >= 2.0));
}

#[test]
fn a_changed_plan_leaves_the_unchanged_collectors_their_previous_sample() {
    let root = tree();
    let config = config(root.path());
    let mut round = round(&config, &Registry::new(), 0);
    round.collect(SECOND);
    let mut changed = config.clone();
    changed.collect.max_series = 100;
    changed.collectors.load.interval = Some(Interval(Duration::from_secs(5)));
    let metrics = AgentMetrics::new(&Registry::new());
    round.replace(plan_of(&changed, &metrics), SECOND);
    std::fs::write(
        root.path().join("proc/stat"),
        "cpu  2 0 1 8 0 0 0 0 0 0\ncpu0 2 0 1 8 0 0 0 0 0 0\n",
    )
    .unwrap();
    let batch = round.collect(2 * SECOND);
    assert!(
        batch.text().contains("cpu_usage_percent=100"),
        "{}",
        batch.text()
    );
    assert!(
        !batch.text().contains("cpu_load_1m"),
        "the load is due every five seconds now"
    );
}

#[test]
fn a_host_with_thousands_of_interfaces_keeps_its_own_series() {
    let root = tree();
    let mut interfaces = " eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n".to_owned();
    for number in 0..2600 {
        interfaces += &format!(" dummy{number:04}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n");
    }
    std::fs::write(root.path().join("proc/net/dev"), interfaces).unwrap();
    std::fs::create_dir_all(root.path().join("sys/class/net/eth0/device")).unwrap();
    std::fs::write(
        root.path().join("proc/meminfo"),
        "MemTotal: 1000 kB\nMemFree: 500 kB\n",
    )
    .unwrap();
    let mountinfo = "1 0 8:0 / / rw - ext4 /dev/sda rw\n";
    std::fs::create_dir_all(root.path().join("proc/self")).unwrap();
    std::fs::write(root.path().join("proc/self/mountinfo"), mountinfo).unwrap();
    let mut config = config(root.path());
    config.collectors.memory.enabled = true;
    config.collectors.file_systems.enabled = true;
    config.collectors.network.timeout = Some(Interval(Duration::from_secs(30)));
    let mut round = round(&config, &Registry::new(), 0);
    // The slow collectors are due long after the interfaces took all the room there was.
    let mut batches: Vec<_> = (1..=9)
        .map(|second| round.collect(second * SECOND))
        .collect();
    let stat = "cpu  2 0 1 8 0 0 0 0 0 0\ncpu0 2 0 1 8 0 0 0 0 0 0\n";
    std::fs::write(root.path().join("proc/stat"), stat).unwrap();
    batches.push(round.collect(10 * SECOND));
    for field in [
        "cpu_count=",
        "memory_usage_percent=",
        "uptime_seconds=",
        "cpu_load_1m=",
        "process_count=",
        "disk_total_bytes=",
        "points_refused=",
        // The card, of all interfaces.
        "interface=eth0",
    ] {
        let last = batches[9].text().lines();
        assert_eq!(
            last.filter(|line| line.contains(field)).count(),
            1,
            "{field}"
        );
    }
    for batch in &batches {
        let totals = batch
            .text()
            .lines()
            .filter(|line| line.contains("network_bytes_recv="));
        assert_eq!(
            totals.filter(|line| !line.contains("interface=")).count(),
            1,
            "{}",
            batch.lines()
        );
        assert!(batch.lines() <= 2_000, "{}", batch.lines());
    }
    assert!(
        batches[9].text().contains("cpu=0"),
        "a kind with few names keeps them"
    );
}

#[test]
fn a_source_that_waits_holds_up_no_other_and_what_it_gives_is_taken_when_it_comes() {
    let root = tree();
    // A pipe that nobody writes to, as a socket that hangs.
    let version = root.path().join("sys/fs/cgroup/cgroup.controllers");
    let group = root
        .path()
        .join(format!("sys/fs/cgroup/docker/{}", "a".repeat(64)));
    std::fs::create_dir_all(&group).unwrap();
    std::fs::write(&version, "cpu\n").unwrap();
    let pipe = group.join("pids.current");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut config = config(root.path());
    config.collectors.containers.interval = Some(Interval::seconds(1));
    let mut round = round(&config, &Registry::new(), 0);
    for second in 1..=3 {
        let began = std::time::Instant::now();
        let batch = round.collect(second * SECOND);
        assert!(
            batch.text().contains("uptime_seconds=") && !batch.text().contains("container"),
            "{}",
            batch.text()
        );
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "the others did not wait for it"
        );
    }
    std::fs::write(&pipe, "7\n").unwrap();
    let line = watchpost_testkit::wait::until("the containers", || {
        let batch = round.collect(3 * SECOND + 1);
        batch
            .text()
            .lines()
            .find(|line| line.contains("container_tasks=7i"))
            .map(str::to_owned)
    });
    assert!(
        line.ends_with(" 1000000000"),
        "stamped with the tick it was asked at: {line}"
    );
}
