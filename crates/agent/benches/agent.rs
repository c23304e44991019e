//! What the agent costs: memory, CPU per collection, size, a simulated fleet, and how fast it catches up.
//! Run by `cargo bench -p watchpost-agent -- [--seconds 60] [--output json]`, on Linux.
//!
//! It runs the built program against a server that takes everything, and reads what the kernel says of it
//! in `/proc/PID`. No thresholds here: who runs it compares.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use watchpost_agent::batch::Batch;
use watchpost_agent::buffer::{Buffer, DiskQueue, Limits, Wish};

const PROGRAM: &str = env!("CARGO_BIN_EXE_watchpost-agent");

/// Before the first look at memory: by then every collector has run, and the first write is done.
const WARM_UP: Duration = Duration::from_secs(12);

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        Some(
            arguments
                .get(arguments.iter().position(|it| it == name)? + 1)?
                .as_str(),
        )
    };
    let seconds = value("--seconds")
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let span = Duration::from_secs(seconds);
    match measure(span) {
        Ok(figures) if value("--output") == Some("json") => {
            println!("{}", serde_json::Value::Object(figures))
        }
        Ok(figures) => {
            for (name, value) in figures {
                println!("{:<44}{value}", name.replace('_', " "));
            }
        }
        Err(error) => {
            eprintln!("cannot measure: {error}");
            return std::process::ExitCode::FAILURE;
        }
    }
    std::process::ExitCode::SUCCESS
}

type Figures = serde_json::Map<String, serde_json::Value>;

fn measure(span: Duration) -> std::io::Result<Figures> {
    let mut figures = Figures::new();
    let mut add = |name: &str, value: f64| {
        figures.insert(
            name.to_owned(),
            ((value * 10_000.0).round() / 10_000.0).into(),
        );
    };
    add(
        "binary_megabytes",
        std::fs::metadata(PROGRAM)?.len() as f64 / 1e6,
    );
    let folder = tempfile::tempdir()?;

    let sink = Sink::start()?;
    let agent = Running::start(&sink, folder.path(), &[])?;
    std::thread::park_timeout(WARM_UP);
    let first = agent.usage()?;
    std::thread::park_timeout(span);
    let last = agent.usage()?;
    add("agent_seconds_at_1s", span.as_secs_f64());
    add("agent_resident_megabytes_first", first.resident / 1e6);
    add("agent_resident_megabytes_last", last.resident / 1e6);
    add("agent_private_megabytes_last", last.private / 1e6);
    add(
        "agent_cpu_seconds_per_collection",
        (last.cpu - first.cpu) / span.as_secs_f64(),
    );

    // An outage as long as the measurement, and the time to write it all afterwards.
    sink.refuse(true);
    std::thread::park_timeout(span);
    let outage = agent.usage()?;
    add(
        "outage_cpu_seconds_per_collection",
        (outage.cpu - last.cpu) / span.as_secs_f64(),
    );
    add("outage_resident_megabytes", outage.resident / 1e6);
    drop(agent);
    sink.refuse(false);

    // A backlog of half a million lines, with no bound on its rate.
    let queue = folder.path().join("queue/influx");
    fill(&queue, 100, 5_000);
    let before = sink.lines();
    let began = Instant::now();
    let agent = Running::start(
        &sink,
        folder.path(),
        &["--set", "write.backlog_lines_per_second=1000000000"],
    )?;
    while std::fs::read_dir(&queue)?
        .flatten()
        .any(|entry| entry.path().extension().is_some())
    {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    add(
        "catch_up_lines_per_second",
        (sink.lines() - before) as f64 / began.elapsed().as_secs_f64(),
    );
    add("catch_up_resident_megabytes", agent.usage()?.resident / 1e6);
    drop(agent);

    let before = sink.lines();
    let fleet = ["simulate", "--hosts", "100", "--seed", "42"];
    let simulation = Running::start(&sink, folder.path(), &fleet)?;
    std::thread::park_timeout(WARM_UP);
    let first = simulation.usage()?;
    std::thread::park_timeout(span);
    let last = simulation.usage()?;
    add(
        "fleet_of_100_lines_per_second",
        (sink.lines() - before) as f64 / (WARM_UP + span).as_secs_f64(),
    );
    add(
        "fleet_of_100_cores_used",
        (last.cpu - first.cpu) / span.as_secs_f64(),
    );
    add("fleet_of_100_resident_megabytes", last.resident / 1e6);
    drop(simulation);

    let before = sink.lines();
    let began = Instant::now();
    let mut past = Running::start(
        &sink,
        folder.path(),
        &[
            "simulate",
            "--hosts",
            "20",
            "--interval",
            "10s",
            "--from",
            "-2h",
        ],
    )?;
    past.0.wait()?;
    add(
        "past_lines_per_second",
        (sink.lines() - before) as f64 / began.elapsed().as_secs_f64(),
    );
    Ok(figures)
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
