//! The agent's values beside those of psutil on the same machine, field by field.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use watchpost_agent::collectors::cpu::Cpu;
use watchpost_agent::collectors::processes::{Processes, Units};
use watchpost_agent::collectors::{Collector as _, HostFiles, Points};
use watchpost_agent::filter::Filter;
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_core::point::Point;
use watchpost_testkit::skip;

use crate::agent::PROGRAM;

/// What psutil says, as JSON. Rates are taken over the same second the agent takes.
const SCRIPT: &str = r#"
import json, psutil, time
psutil.cpu_percent(percpu=False)
time.sleep(1)
memory, swap, disk = psutil.virtual_memory(), psutil.swap_memory(), psutil.disk_usage("/")
net = psutil.net_io_counters(pernic=True)
io = psutil.disk_io_counters(perdisk=True)
load = psutil.getloadavg()
try:
    states = [connection.status for connection in psutil.net_connections("tcp")]
    tcp, listening = states.count("ESTABLISHED"), states.count("LISTEN")
except psutil.AccessDenied:
    tcp, listening = None, None
print(json.dumps({
    "cpu_count": psutil.cpu_count(), "load_1m": load[0], "load_15m": load[2],
    "memory_total": memory.total, "memory_available": memory.available, "memory_percent": memory.percent,
    "memory_cached": memory.cached, "memory_buffers": memory.buffers,
    "swap_total": swap.total, "swap_percent": swap.percent,
    "disk_total": disk.total, "disk_used": disk.used, "disk_free": disk.free, "disk_percent": disk.percent,
    "processes": len(psutil.pids()), "tcp": tcp, "listening": listening, "boot_time": psutil.boot_time(), "now": time.time(),
    "net": {name: counters._asdict() for name, counters in net.items()},
    "io": {name: counters._asdict() for name, counters in io.items()},
}))
"#;

/// A Python with psutil, looked for once.
fn python() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(find_python).as_ref()
}

/// The system's, or one of a virtual environment that is made once beside the build.
fn find_python() -> Option<PathBuf> {
    let has_psutil = |python: &Path| {
        let imported = Command::new(python).args(["-c", "import psutil"]).output();
        imported.is_ok_and(|output| output.status.success())
    };
    let system = PathBuf::from("python3");
    if has_psutil(&system) {
        return Some(system);
    }
    let folder = Path::new(PROGRAM).parent()?.join("psutil-venv");
    let own = folder.join("bin/python");
    if !has_psutil(&own) {
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&folder)
            .output()
            .ok()?;
        Command::new(&own)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--timeout",
                "5",
                "--retries",
                "0",
                "psutil",
            ])
            .output()
            .ok()?;
    }
    has_psutil(&own).then_some(own)
}

struct Comparison {
    points: Vec<Point>,
    wrong: Vec<String>,
}

impl Comparison {
    /// The agent's value of a field, of the point with the tag.
    fn ours(&self, field: &str, tag: Option<(&str, &str)>) -> Option<f64> {
        let fits = |point: &&Point| match tag {
            Some((key, value)) => point.series.tag(key) == Some(value),
            None => ["cpu", "interface", "process"]
                .iter()
                .all(|key| point.series.tag(key).is_none()),
        };
        self.points
            .iter()
            .filter(fits)
            .find_map(|point| point.get(field)?.as_f64())
    }

    /// Notes a value that differs from psutil's by more than `tolerance`.
    fn within(
        &mut self,
        field: &str,
        tag: Option<(&str, &str)>,
        theirs: &serde_json::Value,
        tolerance: f64,
    ) {
        let (ours, theirs) = (self.ours(field, tag), theirs.as_f64());
        let close = matches!((ours, theirs), (Some(ours), Some(theirs)) if (ours - theirs).abs() <= tolerance);
        if !close {
            self.wrong.push(format!(
                "{field} {tag:?}: {ours:?}, psutil has {theirs:?} (±{tolerance})"
            ));
        }
    }
}

