//! The points of one simulated host at one moment: every metric of the catalogue, made from its state.

use watchpost_core::point::Point;

use super::host::{SimulatedHost, State};
use super::platform;
use crate::collectors::Points;
use crate::collectors::row::Row;

/// The points at `at`; those of the slow collectors only if `slow`.
pub(super) fn points(host: &SimulatedHost, state: &State, at: i64, slow: bool) -> Vec<Point> {
    let mut points = Points::default();
    cpu(host, state, at, slow, &mut points);
    memory(host, state, at, &mut points);
    disk_io(host, state, at, &mut points);
    network(host, state, at, slow, &mut points);
    system(host, state, at, slow, &mut points);
    if slow {
        file_system(host, state, at, &mut points);
        processes(host, state, at, &mut points);
        platform::containers(host, state, at, &mut points);
        platform::units(host, state, at, &mut points);
        platform::timers(state, at, &mut points);
        platform::health(host, state, at, &mut points);
        platform::checks(host, state, at, &mut points);
    }
    let mut points = points.into_vec();
    for point in &mut points {
        point.series.set_tag("host", host.name.as_str());
        point.series.set_tag("region", host.region);
        point.series.set_tag("environment", host.environment);
        point.series.set_tag("service", host.service);
    }
    points
}

fn cpu(host: &SimulatedHost, state: &State, at: i64, slow: bool, points: &mut Points) {
    let load = state.cpu / 100.0 * f64::from(host.cores);
    let mhz = 2400.0 + 10.0 * state.cpu;
    let mut row = modes(Row::new("cpu", at), state.cpu)
        .integer("cpu_count", u64::from(host.cores))
        .float("cpu_load_1m", load * 1.1)
        .float("cpu_load_5m", load)
        .float("cpu_load_15m", load * 0.95);
    if slow {
        row = row.float("cpu_freq_current_mhz", mhz);
    }
    points.push(row);
    for core in 0..host.cores {
        let noise = host.noise("core").at(i64::from(core));
        let usage = (state.cpu + 8.0 * noise.wave(at, 30)).clamp(0.0, 100.0);
        points.push(modes(
            Row::new("cpu", at).tag("cpu", &core.to_string()),
            usage,
        ));
    }
}

fn modes(row: Row, usage: f64) -> Row {
    let iowait = (100.0 - usage) * 0.01;
    row.float("cpu_usage_percent", usage)
        .float("cpu_user_percent", usage * 0.74)
        .float("cpu_system_percent", usage * 0.25)
        .float("cpu_steal_percent", usage * 0.01)
        .float("cpu_iowait_percent", iowait)
        .float("cpu_idle_percent", 100.0 - usage - iowait)
}

fn memory(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    let total = host.memory_total;
    let used = total * state.memory;
    let cached = (total - used) * 0.6;
    points.push(
        Row::new("memory", at)
            .integer("memory_total_bytes", total as u64)
            .integer("memory_used_bytes", used as u64)
            .integer("memory_available_bytes", total as u64 - used as u64)
            .integer("memory_free_bytes", (total - used - cached) as u64)
            .integer("memory_cached_bytes", cached as u64)
            .integer("memory_buffers_bytes", (cached * 0.05) as u64)
            .float("memory_usage_percent", 100.0 * state.memory),
    );
    let (swap_total, swap_share) = (total / 4.0, (state.memory - 0.5).max(0.0) / 2.0);
    points.push(
        Row::new("swap", at)
            .integer("swap_total_bytes", swap_total as u64)
            .integer("swap_used_bytes", (swap_total * swap_share) as u64)
            .float("swap_usage_percent", 100.0 * swap_share),
    );
}

/// A counter that grew at `rate` per second of mean activity since the host started.
pub(super) fn counter(state: &State, rate: f64) -> u64 {
    (state.work * rate) as u64
}

fn disk_io(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    let scale = host.noise("io").between(0.5, 2.0);
    points.push(
        Row::new("diskio", at)
            .tag("device", "nvme0n1")
            .integer("disk_read_count", counter(state, 40.0 * scale))
            .integer(
                "disk_read_bytes",
                counter(state, 900_000.0 * scale) / 512 * 512,
            )
            .integer("disk_write_count", counter(state, 90.0 * scale))
            .integer(
                "disk_write_bytes",
                counter(state, 2_500_000.0 * scale) / 512 * 512,
            )
            .integer("disk_io_time_ms", counter(state, 35.0 * scale))
            .float(
                "disk_busy_percent",
                (3.5 * scale * state.activity).min(100.0),
            )
            .integer("disk_await_us", (270.0 * scale * state.activity) as u64),
    );
}

