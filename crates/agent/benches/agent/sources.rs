//! What the sources cost: all of them at once on a host with much to see, none of them on one without, and a
//! hundred thousand StatsD lines a second.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::figures::Figures;
use crate::host::Host;
use crate::running::{Running, Watched};
use crate::sink::Sink;
use crate::{PROGRAM, WARM_UP};

/// What the agent promises with everything on: resident memory in MB, seconds of processor a second.
const MEMORY_OF_ALL: f64 = 12.0;
const CPU_OF_ALL: f64 = 0.006;

/// What the sources may cost a host that has none of them.
const MEMORY_OF_NONE: f64 = 0.5;

/// The kernel counts processor time by ticks of 10 ms: less than two in a minute cannot be told from none.
const CPU_OF_NONE: f64 = 0.0004;

/// Lines of StatsD a second, of which none may be lost, on one core.
const STATSD_RATE: f64 = 100_000.0;

/// Lines in a datagram: such as fit into a packet of Ethernet.
const LINES_A_DATAGRAM: usize = 25;

/// The sources beyond the host's own counters.
const SOURCES: [&str; 17] = [
    "checks",
    "clock",
    "containers",
    "disk_health",
    "exec",
    "gpu",
    "journal",
    "logs",
    "nvidia",
    "packages",
    "power",
    "prometheus",
    "services",
    "smart",
    "textfile",
    "thin_pools",
    "ups",
];

/// The sources that the configuration names.
const PROGRAMS: &str = r#"
[collectors.services]
include = ["unit*"]
[collectors.smart]
interval = "60s"
[collectors.statsd]
enabled = true
address = "127.0.0.1:0"
socket = "FOLDER/statsd.sock"
[collectors.otlp]
enabled = true
listen = "127.0.0.1:0"
[collectors.line_protocol]
enabled = true
socket = "FOLDER/lines.sock"
[collectors.prometheus.targets.page]
url = "SINK/metrics"
[collectors.exec.commands.one]
command = ["echo", "queue depth=3i"]
[collectors.logs.files.shop]
path = "FOLDER/shop.log"
patterns = { errors = "ERROR" }
[collectors.checks.targets.sink]
target = "SINK/health"
"#;

/// Measures a host with everything, and one without any source.
pub(crate) fn measure(
    figures: &mut Figures,
    sink: &Sink,
    folder: &Path,
    span: Duration,
) -> io::Result<()> {
    let folder = folder.join("sources");
    fs::create_dir_all(&folder)?;
    measure_all(figures, sink, &folder, span)?;
    let root = root_of(&Host::bare(&folder)?);
    let off: Vec<String> = SOURCES
        .map(|name| format!("collectors.{name}.enabled=false"))
        .into();
    let mut without = vec!["--set", &root];
    without.extend(off.iter().flat_map(|off| ["--set", off]));
    let without = watch(
        Command::new(PROGRAM),
        sink,
        &folder,
        &without,
        ("sources switched off", span),
    )?;
    let with = ["--set", &root];
    let with = watch(
        Command::new(PROGRAM),
        sink,
        &folder,
        &with,
        ("sources that are not there", span),
    )?;
    let memory = (with.last.resident - without.last.resident) / 1e6;
    figures.promise("memory_of_absent_sources", memory, "MB", MEMORY_OF_NONE);
    let cpu = with.cores() - without.cores();
    figures.promise("cpu_of_absent_sources", cpu, "s/s", CPU_OF_NONE);
    Ok(())
}

fn measure_all(
    figures: &mut Figures,
    sink: &Sink,
    folder: &Path,
    span: Duration,
) -> io::Result<()> {
    let host = Host::full(folder)?;
    let configuration = folder.join("all.toml");
    let text = PROGRAMS.replace("SINK", &sink.url);
    let text = text.replace("FOLDER", &folder.display().to_string());
    fs::write(&configuration, text)?;
    fs::write(folder.join("shop.log"), "")?;
    let command = host.command().unwrap_or_else(|| {
        eprintln!(
            "      without systemctl, smartctl and journalctl: their stand-ins need a mount namespace (unshare)"
        );
        Command::new(PROGRAM)
    });
    let (root, configuration) = (root_of(&host), configuration.display().to_string());
    let arguments = ["--config", &configuration, "--set", &root];
    let before = sink.lines();
    let run = watch(command, sink, folder, &arguments, ("all sources", span))?;
    let lines = (sink.lines() - before) as f64;
    let seconds = (run.span + WARM_UP).as_secs_f64();
    figures.add("lines_of_all_sources", lines / seconds, "lines/s");
    figures.promise(
        "memory_of_all_sources",
        run.greatest / 1e6,
        "MB",
        MEMORY_OF_ALL,
    );
    figures.promise("cpu_of_all_sources", run.cores(), "s/s", CPU_OF_ALL);
    let programs = run.last.cpu_of_programs - run.first.cpu_of_programs;
    figures.add(
        "cpu_of_programs_asked",
        programs / run.span.as_secs_f64(),
        "s/s",
    );
    Ok(())
}