#[test]
fn values_agree_with_psutil() {
    let Some(python) = python() else {
        return skip("no Python with psutil, and none can be had");
    };
    // Both look at the same moment: the script and the agent each take a second.
    let script = Command::new(python)
        .args(["-c", SCRIPT])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let agent = Command::new(PROGRAM)
        .env_clear()
        .arg("--once")
        .output()
        .unwrap();
    let theirs: serde_json::Value =
        serde_json::from_slice(&script.wait_with_output().unwrap().stdout).unwrap();
    let points = parse_points(&agent.stdout, Precision::Nanoseconds, 0).unwrap();
    let mut comparison = Comparison {
        points,
        wrong: Vec::new(),
    };

    let mebibytes = |count: f64| count * 1024.0 * 1024.0;
    // What both read at rest must be the same; what moves may move by what a busy second can do.
    for (field, key, tolerance) in [
        ("cpu_count", "cpu_count", 0.0),
        ("cpu_load_1m", "load_1m", 0.8),
        ("cpu_load_15m", "load_15m", 0.3),
        ("memory_total_bytes", "memory_total", 0.0),
        (
            "memory_available_bytes",
            "memory_available",
            mebibytes(1024.0),
        ),
        ("memory_cached_bytes", "memory_cached", mebibytes(1024.0)),
        ("memory_buffers_bytes", "memory_buffers", mebibytes(64.0)),
        ("memory_usage_percent", "memory_percent", 8.0),
        ("swap_total_bytes", "swap_total", 0.0),
        ("swap_usage_percent", "swap_percent", 5.0),
        ("process_count", "processes", 40.0),
    ] {
        comparison.within(field, None, &theirs[key], tolerance);
    }
    let uptime = theirs["now"].as_f64().unwrap() - theirs["boot_time"].as_f64().unwrap();
    comparison.within("uptime_seconds", None, &uptime.into(), 5.0);
    if comparison
        .ours("disk_total_bytes", Some(("mountpoint", "/")))
        .is_some()
    {
        for (field, key, tolerance) in [
            ("disk_total_bytes", "disk_total", 0.0),
            ("disk_used_bytes", "disk_used", mebibytes(1024.0)),
            ("disk_available_bytes", "disk_free", mebibytes(1024.0)),
            ("disk_usage_percent", "disk_percent", 1.0),
        ] {
            comparison.within(field, Some(("mountpoint", "/")), &theirs[key], tolerance);
        }
    }
    // Only root may list the connections of all; other tests open and close some meanwhile.
    if !theirs["tcp"].is_null() {
        comparison.within("network_connections", None, &theirs["tcp"], 100.0);
        let listening = &theirs["listening"];
        comparison.within("network_connections_listen", None, listening, 100.0);
    }
    compare_counters(&mut comparison, &theirs);
    assert!(comparison.wrong.is_empty(), "{:#?}", comparison.wrong);
}

/// Counters only grow: the agent's, read within the same second, is near psutil's.
fn compare_counters(comparison: &mut Comparison, theirs: &serde_json::Value) {
    let points = comparison.points.clone();
    for interface in points
        .iter()
        .filter_map(|point| point.series.tag("interface"))
    {
        for (field, key, tolerance) in [
            ("network_bytes_recv", "bytes_recv", 5e8),
            ("network_bytes_sent", "bytes_sent", 5e8),
            ("network_packets_recv", "packets_recv", 5e5),
            ("network_packets_sent", "packets_sent", 5e5),
            ("network_errors_in", "errin", 0.0),
            ("network_errors_out", "errout", 0.0),
        ] {
            comparison.within(
                field,
                Some(("interface", interface)),
                &theirs["net"][interface][key],
                tolerance,
            );
        }
    }
    for device in points
        .iter()
        .filter(|point| point.get("disk_io_time_ms").is_some())
    {
        let device = device.series.tag("device").unwrap();
        for (field, key, tolerance) in [
            ("disk_read_bytes", "read_bytes", 2e9),
            ("disk_write_bytes", "write_bytes", 2e9),
            ("disk_read_count", "read_count", 1e5),
            ("disk_write_count", "write_count", 1e5),
            ("disk_io_time_ms", "busy_time", 5e3),
        ] {
            comparison.within(
                field,
                Some(("device", device)),
                &theirs["io"][device][key],
                tolerance,
            );
        }
    }
}

/// Two looks at `/proc/stat`, and what psutil makes of them: no value moves between the two programs.
const CPU_SCRIPT: &str = r#"
import json, os, psutil, sys, time
looks = []
for _ in range(2):
    looks.append(open("/proc/stat").read())
    time.sleep(1.1)  # psutil takes less than a second for a whole one
psutil.PROCFS_PATH = folder = sys.argv[1]
shares = lambda times: dict(times._asdict())
for text in looks:
    with open(os.path.join(folder, "stat"), "w") as file:
        file.write(text)
    overall = psutil.cpu_times_percent()
    cores = psutil.cpu_times_percent(percpu=True)
