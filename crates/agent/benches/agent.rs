//! What the agent costs: memory, CPU per collection, size, a simulated fleet, and how fast it catches up.
//! Run by `cargo bench -p watchpost-agent -- [--seconds 600] [--output json]`, on Linux.
//!
//! It runs the built program against a server that takes everything, and reads what the kernel says of it
//! in `/proc/PID`. As JSON it gives `{"benchmark": "agent", "figures": [{"name", "value", "unit", "target"}]}`,
//! where `target` is there if we promise at most that; who runs it compares.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use indicatif::{ProgressBar, ProgressStyle};
use watchpost_agent::batch::Batch;
use watchpost_agent::buffer::{Buffer, DiskQueue, Limits, Wish};

const PROGRAM: &str = env!("CARGO_BIN_EXE_watchpost-agent");

/// Before the first look at memory: by then every collector has run, and the first write is done.
const WARM_UP: Duration = Duration::from_secs(12);

/// Between looks at memory: the peak of a collection that is freed again is none.
const SAMPLE: Duration = Duration::from_secs(1);

/// What shows itself within a minute is not measured longer: an outage, and a fleet.
const MINUTE: Duration = Duration::from_secs(60);

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let seconds = value("--seconds")
        .and_then(|text| text.parse().ok())
        .unwrap_or(600);
    let figures = match measure(Duration::from_secs(seconds)) {
        Ok(figures) => figures,
        Err(error) => {
            eprintln!("cannot measure: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    if value("--output") == Some("json") {
        let figures: Vec<_> = figures.iter().map(Figure::json).collect();
        println!(
            "{}",
            serde_json::json!({ "benchmark": "agent", "figures": figures })
        );
    } else {
        for figure in &figures {
            println!("{}", figure.line());
        }
    }
    std::process::ExitCode::SUCCESS
}

/// Something measured.
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// At most this, where we promise it.
    target: Option<f64>,
}

impl Figure {
    fn json(&self) -> serde_json::Value {
        let mut value = serde_json::json!({
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
        });
        if let Some(target) = self.target {
            value["target"] = target.into();
        }
        value
    }

