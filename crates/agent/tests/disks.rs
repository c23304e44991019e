//! The disk of the queue is full, takes nothing, hangs, or gives back what was not written.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use watchpost_testkit::{Daemon, skip, wait};

use crate::agent::{
    self, PROGRAM, Setup, TICK, fill_queue, in_namespace, now, wait_for_ticks, wait_until_complete,
};
use crate::fake_influx::{Answer, FakeInflux};

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

#[test]
fn a_disk_that_hangs_stops_neither_collecting_nor_sending() {
    let server = FakeInflux::start();
    let setup = Setup::new(&server.url(), "");
    let Some(library) = agent::preload("disk_hangs.c", &setup.path("")) else {
        return skip("no C compiler to make a disk that hangs");
    };
    let mut command = setup.command();
    command
        .env("LD_PRELOAD", library)
        .env("DISK_HANGS_FILE", setup.path("hangs"));
    let mut agent = Daemon::start(command);
    wait_for_ticks(&server, 3);
    std::fs::write(setup.path("hangs"), "all").unwrap();
    server.answer(|_, _| Answer::error(503, "not now"));
    // What is not written goes to the disk, which does not answer.
    let refused = || {
        server
            .writes()
            .iter()
            .filter(|write| write.status == 503)
            .count()
    };
    wait::until("refused writes", || (refused() >= 5).then_some(()));
    server.answer(|_, _| Answer::stored());
    let so_far = wait_for_ticks(&server, 1).len();
    wait_for_ticks(&server, so_far + 10);
    std::fs::remove_file(setup.path("hangs")).unwrap();
    wait_until_complete(&server, &agent, now());
    wait::until("the queue to be empty", || {
        setup.segments().is_empty().then_some(())
    });
    assert!(agent.stop().success());
}

#[test]
fn a_disk_that_hangs_does_not_hold_up_the_end() {
    let server = FakeInflux::away();
    let setup = Setup::new(&server.url(), "");
    setup.configure(
        &setup
            .config()
            .replace("[write]", "[write]\ndrain_timeout = \"200ms\""),
    );
    let Some(library) = agent::preload("disk_hangs.c", &setup.path("")) else {
        return skip("no C compiler to make a disk that hangs");
    };
    std::fs::write(setup.path("hangs"), "all").unwrap();
    let mut command = setup.command();
    command
        .env("LD_PRELOAD", library)
        .env("DISK_HANGS_FILE", setup.path("hangs"));
    let mut agent = Daemon::start(command);
    agent.wait_for_line("The server takes no data, it is kept");
    assert!(agent.stop().success());
    assert!(
        agent
            .text()
            .contains("Stopped before the server took all data"),
        "{}",
        agent.text()
    );
}
