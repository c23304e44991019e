//! What may go wrong, done to the built program: the server away, unwilling or picky, the agent killed, the
//! disk full or damaged, the clock set back, a mount or a file that hangs.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, SystemTime};

use watchpost_testkit::{Daemon, Signal};
use watchpost_testkit::{skip, wait};

use crate::agent::{self, PROGRAM, Setup, TICK, fill_queue};
use crate::fake_influx::{Answer, FakeInflux};

/// In every line of the collector that is looked at.
const UPTIME: &str = "uptime_seconds=";

fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as i64
}

/// Waits until the server has stored at least `count` ticks.
fn wait_for_ticks(server: &FakeInflux, count: usize) -> Vec<i64> {
    wait::until("enough ticks", || {
        Some(server.times(UPTIME)).filter(|times| times.len() >= count)
    })
}

/// Waits until everything is stored from before `moment` to after it: fresh data comes first, so what is from
/// before comes last.
fn wait_until_complete(server: &FakeInflux, agent: &Daemon, moment: i64) -> Vec<i64> {
    wait::until("all ticks without a gap", || {
        let times = server.times(UPTIME);
        let around = times.first().is_some_and(|first| *first < moment)
            && times.last().is_some_and(|last| *last >= moment);
        (around && agent::is_complete(&times, agent)).then_some(times)
    })
}

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

#[test]
fn a_kill_during_an_outage_loses_at_most_the_last_second() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let mut killed_agent = setup.start();
    wait_for_ticks(&server, 3);
    server.go_away();
    setup.wait_for_queue();
    killed_agent.kill();
    let killed = now();
    server.come_back();
    let mut agent = setup.start();
    agent.wait_for_line("The queue on disk holds data from before.");
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
    assert!(agent::is_complete(&before, &killed_agent), "{before:?}");
    let lost_after = *before.last().unwrap();
    assert!(
        killed - lost_after <= 1_000_000_000,
        "{} ms lost",
        (killed - lost_after) / 1_000_000
    );
    agent.stop();
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    let server = FakeInflux::start();
    let mut answers = vec![
        Answer::error(503, "on its way"),
        Answer::error(429, "too much").retry_after(1),
    ];
    server.answer(move |_, _| answers.pop().unwrap_or_else(Answer::stored));
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    wait_until_complete(&server, &agent, now() + 5 * TICK);
    let writes = server.writes();
    assert_eq!(writes[0].status, 429);
    assert!(
        writes[1].at - writes[0].at >= Duration::from_secs(1),
        "Retry-After was 1 s"
    );
    assert_eq!(writes[1].status, 503);
    assert!(agent.stop().success());
}

#[test]
fn what_is_too_large_for_the_server_goes_in_parts() {
    let server = FakeInflux::start();
    server.answer(|lines, _| {
        if lines.len() > 300 {
            Answer::error(413, "too large")
        } else {
            Answer::stored()
        }
    });
    let setup = Setup::new(&server.url(), "");
    let lines: String = (0..2000).map(|n| format!("m n={n}i {n}\n")).collect();
    fill_queue(&setup.queue(), &[lines]);
    let mut agent = setup.start();
    let numbers: Vec<i64> = (0..2000).collect();
    wait::until("all lines", || {
        (server.times("m n=") == numbers).then_some(())
    });
    wait::until("the queue to be empty", || {
        setup.segments().is_empty().then_some(())
    });
    agent.stop();
}

#[test]
fn a_bad_token_keeps_the_data_until_it_is_right() {
    let server = FakeInflux::start();
    server.answer(|_, token| {
        if token == "renewed" {
            Answer::stored()
        } else {
            Answer::error(401, "unauthorized access")
        }
    });
    let setup = Setup::new(&server.url(), "");
    let mut agent = setup.start();
    let line = agent.wait_for_line("The server refuses our data, it is kept");
    assert!(
        line.contains("unauthorized access") && line.contains("token_file"),
        "{line}"
    );
    setup.wait_for_queue();
    let renewed = now();
    setup.set_token("renewed");
    let times = wait_until_complete(&server, &agent, renewed);
    assert!(times[0] < renewed);
    assert!(
        !agent.text().contains("initial-7c1f"),
        "the token is in the log: {}",
        agent.text()
    );
    agent.stop();
}