    fn line(&self) -> String {
        let target = self
            .target
            .map(|target| format!("  (at most {target})"))
            .unwrap_or_default();
        format!(
            "{:<36}{:>12} {}{target}",
            self.name.replace('_', " "),
            rounded(self.value),
            self.unit
        )
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// Resident memory and CPU that the agent promises to keep to.
const MEMORY_TARGET: f64 = 10.0;
const CPU_TARGET: f64 = 0.004;

/// The figures so far.
#[derive(Default)]
struct Figures(Vec<Figure>);

impl Figures {
    fn add(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.0.push(Figure {
            name,
            value,
            unit,
            target: None,
        });
    }

    /// Bytes, of which we promise to take no more than [`MEMORY_TARGET`].
    fn memory(&mut self, name: &'static str, bytes: f64) {
        self.promise(name, bytes / 1e6, "MB", MEMORY_TARGET);
    }

    fn promise(&mut self, name: &'static str, value: f64, unit: &'static str, target: f64) {
        self.0.push(Figure {
            name,
            value,
            unit,
            target: Some(target),
        });
    }
}

fn measure(span: Duration) -> std::io::Result<Vec<Figure>> {
    let mut figures = Figures::default();
    figures.add("load_before", load()?, "processes");
    figures.add(
        "binary_size",
        std::fs::metadata(PROGRAM)?.len() as f64 / 1e6,
        "MB",
    );
    let folder = tempfile::tempdir()?;
    let sink = Sink::start()?;
    measure_agent(&mut figures, &sink, folder.path(), span)?;
    measure_catching_up(&mut figures, &sink, folder.path())?;
    measure_fleet(&mut figures, &sink, folder.path(), span)?;
    measure_past(&mut figures, &sink, folder.path())?;
    figures.add("load_after", load()?, "processes");
    Ok(figures.0)
}

/// Processes that ran or waited, in the mean of the last minute: what else the machine did.
fn load() -> std::io::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    Ok(first.unwrap_or(f64::NAN))
}

/// One host at 1 s: with a server, without, and with it again.
fn measure_agent(
    figures: &mut Figures,
    sink: &Sink,
    folder: &Path,
    span: Duration,
) -> std::io::Result<()> {
    let agent = Running::start(sink, folder, &[])?;
    agent.watch("warm-up", WARM_UP)?;
    let run = agent.watch("one host at 1 s", span)?;
    figures.add("measured_for", span.as_secs_f64(), "s");
    figures.memory("resident_memory_at_first", run.first.resident);
    figures.memory("resident_memory", run.last.resident);
    figures.memory("resident_memory_at_most", run.greatest);
    figures.add("private_memory", run.last.private / 1e6, "MB");
    figures.promise("cpu_per_collection", run.cores(), "s", CPU_TARGET);
    sink.refuse(true);
    let outage = agent.watch("the same in an outage", span.min(MINUTE))?;
    figures.add("cpu_per_collection_in_an_outage", outage.cores(), "s");
    figures.memory("resident_memory_in_an_outage", outage.greatest);
    sink.refuse(false);
    wait_until_empty(&folder.join(QUEUE))?;
    let after = agent.watch("after the outage", WARM_UP)?;
    figures.memory("resident_memory_after_the_outage", after.last.resident);
    Ok(())
}

/// A backlog of half a million lines in records of a second each, as an agent leaves them, with no bound on
/// its rate.
fn measure_catching_up(figures: &mut Figures, sink: &Sink, folder: &Path) -> std::io::Result<()> {
    let queue = folder.join(QUEUE);
    fill(&queue, 10_000, 50);
    let before = sink.lines();
    let began = Instant::now();
    let unbounded = ["--set", "write.backlog_lines_per_second=1000000000"];
    let agent = Running::start(sink, folder, &unbounded)?;
    wait_until_empty(&queue)?;
    let lines = (sink.lines() - before) as f64;
    figures.add(
        "catch_up_rate",
        lines / began.elapsed().as_secs_f64(),
        "lines/s",
    );
    let after = agent.watch("after catching up", WARM_UP)?;
    figures.memory("resident_memory_when_caught_up", after.first.resident);
    figures.memory("resident_memory_after_catching_up", after.last.resident);
    Ok(())
}

/// The queue of the output of a folder.
const QUEUE: &str = "queue/influx";

/// Waits until a queue has no segment.
fn wait_until_empty(queue: &Path) -> std::io::Result<()> {
    while std::fs::read_dir(queue)?
        .flatten()
        .any(|entry| entry.path().extension().is_some())
    {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// 100 simulated hosts at 1 s from one process.
fn measure_fleet(
    figures: &mut Figures,
    sink: &Sink,
    folder: &Path,
    span: Duration,
) -> std::io::Result<()> {
    let fleet = ["simulate", "--hosts", "100", "--seed", "42"];
    let simulation = Running::start(sink, folder, &fleet)?;
    simulation.watch("warm-up of the fleet", WARM_UP)?;
    let before = sink.lines();
    let run = simulation.watch("100 simulated hosts at 1 s", span.min(MINUTE))?;
    let lines = (sink.lines() - before) as f64;
    figures.add(
        "fleet_of_100_rate",
        lines / run.span.as_secs_f64(),
        "lines/s",
    );
    figures.add("fleet_of_100_cpu", run.cores(), "cores");
    figures.add("fleet_of_100_memory", run.greatest / 1e6, "MB");
    Ok(())
}

/// Two hours of 20 hosts, written as fast as they are taken.
fn measure_past(figures: &mut Figures, sink: &Sink, folder: &Path) -> std::io::Result<()> {
    let before = sink.lines();
    let began = Instant::now();
    let past = [
        "simulate",
        "--hosts",
        "20",
        "--interval",
        "10s",
        "--from",
        "-2h",
    ];
    Running::start(sink, folder, &past)?.0.wait()?;
    let lines = (sink.lines() - before) as f64;
    figures.add(
        "past_rate",
        lines / began.elapsed().as_secs_f64(),
        "lines/s",
    );
    Ok(())
}

/// Puts batches of lines like the agent's own into a queue.
fn fill(queue: &Path, batches: u32, lines: u32) {
    let limits = Limits {
        memory: usize::MAX,
        disk: 1 << 30,
        sync_interval: Duration::ZERO,
        overflow_log: None,
    };
    let disk = DiskQueue::open(queue, limits.disk).expect("the agent that used it has ended");
    let mut buffer = Buffer::new(limits, Some(disk));
    for batch in 0..batches {
        let line = |line: u32| {
            let time = 1_700_000_000_000_000_000 + i64::from(batch * lines + line) * 1_000_000;
            let tags = "environment=production,host=host-1,interface=eth0,metric_type=network,region=us-east-1,service=web";
            format!(
                "system_metrics,{tags} network_bytes_recv={time}i,network_packets_recv={line}i {time}\n"
            )
        };
        buffer.push(
            Arc::new(Batch::new((0..lines).map(line).collect())),
            Duration::ZERO,
        );
        let everything = Wish {
            save_all: true,
            ..Wish::default()
        };
        while let Some(work) = buffer.begin_work(None, everything, Duration::ZERO) {
            buffer.finish_work(work.run(), None, Duration::ZERO);
        }
    }
}

/// A running program.
struct Running(Child);

/// What the kernel says of it: bytes and seconds.
struct Usage {
    resident: f64,
    private: f64,
    cpu: f64,
}

/// What it used over a time.
struct Watched {
    span: Duration,
    first: Usage,
    last: Usage,
    /// The greatest resident memory of all looks, in bytes.
    greatest: f64,
}

impl Watched {
    /// Processor time by time: of a collection each second, seconds per collection.
    fn cores(&self) -> f64 {
        (self.last.cpu - self.first.cpu) / self.span.as_secs_f64()
    }
}

impl Running {
    fn start(sink: &Sink, folder: &Path, arguments: &[&str]) -> std::io::Result<Self> {
        let mut command = Command::new(PROGRAM);
        command
            .env_clear()
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
    fn watch(&self, what: &str, span: Duration) -> std::io::Result<Watched> {
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
        let ticks = after_name
            .get(10)
            .zip(after_name.get(11))
            .map_or(f64::NAN, |(user, system)| user + system);
        Ok(Usage {
            resident: kilobytes("VmRSS:"),
            private: kilobytes("RssAnon:"),
            cpu: ticks / rustix::param::clock_ticks_per_second() as f64,
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

/// A server that counts lines.
struct Sink {
    url: String,
    lines: Arc<AtomicU64>,
    refuses: Arc<AtomicBool>,
}

impl Sink {
    fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (lines, refuses) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (counted, refusing) = (Arc::clone(&lines), Arc::clone(&refuses));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, refusing) = (Arc::clone(&counted), Arc::clone(&refusing));
                std::thread::spawn(move || serve(stream, &counted, &refusing));
            }
        });
        Ok(Self {
            url,
            lines,
            refuses,
        })
    }

    fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::Relaxed);
    }
}

/// Answers 204, or 503, to every request of a connection.
fn serve(stream: TcpStream, lines: &AtomicU64, refuses: &AtomicBool) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0_u64, String::new());
        while input.read_line(&mut line).ok()? > 2 {
            if let Some((_, value)) = line
                .split_once(':')
                .filter(|(key, _)| key.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse().ok()?;
            }
            line.clear();
        }
        if length == 0 {
            return None;
        }
        let mut body = Vec::new();
        GzDecoder::new(input.by_ref().take(length))
            .read_to_end(&mut body)
            .ok()?;
        let status = if refuses.load(Ordering::Relaxed) {
            "503 Service Unavailable"
        } else {
            lines.fetch_add(
                body.iter().filter(|byte| **byte == b'\n').count() as u64,
                Ordering::Relaxed,
            );
            "204 No Content"
        };
        out.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes())
            .ok()?;
    }
}