fn network(host: &SimulatedHost, state: &State, at: i64, slow: bool, points: &mut Points) {
    let scale = host.noise("traffic").between(0.5, 2.0);
    let fields = |row: Row| {
        row.integer("network_bytes_recv", counter(state, 1_200_000.0 * scale))
            .integer("network_bytes_sent", counter(state, 1_900_000.0 * scale))
            .integer("network_packets_recv", counter(state, 1500.0 * scale))
            .integer("network_packets_sent", counter(state, 1700.0 * scale))
            .integer("network_errors_in", counter(state, 0.0001))
            .integer("network_errors_out", 0)
            .integer("network_drops_in", counter(state, 0.001))
            .integer("network_drops_out", 0)
    };
    points.push(fields(Row::new("network", at).tag("interface", "eth0")));
    let mut total = fields(Row::new("network", at));
    if slow {
        let established =
            120.0 * state.activity * scale + 10.0 * host.noise("sockets").wave(at, 120);
        total = total
            .integer("network_connections", established as u64)
            .integer("network_connections_listen", 14)
            .integer(
                "network_connections_syn_sent",
                (host.noise("syn").unit() * 2.0) as u64,
            )
            .integer("network_connections_syn_recv", (established * 0.01) as u64)
            .integer("network_connections_time_wait", (established * 0.4) as u64)
            .integer(
                "network_connections_close_wait",
                (established * 0.02) as u64,
            )
            .integer("network_connections_closing", (established * 0.03) as u64)
            .integer("network_connections_udp", 9);
    }
    points.push(total);
}

fn system(host: &SimulatedHost, state: &State, at: i64, slow: bool, points: &mut Points) {
    let pressure = |limit: f64| (state.cpu - limit).max(0.0);
    let stalled = |rate: f64| counter(state, rate);
    let mut row = Row::new("system", at)
        .float("pressure_cpu_some_percent", pressure(40.0))
        .float("pressure_memory_some_percent", pressure(90.0) * 0.1)
        .float("pressure_memory_full_percent", pressure(90.0) * 0.05)
        .float("pressure_io_some_percent", 0.4 * state.activity)
        .float("pressure_io_full_percent", 0.3 * state.activity)
        .integer("pressure_cpu_some_us", stalled(30_000.0))
        .integer("pressure_memory_some_us", stalled(10.0))
        .integer("pressure_memory_full_us", stalled(5.0))
        .integer("pressure_io_some_us", stalled(4_000.0))
        .integer("pressure_io_full_us", stalled(3_000.0));
    if slow {
        row = row.integer(
            "users_count",
            u64::from(host.noise("users").wave(at, 1800) > 0.3),
        );
        let celsius = 38.0 + 0.35 * state.cpu + host.noise("heat").wave(at, 120);
        points.push(
            Row::new("system", at)
                .tag("sensor", "coretemp Package id 0")
                .float("temperature_celsius", celsius),
        );
    }
    points.push(row);
    points.push(Row::new("process", at).integer("uptime_seconds", state.uptime as u64));
}

fn file_system(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    const BYTES_PER_INODE: f64 = 16_384.0;
    let total = host.disk_total as u64;
    let used = (host.disk_total * state.disk) as u64;
    let free = total - used;
    let available = free.saturating_sub(total / 200);
    points.push(
        Row::new("disk", at)
            .tag("device", "/dev/nvme0n1p1")
            .tag("mountpoint", "/")
            .integer("disk_total_bytes", total)
            .integer("disk_used_bytes", used)
            .integer("disk_free_bytes", free)
            .integer("disk_available_bytes", available)
            .float(
                "disk_usage_percent",
                100.0 * used as f64 / (used + available) as f64,
            )
            .integer("disk_stale", 0)
            .integer(
                "disk_inodes_total",
                (host.disk_total / BYTES_PER_INODE) as u64,
            )
            .integer(
                "disk_inodes_used",
                (host.disk_total * state.disk / BYTES_PER_INODE / 4.0) as u64,
            ),
    );
}

fn processes(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    let sleeping = 130 + (20.0 * host.noise("tasks").wave(at, 600)) as i64;
    let (running, idle) = (1 + (state.cpu / 30.0) as u64, 40);
    let sleeping = u64::try_from(sleeping).unwrap_or(0);
    points.push(
        Row::new("process", at)
            .integer("process_count", running + sleeping + idle)
            .integer("process_running_count", running)
            .integer("process_sleeping_count", sleeping)
            .integer("process_blocked_count", 0)
            .integer("process_zombie_count", 0)
            .integer("process_stopped_count", 0)
            .integer("process_idle_count", idle)
            .integer("process_thread_count", 3 * sleeping),
    );
    // The first program does most of the work, as on a host with one purpose.
    for (rank, (program, share)) in host.programs.iter().zip([0.70, 0.15, 0.05]).enumerate() {
        let noise = host.noise(program);
        let memory = host.memory_total * state.memory * share;
        points.push(
            Row::new("process", at)
                .tag("process", program)
                .integer(
                    "process_pid",
                    800 + rank as u64 * 211 + (noise.unit() * 200.0) as u64,
                )
                .integer("process_instances", 1 + rank as u64)
                .integer("process_memory_bytes", memory as u64)
                .float("process_memory_percent", 100.0 * state.memory * share)
                .float("process_cpu_percent", state.cpu * share)
                .integer("process_io_read_bytes", counter(state, 500_000.0 * share))
                .integer(
                    "process_io_write_bytes",
                    counter(state, 1_500_000.0 * share),
                ),
        );
    }
}