#[test]
fn one_bad_line_of_5000_costs_one_line() {
    for status in [400, 422] {
        let server = FakeInflux::start();
        server.answer(move |lines, _| {
            let bad = lines.iter().find(|line| line.contains("bad"));
            match (bad, status) {
                (None, _) => Answer::stored(),
                (Some(line), 400) => {
                    Answer::error(400, &format!("unable to parse '{line}': invalid number"))
                }
                (Some(_), _) => Answer::error(422, "partial write: field type conflict dropped=1"),
            }
        });
        let setup = Setup::new(&server.url(), "");
        let lines: String = (0..5000)
            .map(|n| {
                if n == 1234 {
                    "m,is=bad n=x 1234\n".to_owned()
                } else {
                    format!("m n={n}i {n}\n")
                }
            })
            .collect();
        fill_queue(&setup.queue(), &[lines]);
        let mut agent = setup.start();
        wait::until("the 4999 others", || {
            (server.times("m n=").len() == 4999).then_some(())
        });
        let letters = setup.path("state/dead-letters-influx.lp");
        let text = wait::until("the dead letter", || std::fs::read_to_string(&letters).ok());
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(kept, ["m,is=bad n=x 1234"], "{status}");
        let reason = if status == 400 {
            "invalid number"
        } else {
            "field type conflict"
        };
        assert!(text.starts_with("# ") && text.contains(reason), "{text}");
        agent.stop();
    }
}

#[test]
fn a_disk_that_takes_nothing_leaves_memory() {
    let server = FakeInflux::away();
    let setup = Setup::new(&server.url(), "");
    // A file of this process may not grow beyond a kilobyte: every append fails soon.
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"",
        PROGRAM,
    ]);
    let mut agent = Daemon::start(setup.command_through(shell));
    agent.wait_for_line("The queue on disk takes no data; memory keeps what it can.");
    let back = now();
    server.come_back();
    let times = wait_until_complete(&server, &agent, back);
    assert!(times[0] < back - TICK, "what memory kept is there");
    assert!(agent.stop().success());
}

#[test]
fn a_full_disk_leaves_memory() {
    let server = FakeInflux::away();
    let setup = Setup::new(&server.url(), "");
    std::fs::create_dir_all(setup.path("state")).unwrap();
    // A file system of one page, in a namespace that ends with the agent.
    let script = format!(
        "mount -t tmpfs -o size=4k tmpfs '{}' && exec \"$0\" \"$@\"",
        setup.path("state").display()
    );
    if !in_namespace("true") {
        return skip("this system lets no one make a mount namespace");
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-c", &script, PROGRAM]);
    let mut agent = Daemon::start(setup.command_through(unshare));
    let line = agent.wait_for_line("The queue on disk takes no data; memory keeps what it can.");
    assert!(line.contains("No space left"), "{line}");
    let back = now();
    server.come_back();
    wait_until_complete(&server, &agent, back);
    assert!(agent.stop().success());
}

fn in_namespace(script: &str) -> bool {
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_damaged_segment_is_skipped_and_counted() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let batches: Vec<String> = (0..3).map(|n| format!("m,part={n} n={n}i {n}\n")).collect();
    fill_queue(&setup.queue(), &batches);
    let segment = setup.segments().pop().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    // In the payload of the first record: 8 bytes of magic and 12 of the record's header come before it.
    bytes[22] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
    std::fs::write(
        setup.queue().join("00000000000000ff.segment"),
        "no segment at all",
    )
    .unwrap();
    let mut agent = setup.start();
    wait::until("the sound records", || {
        (server.times("m,part=") == [1, 2]).then_some(())
    });
    agent.wait_for_line("The queue on disk is damaged");
    let address = agent::telemetry(&mut agent);
    wait::until("both to be counted", || {
        let metrics = agent::get(address, "/metrics");
        metrics
            .contains("watchpost_agent_queue_corrupt_total{output=\"influx\"} 2")
            .then_some(())
    });
    wait_for_ticks(&server, 2);
    assert!(agent.stop().success());
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let folder = watchpost_testkit::temp_folder();
    let (library, offset) = (
        folder.path().join("clock_offset.so"),
        folder.path().join("offset"),
    );
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg("testdata/clock_offset.c")
        .arg("-ldl")
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        return skip("no C compiler to make a clock of our own");
    }
    std::fs::write(&offset, "0").unwrap();
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let mut command = setup.command();
    command
        .env("LD_PRELOAD", &library)
        .env("CLOCK_OFFSET_FILE", &offset);
    let mut agent = Daemon::start(command);
    wait_for_ticks(&server, 3);
    std::fs::write(&offset, "-3600").unwrap();
    let hour_ago = now() - 3_600_000_000_000;
    agent.wait_for_line("The clock was set back; the schedule starts over.");
    wait::until("ticks of an hour ago", || {
        let ticks = server
            .times(UPTIME)
            .into_iter()
            .filter(|time| (time - hour_ago).abs() < 1_800_000_000_000);
        (ticks.count() >= 3).then_some(())
    });
    assert!(agent.stop().success());
}

