//! What a simulated host has beside its processes: a container, units, the health of its disk, fans.

use super::host::{SimulatedHost, State};
use super::points::counter;
use crate::collectors::Points;
use crate::collectors::row::Row;

/// The busiest program in a container of its own.
pub(super) fn containers(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    let memory = host.memory_total * state.memory * 0.5;
    let limit = host.memory_total * 0.75;
    points.push(Row::new("container", at).integer("container_count", 1));
    points.push(
        Row::new("container", at)
            .tag("container", host.programs[0])
            .tag("image", &format!("registry.example/{}:1", host.programs[0]))
            .float("container_cpu_percent", state.cpu * 0.6)
            .float(
                "container_cpu_throttled_percent",
                (state.cpu - 70.0).max(0.0) / 3.0,
            )
            .integer("container_memory_bytes", memory as u64)
            .integer("container_memory_limit_bytes", limit as u64)
            .float("container_memory_percent", 100.0 * memory / limit)
            .integer("container_oom_kills", 0)
            .integer("container_io_read_bytes", counter(state, 300_000.0))
            .integer("container_io_write_bytes", counter(state, 900_000.0))
            .integer("container_network_recv_bytes", counter(state, 700_000.0))
            .integer("container_network_sent_bytes", counter(state, 1_100_000.0))
            .integer("container_tasks", 12 + u64::from(host.cores))
            .integer("container_restarts", 0)
            .integer("container_running", 1)
            .integer("container_failed", 0)
            .integer("container_unhealthy", 0)
            .integer("container_exit_code", 0),
    );
}

/// A unit that never fails.
pub(super) fn units(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    points.push(
        Row::new("unit", at)
            .integer("units_active", 180 + u64::from(host.cores))
            .integer("units_failed", 0)
            .integer("units_restarting", 0)
            .integer("timers_overdue", 0)
            .integer("journal_errors", 0),
    );
    points.push(
        Row::new("unit", at)
            .tag("unit", &format!("{}.service", host.programs[1]))
            .integer("unit_active", 1)
            .integer("unit_failed", 0)
            .integer("unit_restarting", 0)
            .float("unit_cpu_percent", state.cpu * 0.15)
            .integer(
                "unit_memory_bytes",
                (host.memory_total * state.memory * 0.15) as u64,
            )
            .integer("unit_tasks", 4)
            .integer("unit_oom_kills", 0)
            .integer("unit_restarts", 0)
            .integer("unit_journal_errors", 0),
    );
}

/// A timer that runs every hour.
pub(super) fn timers(state: &State, at: i64, points: &mut Points) {
    points.push(
        Row::new("unit", at)
            .tag("unit", "backup.timer")
            .integer("unit_active", 1)
            .integer("unit_failed", 0)
            .integer("unit_restarting", 0)
            .integer("unit_timer_overdue", 0)
            .integer("unit_timer_passed_seconds", state.uptime as u64 % 3600),
    );
}

/// A host that is well.
pub(super) fn health(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    let wear = 2.0 + 30.0 * host.noise("wear").unit();
    points.push(
        Row::new("disk_health", at)
            .tag("device", "nvme0n1")
            .integer("disk_array_degraded", 0)
            .integer("disk_array_missing", 0)
            .float("disk_array_sync_percent", 100.0)
            .integer("disk_errors", 0)
            .integer("disk_failing", 0)
            .float("disk_wear_percent", wear)
            .float("disk_spare_percent", 100.0)
            .float("disk_temperature_celsius", 34.0 + 0.1 * state.cpu)
            .integer(
                "disk_power_on_hours",
                4_000 + (state.uptime / 3600.0) as u64,
            )
            .integer("disk_reallocated_sectors", 0)
            .integer("disk_pending_sectors", 0)
            .integer("disk_uncorrectable_sectors", 0)
            .integer("disk_media_errors", 0)
            .integer("disk_crc_errors", 0)
            .float("disk_pool_data_percent", 40.0 + wear)
            .float("disk_pool_metadata_percent", 12.0),
    );
    kernel(state, at, points);
    power(state, at, points);
    gpu(state, at, points);
}

fn kernel(state: &State, at: i64, points: &mut Points) {
    points.push(
        Row::new("network", at)
            .integer("network_tcp_retransmits", counter(state, 1.5))
            .integer("network_tcp_segments_sent", counter(state, 1700.0))
            .integer("network_listen_overflows", 0)
            .integer("network_listen_drops", 0)
            .integer("network_softnet_drops", 0)
            .integer("network_conntrack_count", (300.0 * state.activity) as u64)
            .float("network_conntrack_percent", 0.5 * state.activity),
    );
    points.push(
        Row::new("system", at)
            .integer("oom_kills", 0)
            .integer("open_files", 1200 + (400.0 * state.activity) as u64)
            .float("open_files_percent", 0.2 * state.activity)
            .integer("kernel_tainted", 0)
            .integer("clock_synchronized", 1)
            .integer("clock_offset_us", 120)
            .integer("reboot_required", 0)
            .integer("packages_upgradable", 0),
    );
}

fn power(state: &State, at: i64, points: &mut Points) {
    points.push(
        Row::new("system", at)
            .tag("sensor", "nct6775 fan1")
            .integer("fan_rpm", (900.0 + 12.0 * state.cpu) as u64),
    );
    points.push(
        Row::new("system", at)
            .tag("sensor", "UPS")
            .float("battery_percent", 100.0)
            .float("battery_health_percent", 96.0)
            .integer("battery_discharging", 0)
            .integer("battery_low", 0)
            .integer("battery_replace", 0)
            .integer("battery_runtime_seconds", 1_800)
            .float("ups_load_percent", 20.0 + 0.2 * state.cpu)
            .integer("mains_online", 1),
    );
}

fn gpu(state: &State, at: i64, points: &mut Points) {
    let memory = 16.0 * 1024.0 * 1024.0 * 1024.0;
    points.push(
        Row::new("gpu", at)
            .tag("gpu", "card0")
            .float("gpu_busy_percent", state.cpu * 0.4)
            .integer("gpu_memory_used_bytes", (memory * state.memory) as u64)
            .integer("gpu_memory_total_bytes", memory as u64)
            .float("gpu_memory_percent", 100.0 * state.memory)
            .float("gpu_power_watts", 20.0 + state.cpu)
            .float("gpu_temperature_celsius", 40.0 + 0.3 * state.cpu)
            .float("gpu_freq_mhz", 600.0 + 10.0 * state.cpu),
    );
}

/// A check of the host's own service.
pub(super) fn checks(host: &SimulatedHost, state: &State, at: i64, points: &mut Points) {
    const DAY: i64 = watchpost_core::time::NANOS_PER_DAY;
    // Renewed at sixty days before its end.
    let age =
        (at + (host.noise("certificate").unit() * 30.0 * DAY as f64) as i64).rem_euclid(30 * DAY);
    points.push(
        Row::new("check", at)
            .tag("check", host.service)
            .integer("check_up", 1)
            .integer("check_time_us", (9_000.0 * (1.0 + state.activity)) as u64)
            .integer("check_resolve_us", 700)
            .integer("check_connect_us", 1_200)
            .integer("check_status", 200)
            .integer(
                "check_certificate_seconds",
                ((90 * DAY - age) / 1_000_000_000) as u64,
            ),
    );
}