print(json.dumps({"looks": looks, "overall": shares(overall), "cores": [shares(core) for core in cores]}))
"#;

#[test]
fn shares_of_processor_time_are_those_of_psutil() {
    let Some(python) = python() else {
        return skip("no Python with psutil, and none can be had");
    };
    let root = watchpost_testkit::temp_folder();
    let proc = root.path().join("proc");
    std::fs::create_dir_all(&proc).unwrap();
    let text = std::fs::read("/proc/stat").unwrap();
    std::fs::write(proc.join("stat"), text).unwrap();
    let output = Command::new(python)
        .args(["-c", CPU_SCRIPT])
        .arg(&proc)
        .output()
        .unwrap();
    let theirs: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));

    let (mut cpu, mut files) = (Cpu::new(true), HostFiles::new(root.path()));
    let mut points = Points::default();
    for (at, look) in (1..).zip(theirs["looks"].as_array().unwrap()) {
        std::fs::write(proc.join("stat"), look.as_str().unwrap()).unwrap();
        points = Points::default();
        cpu.collect(&mut files, at, &mut points).unwrap();
    }
    let mut comparison = Comparison {
        points: points.into_vec(),
        wrong: Vec::new(),
    };
    let cores = theirs["cores"].as_array().unwrap();
    compare_modes(&mut comparison, None, &theirs["overall"]);
    for (number, core) in cores.iter().enumerate() {
        compare_modes(&mut comparison, Some(("cpu", &number.to_string())), core);
    }
    assert!(comparison.wrong.is_empty(), "{:#?}", comparison.wrong);
}

/// psutil rounds each mode to a tenth.
fn compare_modes(
    comparison: &mut Comparison,
    tag: Option<(&str, &str)>,
    theirs: &serde_json::Value,
) {
    let sum = |modes: &[&str]| -> f64 {
        let values = modes.iter().map(|mode| theirs[*mode].as_f64().unwrap());
        values.sum()
    };
    let fields = [
        ("cpu_user_percent", sum(&["user", "nice"])),
        ("cpu_system_percent", sum(&["system", "irq", "softirq"])),
        ("cpu_iowait_percent", sum(&["iowait"])),
        ("cpu_steal_percent", sum(&["steal"])),
        ("cpu_idle_percent", sum(&["idle"])),
        ("cpu_usage_percent", 100.0 - sum(&["idle", "iowait"])),
    ];
    for (field, value) in fields {
        comparison.within(field, tag, &value.into(), 0.2);
    }
}

/// Two looks at the processes that live through both, as a `/proc` of each, and what psutil makes of them; between
/// the looks this one works and writes. The clock psutil divides by is that of the looks.
const PROCESSES_SCRIPT: &str = r#"
import collections, json, os, psutil, sys, time
folder = sys.argv[1]
def read(path):
    with open(os.path.join("/proc", path), "rb") as file:
        return file.read()
def look():
    files = {name: read(name) for name in ["stat", "uptime", "meminfo"]}
    processes = {}
    for pid in psutil.pids():
        try:
            of_process = {name: read(f"{pid}/{name}") for name in ["stat", "statm", "status", "cmdline"]}
        except OSError:
            continue  # It ended meanwhile.
        try:
            of_process["io"] = read(f"{pid}/io")
        except OSError:
            pass  # Another user's.
        processes[pid] = of_process
    return files, processes
def began(stat):
    return stat.rsplit(b")", 1)[1].split()[19]
looks = [look()]
with open(os.path.join(folder, "written"), "wb") as file:
    file.write(bytes(1 << 20))
    os.fsync(file.fileno())
while time.process_time() < 0.3:
    pass
looks.append(look())
first, second = (processes for _, processes in looks)
both = [pid for pid in first if pid in second and began(first[pid]["stat"]) == began(second[pid]["stat"])]
uptimes = []
for number, (files, processes) in enumerate(looks, 1):
    root = os.path.join(folder, str(number), "proc")
    for pid in both:
        os.makedirs(os.path.join(root, str(pid)))
        files.update({f"{pid}/{name}": text for name, text in processes[pid].items()})
    for name, text in files.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(text)
    uptimes.append(float(files["uptime"].split()[0]))
psutil.PROCFS_PATH = os.path.join(folder, "proc")
os.symlink("1/proc", psutil.PROCFS_PATH)
psutil._timer = lambda: uptimes[0]
processes = [psutil.Process(pid) for pid in both]
def transfer(process):
    try:
        counters = process.io_counters()
        return counters.read_bytes, counters.write_bytes
    except (OSError, psutil.Error):
        return 0, 0  # Another user's, or a kernel thread.