fn root_of(host: &Host) -> String {
    format!("collect.host_root={}", host.root.display())
}

/// Runs the agent for a while.
fn watch(
    command: Command,
    sink: &Sink,
    folder: &Path,
    arguments: &[&str],
    (what, span): (&str, Duration),
) -> io::Result<Watched> {
    let agent = Running::start_by(command, sink, folder, arguments)?;
    agent.watch("warm-up", WARM_UP)?;
    agent.watch(what, span)
}

/// Sends lines at [`STATSD_RATE`], and counts those that the agent took.
pub(crate) fn measure_statsd(
    figures: &mut Figures,
    sink: &Sink,
    folder: &Path,
    span: Duration,
) -> io::Result<()> {
    let folder = folder.join("statsd");
    fs::create_dir_all(&folder)?;
    let root = root_of(&Host::bare(&folder)?);
    let (page, port) = (free_port()?, free_port()?);
    let address = format!("collectors.statsd.address=127.0.0.1:{port}");
    let listen = format!("telemetry.listen=127.0.0.1:{page}");
    let on = [
        "--set",
        "collectors.statsd.enabled=true",
        "--set",
        &address,
        "--set",
        &listen,
        "--set",
        &root,
    ];
    let agent = Running::start(sink, &folder, &on)?;
    agent.watch("warm-up", WARM_UP)?;
    let sender = std::thread::spawn(move || send(port, span));
    let run = agent.watch("100,000 StatsD lines a second", span)?;
    let sent = sender
        .join()
        .map_err(|_| io::Error::other("the sender failed"))??;
    // What is in the socket is read at once.
    agent.watch("until all are taken", Duration::from_secs(2))?;
    let lost = sent.saturating_sub(taken(page)?);
    figures.add("statsd_rate", sent as f64 / span.as_secs_f64(), "lines/s");
    figures.promise("statsd_lost", lost as f64, "lines", 0.0);
    figures.promise("statsd_cpu", run.cores(), "s/s", 1.0);
    figures.promise("statsd_memory", run.greatest / 1e6, "MB", MEMORY_OF_ALL);
    Ok(())
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Counters, timings and gauges of an application's fifty endpoints, evenly over the time; gives the lines sent.
fn send(port: u16, span: Duration) -> io::Result<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    let datagrams: Vec<String> = (0..200)
        .map(|datagram| {
            (0..LINES_A_DATAGRAM)
                .map(|line| statsd_line(datagram * LINES_A_DATAGRAM + line))
                .collect()
        })
        .collect();
    let (began, mut sent) = (Instant::now(), 0_u64);
    while began.elapsed() < span {
        let due = (began.elapsed().as_secs_f64() * STATSD_RATE) as u64;
        while sent < due {
            let next = sent as usize / LINES_A_DATAGRAM % datagrams.len();
            socket.send(datagrams[next].as_bytes())?;
            sent += LINES_A_DATAGRAM as u64;
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
    Ok(sent)
}

fn statsd_line(number: usize) -> String {
    let endpoint = number / 4 % 50;
    match number % 4 {
        0 => format!("requests.total:1|c|#endpoint:e{endpoint},code:200\n"),
        1 => format!("request.time:{}|ms|#endpoint:e{endpoint}\n", number % 977),
        2 => format!("queue.depth:{}|g\n", number % 100),
        _ => "hits:1|c|@0.5\n".to_owned(),
    }
}

/// Lines that the agent took by StatsD, from the page of its own metrics.
fn taken(port: u16) -> io::Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    let prefix = "watchpost_agent_lines_taken_total{collector=\"statsd\"} ";
    let value = page
        .lines()
        .find_map(|line| line.strip_prefix(prefix)?.parse::<f64>().ok());
    value.map_or_else(
        || Err(io::Error::other("the agent counts no lines")),
        |value| Ok(value as u64),
    )
}
