//! The table of metrics itself.

use super::Kind::{Counter, Gauge};
use super::MetricType::{
    Container, Cpu, Disk, DiskHealth, Diskio, Memory, Network, Process, Swap, System,
};
use super::Unit::{
    self, Bytes, Celsius, Count, Megahertz, Microseconds, Milliseconds, Percent, Seconds,
};
use super::{Kind, Metric, MetricType};
use crate::point::FieldType::{self, Float, Integer};

const NO_TAGS: &[&str] = &[];

pub(super) const fn field(
    name: &'static str,
    metric_type: MetricType,
    field_type: FieldType,
    unit: Unit,
    kind: Kind,
    help: &'static str,
) -> Metric {
    let tags: &[&str] = match metric_type {
        Disk => &["device", "mountpoint"],
        DiskHealth | Diskio => &["device"],
        Container => &["container"],
        _ => NO_TAGS,
    };
    let optional_tags: &[&str] = match metric_type {
        Network => &["interface"],
        Container => &["image"],
        _ => NO_TAGS,
    };
    Metric {
        name,
        metric_type,
        field_type,
        unit,
        kind,
        tags,
        optional_tags,
        help,
    }
}

pub(super) const fn percent(
    name: &'static str,
    metric_type: MetricType,
    help: &'static str,
) -> Metric {
    field(name, metric_type, Float, Percent, Gauge, help)
}

/// A gauge of whole things: bytes or a count.
pub(super) const fn whole(
    name: &'static str,
    metric_type: MetricType,
    unit: Unit,
    help: &'static str,
) -> Metric {
    field(name, metric_type, Integer, unit, Gauge, help)
}

pub(super) const fn counter(
    name: &'static str,
    metric_type: MetricType,
    unit: Unit,
    help: &'static str,
) -> Metric {
    field(name, metric_type, Integer, unit, Counter, help)
}

/// A share of time of the processors, sent for all together and per core.
const fn cpu_percent(name: &'static str, help: &'static str) -> Metric {
    Metric {
        optional_tags: &["cpu"],
        ..percent(name, Cpu, help)
    }
}

pub(super) const fn tagged(metric: Metric, tags: &'static [&'static str]) -> Metric {
    Metric { tags, ..metric }
}

/// Of one of the busiest processes.
const fn process(metric: Metric) -> Metric {
    tagged(metric, &["process"])
}

const fn untagged(metric: Metric) -> Metric {
    Metric {
        tags: NO_TAGS,
        optional_tags: NO_TAGS,
        ..metric
    }
}

