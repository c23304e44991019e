//! The server is away, for a start, for a while, or until the end: what was collected comes later.

use watchpost_testkit::{Daemon, skip, wait};

use crate::agent::{self, Setup, TICK, UPTIME, now, wait_for_ticks, wait_until_complete};
use crate::fake_influx::{Answer, FakeInflux};

#[test]
fn a_server_that_is_down_at_the_start_gets_everything_later() {
    let server = FakeInflux::away();
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    agent.wait_for_line("The server takes no data, it is kept");
    let first = agent::telemetry(&mut agent);
    setup.wait_for_queue();
    assert!(
        agent::get(first, "/ready").contains("writing"),
        "not ready while nothing is written"
    );
    let back = now();
    server.come_back();
    let times = wait_until_complete(&server, &agent, back);
    assert!(times[0] < back, "what was collected before is there");
    agent.wait_for_line("The server takes data again.");
    assert!(agent.stop().success());
}

#[test]
fn after_an_outage_fresh_data_goes_first_and_the_backlog_follows() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    wait_for_ticks(&server, 3);
    server.go_away();
    let before = server.writes().len();
    setup.wait_for_queue();
    let back = now();
    server.come_back();
    wait_until_complete(&server, &agent, back);
    let writes: Vec<_> = server.writes()[before..].to_vec();
    let newest = |lines: &[String]| {
        lines
            .iter()
            .filter_map(|line| line.rsplit(' ').next()?.parse::<i64>().ok())
            .max()
    };
    let fresh = writes
        .iter()
        .position(|write| newest(&write.lines).is_some_and(|time| time >= back - 2 * TICK))
        .unwrap();
    let backlog = writes
        .iter()
        .rposition(|write| newest(&write.lines).is_some_and(|time| time < back - 2 * TICK));
    assert!(
        backlog.is_none_or(|backlog| fresh < backlog),
        "fresh data came {fresh}th, the backlog {backlog:?}th"
    );
    wait::until("the queue to be empty", || {
        setup.segments().is_empty().then_some(())
    });
    assert!(agent.stop().success());
}

/// What was collected and is nowhere after a kill: at most the ticks of the last second.
fn kill_and_count_the_lost(setup: &Setup, server: &FakeInflux, mut agent: Daemon) {
    let address = agent::telemetry(&mut agent);
    let collected = agent::metric(
        address,
        "watchpost_agent_collections_total{collector=\"uptime\",outcome=\"ok\"}",
    );
    agent.kill();
    let killed = now();
    server.come_back();
    let mut next = setup.start();
    next.wait_for_line("The queue on disk holds data from before.");
    let times = wait::until("data from after the restart, and an empty queue", || {
        let times = server.times(UPTIME);
        (times.last().is_some_and(|last| *last > killed) && setup.segments().is_empty())
            .then_some(times)
    });
    let before: Vec<i64> = times
        .iter()
        .copied()
        .filter(|time| *time <= killed)
        .collect();
    assert!(agent::is_complete(&before, &agent), "{before:?}");
    let lost = collected as i64 - before.len() as i64;
    assert!(
        lost <= 1_000_000_000 / TICK,
        "{lost} of {collected} ticks are lost"
    );
    next.stop();
}

#[test]
fn a_kill_during_an_outage_loses_at_most_the_last_second() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let agent = setup.start();
    wait_for_ticks(&server, 3);
    server.go_away();
    setup.wait_for_queue();
    kill_and_count_the_lost(&setup, &server, agent);
}

#[test]
fn a_kill_loses_no_more_while_the_disk_takes_its_time_to_be_durable() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let Some(library) = agent::preload("disk_hangs.c", &setup.path("")) else {
        return skip("no C compiler to make a disk that hangs");
    };
    std::fs::write(setup.path("hangs"), "sync").unwrap();
    let mut command = setup.command();
    command
        .env("LD_PRELOAD", library)
        .env("DISK_HANGS_FILE", setup.path("hangs"));
    let mut agent = Daemon::start(command);
    wait_for_ticks(&server, 3);
    server.go_away();
    let address = agent::telemetry(&mut agent);
    wait::until("two seconds of data on disk", || {
        let lines = "watchpost_agent_buffer_lines{output=\"influx\",place=\"disk\"}";
        (agent::metric(address, lines) >= 40.0).then_some(())
    });
    kill_and_count_the_lost(&setup, &server, agent);
}

#[test]
fn a_full_buffer_drains_when_told_to_stop() {
    let server = FakeInflux::start();
    server.answer(|_, _| Answer::error(503, "not now"));
    let setup = Setup::new(&server.url(), "");
    // Memory alone, and no second attempt on its own.
    let config = setup
        .config()
        .replace("backoff_min = \"50ms\"", "backoff_min = \"1h\"");
    setup.configure(&config.replace("backoff_max = \"200ms\"", "backoff_max = \"1h\""));
    let mut command = setup.command();
    command.env_remove("STATE_DIRECTORY");
    let mut agent = Daemon::start(command);
    let address = agent::telemetry(&mut agent);
    wait::until("lines in memory", || {
        let metrics = agent::get(address, "/metrics");
        let line = metrics.lines().find(|line| {
            line.starts_with("watchpost_agent_buffer_lines{output=\"influx\",place=\"memory\"}")
        })?;
        line.rsplit(' ')
            .next()?
            .parse::<f64>()
            .ok()
            .filter(|lines| *lines >= 20.0)
    });
    server.answer(|_, _| Answer::stored());
    let stopped = now();
    assert!(agent.stop().success());
    let times = server.times(UPTIME);
    assert!(agent::is_complete(&times, &agent), "{times:?}");
    assert!(times.len() >= 10, "{times:?}");
    assert!(times.last().is_some_and(|last| *last >= stopped - 5 * TICK));
}

#[test]
fn a_drain_ends_within_its_bound() {
    let server = FakeInflux::start();
    server.answer(|_, _| Answer::error(503, "never"));
    let setup = Setup::new(&server.url(), "");
    setup.configure(
        &setup
            .config()
            .replace("[write]", "[write]\ndrain_timeout = \"200ms\""),
    );
    let mut command = setup.command();
    command.env_remove("STATE_DIRECTORY");
    let mut agent = Daemon::start(command);
    agent.wait_for_line("The server takes no data, it is kept");
    assert!(agent.stop().success());
    assert!(
        agent
            .text()
            .contains("there is no queue on disk to keep it"),
        "{}",
        agent.text()
    );
}
