//! The built agent as a test runs it: with a configuration of its own, fast intervals, and two collectors
//! whose lines can be counted.

use std::path::{Path, PathBuf};
use std::process::Command;

use watchpost_testkit::Daemon;
use watchpost_testkit::wait;

use crate::fake_influx::FakeInflux;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_watchpost-agent");

/// Time between ticks in nanoseconds, as in [`Setup::config`].
pub(crate) const TICK: i64 = 100_000_000;

/// A folder with a configuration, a token and a state directory.
pub(crate) struct Setup {
    folder: watchpost_testkit::TempFolder,
}

impl Setup {
    /// An agent that writes to `url`; `extra` is TOML in addition, section headers included.
    pub(crate) fn new(url: &str, extra: &str) -> Self {
        let setup = Self {
            folder: watchpost_testkit::temp_folder(),
        };
        setup.set_token("initial-7c1f");
        setup.configure(&format!("{}\n{extra}", setup.base(url)));
        setup
    }

    fn base(&self, url: &str) -> String {
        let quiet = [
            "cpu",
            "cpu_frequency",
            "memory",
            "pressure",
            "users",
            "file_systems",
            "disk_io",
            "network",
            "connections",
            "containers",
            "services",
            "protocols",
            "kernel",
            "clock",
            "gpu",
            "power",
            "disk_health",
            "smart",
            "nvidia",
            "journal",
            "thin_pools",
            "ups",
            "packages",
            "textfile",
            "processes",
            "temperature",
            "agent",
        ];
        let off: String = quiet
            .iter()
            .map(|name| format!("[collectors.{name}]\nenabled = false\n"))
            .collect();
        format!(
            r#"
[influx]
url = "{url}"
token_file = "{token}"
timeout = "2s"
[telemetry]
listen = "127.0.0.1:0"
[collect]
interval = "100ms"
[write]
flush_interval = "100ms"
flush_jitter = "0s"
backoff_min = "50ms"
backoff_max = "200ms"
[buffer]
sync_interval = "100ms"
{off}"#,
            token = self.path("token").display(),
        )
    }

    /// Replaces the configuration file.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.path("agent.toml"), text).unwrap();
    }

    /// The text of the configuration file.
    pub(crate) fn config(&self) -> String {
        std::fs::read_to_string(self.path("agent.toml")).unwrap()
    }

    /// Replaces the token, as a rotation does.
    pub(crate) fn set_token(&self, token: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("token.new");
        std::fs::write(&path, token).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(path, self.path("token")).unwrap();
    }

    /// A path below the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of the queue on disk.
    pub(crate) fn queue(&self) -> PathBuf {
        self.path("state/queue/influx")
    }

    /// The segments of the queue.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.queue()) else {
            return Vec::new();
        };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut segments: Vec<PathBuf> = paths
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "segment")
            })
            .collect();
        segments.sort();
        segments
    }

    /// The agent's command, in an environment that configures nothing else.
    pub(crate) fn command(&self) -> Command {
        self.command_through(Command::new(PROGRAM))
    }

    /// As [`Setup::command`], for a program that runs the agent.
    pub(crate) fn command_through(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("STATE_DIRECTORY", self.path("state"));
        command.arg("--config").arg(self.path("agent.toml")).args([
            "--log-format",
            "json",
            "--log-level",
            "info,watchpost_agent=debug",
        ]);
        command
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Daemon {
        Daemon::start(self.command())
    }

    /// Waits until the queue on disk holds something.
    pub(crate) fn wait_for_queue(&self) {
        wait::until("a segment with data", || {
            let bytes =
                |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            self.segments()
                .iter()
                .map(bytes)
                .sum::<u64>()
                .gt(&200)
                .then_some(())
        });
    }
}

/// In every line of the collector that is looked at.
pub(crate) const UPTIME: &str = "uptime_seconds=";

/// Nanoseconds since 1970.
pub(crate) fn now() -> i64 {
    watchpost_agent::clock::now()
}

