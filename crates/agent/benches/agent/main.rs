//! What the agent costs: memory, CPU per collection, size, all sources at once, a simulated fleet, and how fast it
//! catches up. Run by `cargo bench -p watchpost-agent -- [--seconds 600] [--only sources] [--output json]`, on
//! Linux.
//!
//! It runs the built program against a server that takes everything, and reads what the kernel says of it
//! in `/proc/PID`. As JSON it gives `{"benchmark": "agent", "figures": [{"name", "value", "unit", "target"}]}`,
//! where `target` is there if we promise at most that; who runs it compares.

mod figures;
mod host;
mod running;
mod sink;
mod sources;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use watchpost_agent::batch::Batch;
use watchpost_agent::buffer::{Buffer, DiskQueue, Limits, Wish};

use self::figures::{CPU_TARGET, Figure, Figures};
use self::running::Running;
use self::sink::Sink;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_watchpost-agent");

/// Before the first look at memory: by then every collector has run, and the first write is done.
const WARM_UP: Duration = Duration::from_secs(12);

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
    let figures = match measure(Duration::from_secs(seconds), value("--only")) {
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

/// Measures all, or what `only` names.
fn measure(span: Duration, only: Option<&str>) -> std::io::Result<Vec<Figure>> {
    let mut figures = Figures::default();
    figures.add("load_before", load()?, "processes");
    figures.add(
        "binary_size",
        std::fs::metadata(PROGRAM)?.len() as f64 / 1e6,
        "MB",
    );
    let folder = tempfile::tempdir()?;
    let sink = Sink::start()?;
    if only.is_none() {
        measure_agent(&mut figures, &sink, folder.path(), span)?;
        measure_catching_up(&mut figures, &sink, folder.path())?;
        measure_fleet(&mut figures, &sink, folder.path(), span)?;
        measure_past(&mut figures, &sink, folder.path())?;
    }
    if only.is_none_or(|only| only == "sources") {
        sources::measure(&mut figures, &sink, folder.path(), span.min(MINUTE))?;
    }
    if only.is_none_or(|only| only == "statsd") {
        sources::measure_statsd(&mut figures, &sink, folder.path(), span.min(MINUTE))?;
    }
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
