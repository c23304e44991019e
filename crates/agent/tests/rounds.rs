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