before = {}
for process in processes:
    process.cpu_percent()
    before[process.pid] = transfer(process)
os.remove(psutil.PROCFS_PATH)
os.symlink("2/proc", psutil.PROCFS_PATH)
psutil._timer = lambda: uptimes[1]
names, states = collections.defaultdict(collections.Counter), collections.Counter()
threads = 0
for process in processes:
    states[process.status()] += 1
    threads += process.num_threads()
    if not second[process.pid]["cmdline"]:
        continue  # Kernel threads go by names without their processor.
    of_name, after = names[process.name()], transfer(process)
    of_name["instances"] += 1
    of_name["cpu"] += process.cpu_percent() / psutil.cpu_count()
    of_name["memory"] += process.memory_info().rss
    of_name["memory_share"] += process.memory_percent()
    of_name["read"] += after[0] - before[process.pid][0]
    of_name["written"] += after[1] - before[process.pid][1]
print(json.dumps({"names": names, "states": states, "threads": threads, "count": len(both),
    "worked": psutil.Process(os.getpid()).name()}))
"#;

#[test]
fn processes_are_those_of_psutil() {
    let Some(python) = python() else {
        return skip("no Python with psutil, and none can be had");
    };
    let folder = watchpost_testkit::temp_folder();
    let output = Command::new(python)
        .args(["-c", PROCESSES_SCRIPT])
        .arg(folder.path())
        .output()
        .unwrap();
    let theirs: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));

    let units = Units {
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        page_bytes: rustix::param::page_size() as u64,
    };
    let mut processes = Processes::new(ALL, Filter::default(), units);
    let mut points = Points::default();
    for at in [1, 2] {
        points = Points::default();
        let mut files = HostFiles::new(&folder.path().join(at.to_string()));
        processes.collect(&mut files, at, &mut points).unwrap();
    }
    let mut comparison = Comparison {
        points: points.into_vec(),
        wrong: Vec::new(),
    };
    compare_states(&mut comparison, &theirs);
    let names = theirs["names"].as_object().unwrap();
    for (name, values) in names {
        compare_name(&mut comparison, name, values);
    }
    assert!(comparison.wrong.is_empty(), "{:#?}", comparison.wrong);
    let worked = &names[theirs["worked"].as_str().unwrap()];
    assert!(worked["cpu"].as_f64() > Some(0.0), "{worked}");
}

/// More names than a machine of tests has.
const ALL: usize = 100_000;

fn compare_states(comparison: &mut Comparison, theirs: &serde_json::Value) {
    let states = &theirs["states"];
    let count = |state: &str| serde_json::Value::from(states[state].as_u64().unwrap_or(0));
    for (field, value) in [
        ("process_count", theirs["count"].clone()),
        ("process_thread_count", theirs["threads"].clone()),
        ("process_running_count", count("running")),
        ("process_sleeping_count", count("sleeping")),
        ("process_blocked_count", count("disk-sleep")),
        ("process_zombie_count", count("zombie")),
        ("process_idle_count", count("idle")),
    ] {
        // The threads are read from another file, a moment later.
        let tolerance = if field == "process_thread_count" {
            20.0
        } else {
            0.0
        };
        comparison.within(field, None, &value, tolerance);
    }
}

/// The processes of one name together. psutil rounds the share of each to a tenth of a core; memory it reads from
/// another file, a moment later.
fn compare_name(comparison: &mut Comparison, name: &str, theirs: &serde_json::Value) {
    let tag = Some(("process", name));
    let number = |key: &str| theirs[key].as_f64().unwrap_or(0.0);
    let instances = number("instances");
    let memory_tolerance = 0.05 * number("memory") + 4.0 * 1024.0 * 1024.0;
    let share_tolerance = memory_tolerance * number("memory_share") / number("memory").max(1.0);
    for (field, key, tolerance) in [
        ("process_instances", "instances", 0.0),
        ("process_cpu_percent", "cpu", 0.06 * instances),
        ("process_memory_bytes", "memory", memory_tolerance),
        ("process_memory_percent", "memory_share", share_tolerance),
        ("process_io_read_bytes", "read", 0.0),
        ("process_io_write_bytes", "written", 0.0),
    ] {
        comparison.within(field, tag, &theirs[key], tolerance);
    }
}