/// The metrics of the host itself, grouped by type; within a group in the order of the documentation.
pub(super) const OF_HOST: &[Metric] = &[
    // === cpu ===
    cpu_percent(
        "cpu_usage_percent",
        "Time not idle and not waiting for a disk.",
    ),
    cpu_percent("cpu_user_percent", "Time in programs, nice ones included."),
    cpu_percent(
        "cpu_system_percent",
        "Time in the kernel, interrupts included.",
    ),
    cpu_percent(
        "cpu_iowait_percent",
        "Time idle while a disk had work outstanding.",
    ),
    cpu_percent(
        "cpu_steal_percent",
        "Time the hypervisor gave to other machines.",
    ),
    cpu_percent(
        "cpu_idle_percent",
        "Time idle without disk work outstanding.",
    ),
    whole("cpu_count", Cpu, Count, "Logical processors online."),
    field(
        "cpu_load_1m",
        Cpu,
        Float,
        Unit::None,
        Gauge,
        "Processes running or waiting, mean of one minute.",
    ),
    field(
        "cpu_load_5m",
        Cpu,
        Float,
        Unit::None,
        Gauge,
        "Processes running or waiting, mean of five minutes.",
    ),
    field(
        "cpu_load_15m",
        Cpu,
        Float,
        Unit::None,
        Gauge,
        "Processes running or waiting, mean of fifteen minutes.",
    ),
    Metric {
        optional_tags: &["cpu"],
        ..field(
            "cpu_freq_current_mhz",
            Cpu,
            Float,
            Megahertz,
            Gauge,
            "Clock rate now, mean of the cores.",
        )
    },
    // === memory ===
    whole(
        "memory_total_bytes",
        Memory,
        Bytes,
        "Memory the kernel can use.",
    ),
    whole(
        "memory_available_bytes",
        Memory,
        Bytes,
        "What programs can still get without swapping.",
    ),
    whole("memory_used_bytes", Memory, Bytes, "Total less available."),
    whole(
        "memory_free_bytes",
        Memory,
        Bytes,
        "Memory used for nothing at all.",
    ),
    whole(
        "memory_cached_bytes",
        Memory,
        Bytes,
        "Page cache and reclaimable kernel memory.",
    ),
    whole(
        "memory_buffers_bytes",
        Memory,
        Bytes,
        "Buffers of block devices.",
    ),
    percent("memory_usage_percent", Memory, "Used of total."),
    // === swap ===
    whole("swap_total_bytes", Swap, Bytes, "Size of all swap areas."),
    whole("swap_used_bytes", Swap, Bytes, "Swap in use."),
    percent("swap_usage_percent", Swap, "Used of total; 0 without swap."),
    // === disk ===
    whole("disk_total_bytes", Disk, Bytes, "Size of the filesystem."),
    whole("disk_used_bytes", Disk, Bytes, "Total less free."),
    whole(
        "disk_free_bytes",
        Disk,
        Bytes,
        "Free, the share kept for root included.",
    ),
    whole(
        "disk_available_bytes",
        Disk,
        Bytes,
        "Free for programs that are not root.",
    ),
    percent(
        "disk_usage_percent",
        Disk,
        "Used of used and available, as df counts it.",
    ),
    whole(
        "disk_inodes_total",
        Disk,
        Count,
        "Files the filesystem can hold.",
    ),
    whole("disk_inodes_used", Disk, Count, "Files it holds."),
    whole(
        "disk_stale",
        Disk,
        Count,
        "1 while the mount does not answer and has no other fields; else 0.",
    ),
    // === diskio ===
    counter("disk_read_bytes", Diskio, Bytes, "Read from the device."),
    counter("disk_write_bytes", Diskio, Bytes, "Written to the device."),
    counter("disk_read_count", Diskio, Count, "Reads completed."),
    counter("disk_write_count", Diskio, Count, "Writes completed."),
    counter(
        "disk_io_time_ms",
        Diskio,
        Milliseconds,
        "Time the device was busy.",
    ),
    percent(
        "disk_busy_percent",
        Diskio,
        "Time the device was busy, since the sample before.",
    ),
    whole(
        "disk_await_us",
        Diskio,
        Microseconds,
        "Time of a read or write, waiting included, mean of those since the sample before.",
    ),
    // === network ===
    counter(
        "network_bytes_sent",
        Network,
        Bytes,
        "Sent; without the tag: by all interfaces but the loopback.",
    ),
    counter(
        "network_bytes_recv",
        Network,
        Bytes,
        "Received; without the tag: by all interfaces but the loopback.",
    ),
    counter("network_packets_sent", Network, Count, "Packets sent."),
    counter("network_packets_recv", Network, Count, "Packets received."),
    counter(
        "network_errors_in",
        Network,
        Count,
        "Packets received with errors.",
    ),
    counter(
        "network_errors_out",
        Network,
        Count,
        "Packets that could not be sent.",
    ),
    counter(
        "network_drops_in",
        Network,
        Count,
        "Packets dropped on the way in.",
    ),
    counter(
        "network_drops_out",
        Network,
        Count,
        "Packets dropped on the way out.",
    ),
    untagged(whole(
        "network_connections",
        Network,
        Count,
        "TCP connections established.",
    )),
    untagged(whole(
        "network_connections_listen",
        Network,
        Count,
        "TCP sockets that wait for connections.",
    )),
    untagged(whole(
        "network_connections_syn_sent",
        Network,
        Count,
        "TCP connections asked for and not answered yet.",
    )),
    untagged(whole(
        "network_connections_syn_recv",
        Network,
        Count,
        "TCP connections answered and not confirmed yet.",
    )),
    untagged(whole(
        "network_connections_time_wait",
        Network,
        Count,
        "TCP connections closed, kept until late packets are gone.",
    )),
    untagged(whole(
        "network_connections_close_wait",
        Network,
        Count,
        "TCP connections the other side closed and a program here has not.",
    )),
    untagged(whole(
        "network_connections_closing",
        Network,
        Count,
        "TCP connections on their way out: FIN_WAIT, LAST_ACK, CLOSING, CLOSE.",
    )),
    untagged(whole(
        "network_connections_udp",
        Network,
        Count,
        "UDP sockets.",
    )),
    // === process ===
    whole("process_count", Process, Count, "Processes on the machine."),
    whole(
        "uptime_seconds",
        Process,
        Seconds,
        "Time since the machine started.",
    ),
    whole(
        "process_running_count",
        Process,
        Count,
        "Processes that run or wait for a processor.",
    ),
    whole(
        "process_sleeping_count",
        Process,
        Count,
        "Processes that wait for something.",
    ),
    whole(
        "process_blocked_count",
        Process,
        Count,
        "Processes that wait for a disk and cannot be interrupted.",
    ),
    whole(
        "process_zombie_count",
        Process,
        Count,
        "Processes that ended and were not waited for.",
    ),
    whole(
        "process_stopped_count",
        Process,
        Count,
        "Processes stopped by a signal or a debugger.",
    ),
    whole(
        "process_idle_count",
        Process,
        Count,
        "Kernel threads without work.",
    ),
    whole(
        "process_thread_count",
        Process,
        Count,
        "Threads of all processes.",
    ),
    process(percent(
        "process_cpu_percent",
        Process,
        "Processor time of one of the busiest processes, of all processors.",
    )),
    process(whole(
        "process_memory_bytes",
        Process,
        Bytes,
        "Resident memory of one of the largest processes.",
    )),
    process(percent(
        "process_memory_percent",
        Process,
        "Resident memory of the process, of the total.",
    )),
    process(counter(
        "process_io_read_bytes",
        Process,
        Bytes,
        "Read by the process from storage.",
    )),
    process(counter(
        "process_io_write_bytes",
        Process,
        Bytes,
        "Written by the process to storage.",
    )),
    process(whole(
        "process_instances",
        Process,
        Count,
        "Processes of this name, whose values are added up.",
    )),
    process(whole(
        "process_pid",
        Process,
        Count,
        "Process id: a field, since as a tag each start would be a new series.",
    )),
    // === system ===
    whole("users_count", System, Count, "Sessions of logged-in users."),
    tagged(
        field(
            "temperature_celsius",
            System,
            Float,
            Celsius,
            Gauge,
            "Reading of a temperature sensor.",
        ),
        &["sensor"],
    ),
    percent(
        "pressure_cpu_some_percent",
        System,
        "Time in which some task waited for a processor, mean of 10 seconds (PSI).",
    ),
    percent(
        "pressure_memory_some_percent",
        System,
        "Time in which some task waited for memory, mean of 10 seconds (PSI).",
    ),
    percent(
        "pressure_memory_full_percent",
        System,
        "Time in which all tasks waited for memory, mean of 10 seconds (PSI).",
    ),
    percent(
        "pressure_io_some_percent",
        System,
        "Time in which some task waited for a disk, mean of 10 seconds (PSI).",
    ),
    percent(
        "pressure_io_full_percent",
        System,
        "Time in which all tasks waited for a disk, mean of 10 seconds (PSI).",
    ),
    counter(
        "pressure_cpu_some_us",
        System,
        Microseconds,
        "Total time in which some task waited for a processor (PSI).",
    ),
    counter(
        "pressure_memory_some_us",
        System,
        Microseconds,
        "Total time in which some task waited for memory (PSI).",
    ),
    counter(
        "pressure_memory_full_us",
        System,
        Microseconds,
        "Total time in which all tasks waited for memory (PSI).",
    ),
    counter(
        "pressure_io_some_us",
        System,
        Microseconds,
        "Total time in which some task waited for a disk (PSI).",
    ),
    counter(
        "pressure_io_full_us",
        System,
        Microseconds,
        "Total time in which all tasks waited for a disk (PSI).",
    ),
];
