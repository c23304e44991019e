//! A host with much to see, as files below a root: 50 containers, 200 units, 20 disks. What the kernel makes afresh at
//! each look (`/proc`, sensors) is this machine's own.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::PROGRAM;

const CONTAINERS: u32 = 50;
const UNITS: u32 = 200;
const DISKS: u8 = 20;

/// Sockets of each protocol.
const SOCKETS: u32 = 100;

/// Where the agent looks for programs first.
const PROGRAMS: &str = "/usr/local/sbin";

/// Ids of the containers' processes begin here: no kernel gives such (`PID_MAX_LIMIT`, 4,194,304).
const FIRST_PROCESS: u32 = 5_000_000;

/// The root of a recorded host, and the programs that answer for it.
pub(crate) struct Host {
    pub(crate) root: PathBuf,
    programs: PathBuf,
}

impl Host {
    /// A host with nothing to see but what every host has.
    pub(crate) fn bare(folder: &Path) -> io::Result<Self> {
        let host = Self {
            root: folder.join("bare"),
            programs: folder.join("no-programs"),
        };
        fs::create_dir_all(&host.programs)?;
        host.link_kernel(false)?;
        Ok(host)
    }

    /// A host with everything.
    pub(crate) fn full(folder: &Path) -> io::Result<Self> {
        let host = Self {
            root: folder.join("full"),
            programs: folder.join("programs"),
        };
        fs::create_dir_all(&host.programs)?;
        host.link_kernel(true)?;
        for number in 0..CONTAINERS {
            host.write_container(number)?;
        }
        host.write_units()?;
        host.write_disks()?;
        host.write("run/log/journal/0/system.journal", "")?;
        host.write_program(
            "journalctl",
            r#"{"__CURSOR":"s=1;i=2","_SYSTEMD_UNIT":"unit1.service"}"#,
        )?;
        Ok(host)
    }

    /// A command that becomes the agent where this host's programs are those of the machine. `None` where no mount
    /// namespace may be made.
    pub(crate) fn command(&self) -> Option<Command> {
        let namespace = ["--mount", "--map-root-user"];
        let mount = format!("mount --bind '{}' {PROGRAMS}", self.programs.display());
        let may = |flags: &[&str]| {
            let mut command = Command::new("unshare");
            command.args(flags).args(["sh", "-c", &mount]);
            command.output().is_ok_and(|output| output.status.success())
        };
        let flags = [&namespace[..1], &namespace[..]]
            .into_iter()
            .find(|flags| may(flags))?;
        let mut command = Command::new("unshare");
        command.args(flags);
        command.args([
            "sh",
            "-c",
            &format!("{mount} && exec \"$0\" \"$@\""),
            PROGRAM,
        ]);
        Some(command)
    }

    fn write(&self, path: &str, text: &str) -> io::Result<()> {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::write(path, text)
    }

