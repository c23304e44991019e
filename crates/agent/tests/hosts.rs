//! The host itself misbehaves: its clock is set back, a kernel file or a mount hangs.

use std::process::Command;

use watchpost_agent::collectors::connections::Connections;
use watchpost_agent::collectors::{Collector as _, HostFiles, Points};
use watchpost_testkit::{Daemon, Signal, skip, wait};

use crate::agent::{self, PROGRAM, Setup, UPTIME, in_namespace, now, wait_for_ticks};
use crate::fake_influx::FakeInflux;

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let folder = watchpost_testkit::temp_folder();
    let offset = folder.path().join("offset");
    let Some(library) = agent::preload("clock_offset.c", folder.path()) else {
        return skip("no C compiler to make a clock of our own");
    };
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
fn sockets_are_all_counted_however_long_their_list_is() {
    const SOCKETS: usize = 120_000;
    let root = watchpost_testkit::temp_folder();
    std::fs::create_dir_all(root.path().join("proc/net")).unwrap();
    // As wide as the kernel's lines: beyond 16 MiB in all.
    let line = format!("   0: 0100007F:1F90 0100007F:C350 06{:<113}\n", "");
    let table = "  sl  local_address\n".to_owned() + &line.repeat(SOCKETS);
    assert!(table.len() > 16 * 1024 * 1024);
    std::fs::write(root.path().join("proc/net/tcp"), table).unwrap();
    let mut points = Points::default();
    let mut files = HostFiles::new(root.path());
    Connections.collect(&mut files, 0, &mut points).unwrap();
    let point = points.into_vec().remove(0);
    let waiting = point.get("network_connections_time_wait");
    let waiting = waiting.and_then(|value| value.as_f64());
    assert_eq!(waiting, Some(SOCKETS as f64));
}
