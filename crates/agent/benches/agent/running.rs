//! A running agent, and what the kernel says of it in `/proc/PID`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::PROGRAM;
use crate::sink::Sink;

/// Between looks at memory: the peak of a collection that is freed again is none.
const SAMPLE: Duration = Duration::from_secs(1);

/// A running program.
pub(crate) struct Running(pub(crate) Child);

/// What the kernel says of it: bytes and seconds.
pub(crate) struct Usage {
    pub(crate) resident: f64,
    pub(crate) private: f64,
    pub(crate) cpu: f64,
    /// Of the programs that it started and that have ended.
    pub(crate) cpu_of_programs: f64,
}

/// What it used over a time.
pub(crate) struct Watched {
    pub(crate) span: Duration,
    pub(crate) first: Usage,
    pub(crate) last: Usage,
    /// The greatest resident memory of all looks, in bytes.
    pub(crate) greatest: f64,
}

impl Watched {
    /// Processor time by time: of a collection each second, seconds per collection.
    pub(crate) fn cores(&self) -> f64 {
        (self.last.cpu - self.first.cpu) / self.span.as_secs_f64()
    }
}

impl Running {
    /// The agent with these arguments, writing to `sink` and keeping its state in `folder`.
    pub(crate) fn start(sink: &Sink, folder: &Path, arguments: &[&str]) -> std::io::Result<Self> {
        Self::start_by(Command::new(PROGRAM), sink, folder, arguments)
    }

    /// The same by a command that becomes the agent.
    pub(crate) fn start_by(
        mut command: Command,
        sink: &Sink,
        folder: &Path,
        arguments: &[&str],
    ) -> std::io::Result<Self> {
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("INFLUX_URL", &sink.url)
            .env("INFLUX_TOKEN", "bench")
            .env("STATE_DIRECTORY", folder);
        command
            .args([
                "--set",
                "telemetry.listen=127.0.0.1:0",
                "--log-level",
                "error",
            ])
            .args(arguments);
        Ok(Self(
            command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?,
        ))
    }

    /// Looks at it every second for a time, which a bar shows where standard error is a terminal.
    pub(crate) fn watch(&self, what: &str, span: Duration) -> std::io::Result<Watched> {
        eprintln!("      {what}: {} s", span.as_secs());
        let bar = ProgressBar::new(span.as_secs());
        if let Ok(style) = ProgressStyle::with_template("      {bar:32} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        let (began, first) = (Instant::now(), self.usage()?);
        let mut greatest = first.resident;
        let last = loop {
            let left = span.saturating_sub(began.elapsed());
            std::thread::park_timeout(left.min(SAMPLE));
            let usage = self.usage()?;
            greatest = greatest.max(usage.resident);
            bar.set_position(began.elapsed().as_secs());
            bar.set_message(format!("{:.2} MB", usage.resident / 1e6));
            if began.elapsed() >= span {
                break usage;
            }
        };
        bar.finish_and_clear();
        Ok(Watched {
            span,
            first,
            last,
            greatest,
        })
    }

    fn usage(&self) -> std::io::Result<Usage> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id()));
        let status = read("status")?;
        let kilobytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok())
                .unwrap_or(f64::NAN)
                * 1024.0
        };
        let stat = read("stat")?;
        let after_name: Vec<f64> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        // utime and stime are the 12th and 13th columns after the name; the state, a letter, is not counted.
        let ticks = |user: usize| {
            after_name
                .get(user..user + 2)
                .map_or(f64::NAN, |it| it[0] + it[1])
        };
        let seconds = |user: usize| ticks(user) / rustix::param::clock_ticks_per_second() as f64;
        Ok(Usage {
            resident: kilobytes("VmRSS:"),
            private: kilobytes("RssAnon:"),
            cpu: seconds(10),
            // cutime and cstime.
            cpu_of_programs: seconds(12),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It fails only if it ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