    /// What this machine's kernel shows, but for the sockets that happen to be open (the agent lists each), and the
    /// disks where the host has its own.
    fn link_kernel(&self, own_disks: bool) -> io::Result<()> {
        let link = |from: &str, to: &str, own: &[&str]| -> io::Result<()> {
            fs::create_dir_all(self.root.join(to))?;
            for entry in fs::read_dir(from)?.flatten() {
                let name = entry.file_name();
                if !own.iter().any(|own| name == *own) {
                    symlink(entry.path(), self.root.join(to).join(&name))?;
                }
            }
            Ok(())
        };
        // Without process 1, whose network is looked at first.
        let own = ["1", "net", "diskstats"];
        link("/proc", "proc", &own[..if own_disks { 3 } else { 2 }])?;
        link(
            "/proc/self/net",
            "proc/net",
            &["tcp", "tcp6", "udp", "udp6"],
        )?;
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            let state = if table.starts_with("tcp") { "01" } else { "07" };
            let sockets: String = (0..SOCKETS).fold("  sl  local_address\n".to_owned(), |text, number| {
                text + &format!("{number:4}: 0100007F:1F90 0100007F:C350 {state} 00000000:00000000 00:00000000\n")
            });
            self.write(&format!("proc/net/{table}"), &sockets)?;
        }
        link("/sys", "sys", &["block", "fs"])
    }

    fn write_container(&self, number: u32) -> io::Result<()> {
        let (id, process) = (format!("{number:08x}{:056x}", 0), FIRST_PROCESS + number);
        self.write(
            &format!("var/lib/docker/containers/{id}/config.v2.json"),
            &format!(r#"{{"Name":"/shop-{number}","Config":{{"Image":"example/shop:{number}"}}}}"#),
        )?;
        let interfaces =
            "lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nnet0: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n";
        self.write(&format!("proc/{process}/net/dev"), interfaces)?;
        let namespace = self.root.join(format!("proc/{process}/ns"));
        fs::create_dir_all(&namespace)?;
        symlink(format!("net:[{number}]"), namespace.join("net"))?;
        let group = format!("sys/fs/cgroup/system.slice/docker-{id}.scope");
        self.write_group(&group, number)?;
        let files = [
            ("memory.max", "1073741824\n".to_owned()),
            (
                "memory.events",
                "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n".to_owned(),
            ),
            (
                "io.stat",
                "8:0 rbytes=9 wbytes=9 rios=1 wios=1 dbytes=0 dios=0\n".to_owned(),
            ),
            ("cgroup.procs", format!("{process}\n")),
        ];
        for (file, text) in files {
            self.write(&format!("{group}/{file}"), &text)?;
        }
        Ok(())
    }

    fn write_group(&self, group: &str, number: u32) -> io::Result<()> {
        let time = format!("usage_usec {number}000000\nuser_usec 1\nsystem_usec 1\n");
        let held_back = "nr_periods 100\nnr_throttled 3\nthrottled_usec 5000\n";
        // As long as the kernel's, of which one line is read.
        let others: String = (0..60).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "pgscan_direct_{line} 12345");
            text
        });
        let memory = format!("anon 1\nfile 2\n{others}inactive_file 4096\n");
        self.write(&format!("{group}/cpu.stat"), &(time + held_back))?;
        self.write(&format!("{group}/memory.stat"), &memory)?;
        self.write(&format!("{group}/memory.current"), "104857600\n")?;
        self.write(&format!("{group}/pids.current"), "5\n")
    }

    fn write_units(&self) -> io::Result<()> {
        fs::create_dir_all(self.root.join("run/systemd/system"))?;
        self.write("sys/fs/cgroup/cgroup.controllers", "cpu memory io pids\n")?;
        let (mut list, mut show) = (String::new(), String::new());
        for number in 0..UNITS {
            let unit = format!("unit{number}.service");
            self.write_group(&format!("sys/fs/cgroup/system.slice/{unit}"), number)?;
            let _ = writeln!(list, "{unit} loaded active running Unit {number} of a host");
            let _ = write!(show, "Id={unit}\nNRestarts=0\nSubState=running\n\n");
        }
        let lists = [("list-units", &list), ("show", &show)];
        for (name, text) in lists {
            fs::write(self.programs.join(name), text)?;
        }
        self.write_script("systemctl", &format!("exec cat {PROGRAMS}/$1"))
    }

    fn write_disks(&self) -> io::Result<()> {
        let mut counters = String::new();
        for number in 0..DISKS {
            let disk = format!("sd{}", char::from(b'a' + number));
            fs::create_dir_all(self.root.join(format!("sys/block/{disk}/device")))?;
            self.write(&format!("sys/block/{disk}/queue/rotational"), "1\n")?;
            let minor = u32::from(number) * 16;
            let _ = writeln!(
                counters,
                " 8 {minor} {disk} 1000 10 80000 500 2000 20 160000 900 0 700 1400 0 0 0 0"
            );
        }
        self.write("proc/diskstats", &counters)?;
        let answer = r#"{"smartctl":{"exit_status":0},"device":{"type":"sat"},"smart_status":{"passed":true},
"temperature":{"current":34},"power_on_time":{"hours":1000}}"#;
        self.write_program("smartctl", answer)
    }

    /// A program that says this, whatever it is asked.
    fn write_program(&self, name: &str, text: &str) -> io::Result<()> {
        let said = format!("{name}.txt");
        fs::write(self.programs.join(&said), text)?;
        self.write_script(name, &format!("exec cat {PROGRAMS}/{said}"))
    }

    fn write_script(&self, name: &str, line: &str) -> io::Result<()> {
        let path = self.programs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{line}\n"))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
    }
}
