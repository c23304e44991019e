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

/// What was collected and is nowhere after a kill: at most the ticks of the last second. A machine that lets
/// the agent wait for longer than that does so at some moments; the kill comes at another.
fn kill_and_count_the_lost(setup: &Setup, server: &FakeInflux, mut agent: Daemon) {
    let address = agent::telemetry(&mut agent);
    let lines = |place: &str| {
        let series = format!("watchpost_agent_buffer_lines{{output=\"influx\",place=\"{place}\"}}");
        agent::metric(address, &series)
    };
    wait::until(
        "two seconds of data on disk, and no more than one in memory",
        || (lines("disk") >= 40.0 && lines("memory") <= 20.0).then_some(()),
    );
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
    let agent = Daemon::start(command);
    wait_for_ticks(&server, 3);
    server.go_away();
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

/// A configuration under which memory is full within seconds: every collector, and no folder.
fn start_with_little_memory(setup: &Setup, overflow_log: &str) -> Daemon {
    let config = setup.config().replace("enabled = false", "enabled = true");
    setup.configure(&config.replace(
        "[buffer]",
        &format!("[buffer]\nmemory_limit = \"64KiB\"\n{overflow_log}"),
    ));
    let mut command = setup.command();
    command.env_remove("STATE_DIRECTORY");
    Daemon::start(command)
}

#[test]
fn what_overflows_is_dropped_oldest_first_counted_and_told_once_a_minute() {
    let server = FakeInflux::away();
    let setup = Setup::new(&server.url(), "");
    let mut agent = start_with_little_memory(&setup, "");
    agent.wait_for_line("The buffer is full; the oldest data is dropped.");
    let address = agent::telemetry(&mut agent);
    let dropped = "watchpost_agent_lines_dropped_total{output=\"influx\",reason=\"memory_full\"}";
    let at_first = agent::metric(address, dropped);
    wait::until("more to be dropped", || {
        (agent::metric(address, dropped) > at_first).then_some(())
    });
    let listen = format!("telemetry.listen={address}");
    let mut status = setup.command();
    let status = status.args(["status", "--set", &listen]).output().unwrap();
    let told = String::from_utf8_lossy(&status.stdout);
    for words in ["memory_full: ", "writing: "] {
        assert!(told.contains(words), "{told}");
    }
    let back = now();
    server.come_back();
    let times = wait::until("what memory kept", || {
        let times = server.times(UPTIME);
        (times.len() > 3 && times.last().is_some_and(|last| *last >= back)).then_some(times)
    });
    assert!(agent::is_complete(&times, &agent), "the newest are kept");
    let told = agent.output.all();
    let told = told
        .iter()
        .filter(|line| line.contains("The buffer is full"));
    assert_eq!(told.count(), 1);
    agent.stop();
}

#[test]
fn what_overflows_goes_to_a_file_instead_and_nothing_is_lost() {
    let server = FakeInflux::away();
    let setup = Setup::new(&server.url(), "");
    let log = setup.path("overflow.lp");
    let mut agent =
        start_with_little_memory(&setup, &format!("overflow_log = \"{}\"\n", log.display()));
    agent.wait_for_line("The buffer is full; the oldest data goes to buffer.overflow_log.");
    let back = now();
    server.come_back();
    let times = wait::until("every tick, in the file or stored", || {
        let logged = std::fs::read_to_string(&log).unwrap();
        let of_uptime = logged.lines().filter(|line| line.contains(UPTIME));
        let mut times: Vec<i64> = of_uptime
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .chain(server.times(UPTIME))
            .collect();
        times.sort_unstable();
        times.dedup();
        let recent = times.last().is_some_and(|last| *last >= back);
        (recent && agent::is_complete(&times, &agent)).then_some(times)
    });
    assert!(times[0] < back - 5 * TICK);
    agent.stop();
}