#[test]
fn a_collector_that_hangs_stops_no_other() {
    let server = FakeInflux::start();
    let root = watchpost_testkit::temp_folder();
    std::fs::create_dir_all(root.path().join("proc")).unwrap();
    std::fs::write(root.path().join("proc/uptime"), "680.59 1309.48\n").unwrap();
    // A pipe nobody writes to: opening it hangs.
    let made = Command::new("mkfifo")
        .arg(root.path().join("proc/loadavg"))
        .status()
        .unwrap();
    assert!(made.success());
    let setup = Setup::new(&server.url(), "");
    let root = root.path().display();
    setup.configure(
        &setup
            .config()
            .replace("[collect]", &format!("[collect]\nhost_root = \"{root}\"")),
    );
    let mut agent = setup.start();
    agent.wait_for_line("The collector hangs; the others go on without it.");
    let address = agent::telemetry(&mut agent);
    let metrics = agent::get(address, "/metrics");
    assert!(
        metrics.contains("watchpost_agent_collector_stale{collector=\"load\"} 1"),
        "{metrics}"
    );
    let so_far = server.times(UPTIME).len();
    wait_for_ticks(&server, so_far + 5);
    assert!(
        agent.stop().success(),
        "a hung collector does not hold up the end"
    );
}

#[test]
fn a_mount_that_hangs_is_marked_and_stops_no_other() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    setup.configure(&setup.config().replace(
        "[collectors.file_systems]\nenabled = false",
        "[collectors.file_systems]\ninterval = \"1s\"\ntimeout = \"5s\"\ninclude = [\"*/hung\"]",
    ));
    let mount = setup.path("hung");
    std::fs::create_dir_all(&mount).unwrap();
    // A FUSE file system whose program never answers, in a namespace that ends with the agent.
    let mounting = format!(
        "exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none '{}'",
        mount.display()
    );
    if !in_namespace(&mounting) {
        return skip("this system lets no one mount a FUSE file system in a namespace");
    }
    let mut unshare = Command::new("unshare");
    unshare.args([
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &format!("{mounting} && exec \"$0\" \"$@\""),
        PROGRAM,
    ]);
    let mut agent = Daemon::start(setup.command_through(unshare));
    wait::until("the mark", || {
        (!server.times("disk_stale=1i").is_empty()).then_some(())
    });
    let so_far = server.times(UPTIME).len();
    wait_for_ticks(&server, so_far + 5);
    // It hangs in the kernel: nothing but a kill ends it at once, and the drain has its bound.
    agent.signal(Signal::Terminate);
    agent.wait_for_line("The agent has stopped.");
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

#[test]
fn a_state_directory_that_cannot_be_used_leaves_memory() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    std::fs::write(setup.path("state"), "a file, not a folder").unwrap();
    std::fs::set_permissions(setup.path("state"), std::fs::Permissions::from_mode(0o400)).unwrap();
    let mut agent = setup.start();
    agent.wait_for_line("There is no queue on disk; memory keeps what it can.");
    wait_for_ticks(&server, 2);
    assert!(agent.stop().success());
}

#[test]
fn two_agents_do_not_share_a_queue() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let mut first = setup.start();
    wait_for_ticks(&server, 1);
    let mut second = setup.start();
    second.wait_for_line("in use by another agent");
    assert!(!second.wait_for_exit().success());
    assert!(first.stop().success());
}