/// Waits until the server has stored at least `count` ticks.
pub(crate) fn wait_for_ticks(server: &FakeInflux, count: usize) -> Vec<i64> {
    wait::until("enough ticks", || {
        Some(server.times(UPTIME)).filter(|times| times.len() >= count)
    })
}

/// Waits until everything is stored from before `moment` to after it: fresh data comes first, so what is from
/// before comes last.
pub(crate) fn wait_until_complete(server: &FakeInflux, agent: &Daemon, moment: i64) -> Vec<i64> {
    wait::until("all ticks without a gap", || {
        let times = server.times(UPTIME);
        let around = times.first().is_some_and(|first| *first < moment)
            && times.last().is_some_and(|last| *last >= moment);
        (around && is_complete(&times, agent)).then_some(times)
    })
}

/// Whether a shell script succeeds in a mount namespace of its own.
pub(crate) fn in_namespace(script: &str) -> bool {
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .status();
    status.is_ok_and(|status| status.success())
}

/// Compiles a file of `testdata` for `LD_PRELOAD`; `None` without a C compiler.
pub(crate) fn preload(source: &str, folder: &Path) -> Option<PathBuf> {
    let library = folder.join(source).with_extension("so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(Path::new("testdata").join(source))
        .arg("-ldl")
        .status();
    compiled
        .is_ok_and(|status| status.success())
        .then_some(library)
}

/// The value of a series of the running agent's `/metrics`, named with its labels; 0 if there is none.
pub(crate) fn metric(address: std::net::SocketAddr, series: &str) -> f64 {
    let metrics = get(address, "/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(series));
    line.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// Where the running agent serves its metrics, from its log.
pub(crate) fn telemetry(agent: &mut Daemon) -> std::net::SocketAddr {
    let line = agent.wait_for_line("The agent has started.");
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    value["metrics"].as_str().unwrap().parse().unwrap()
}

/// Gets a page of the running agent.
pub(crate) fn get(address: std::net::SocketAddr, path: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(watchpost_agent::telemetry_client::get(address, path))
        .unwrap()
        .body
}

/// Whether `times` (sorted) has every tick from its first to its last, but for those the agent says it left
/// out: a busy machine skips a collection or ends it late, and what was never collected is not lost.
pub(crate) fn is_complete(times: &[i64], agent: &Daemon) -> bool {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return false;
    };
    let missing = (last - first) / TICK + 1 - times.len() as i64;
    missing <= left_out(agent)
}

/// Ticks of the collector of uptime that gave nothing, from the agent's log.
pub(crate) fn left_out(agent: &Daemon) -> i64 {
    let lines = agent.output.all();
    let of_uptime = lines.iter().filter(|line| line.contains("\"uptime\""));
    of_uptime
        .filter_map(|line| {
            if line.contains("ran beyond its timeout") {
                return Some(1);
            }
            let value: serde_json::Value = serde_json::from_str(line).ok()?;
            value["skipped"].as_i64()
        })
        .sum()
}

/// Lines of queue text for a test to start with.
pub(crate) fn fill_queue(folder: &Path, batches: &[String]) {
    use std::sync::Arc;
    use std::time::Duration;
    use watchpost_agent::batch::Batch;
    use watchpost_agent::buffer::{Buffer, DiskQueue, Limits, Wish};

    let limits = Limits {
        memory: 1 << 26,
        disk: 1 << 26,
        sync_interval: Duration::ZERO,
        overflow_log: None,
    };
    let queue = DiskQueue::open(folder, limits.disk).unwrap();
    let mut buffer = Buffer::new(limits, Some(queue));
    for batch in batches {
        buffer.push(Arc::new(Batch::new(batch.clone())), Duration::ZERO);
    }
    let everything = Wish {
        save_all: true,
        ..Wish::default()
    };
    while let Some(work) = buffer.begin_work(None, everything, Duration::ZERO) {
        buffer.finish_work(work.run(), None, Duration::ZERO);
    }
}
