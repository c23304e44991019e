//! The built agent as a test runs it: with a configuration of its own, fast intervals, and two collectors
//! whose lines can be counted.

use std::path::{Path, PathBuf};
use std::process::Command;

use watchpost_testkit::Daemon;
use watchpost_testkit::wait;

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
            "processes",
            "temperature",
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
            if line.contains("overstayed its timeout") {
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
