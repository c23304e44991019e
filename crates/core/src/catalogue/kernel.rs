//! The metrics of the kernel, the network stack, and of fans and batteries.

use super::Metric;
use super::MetricType::{Network, System};
use super::Unit::{Count, Microseconds, Seconds};
use super::metrics::{counter, percent, tagged, whole};

const SENSOR: &[&str] = &["sensor"];

const fn of_stack(metric: Metric) -> Metric {
    Metric {
        optional_tags: &[],
        ..metric
    }
}

pub(super) const OF_KERNEL: &[Metric] = &[
    of_stack(counter(
        "network_tcp_retransmits",
        Network,
        Count,
        "Segments of TCP sent again.",
    )),
    of_stack(counter(
        "network_tcp_segments_sent",
        Network,
        Count,
        "Segments of TCP sent.",
    )),
    of_stack(counter(
        "network_listen_overflows",
        Network,
        Count,
        "Connections that a full queue of a listener turned away.",
    )),
    of_stack(counter(
        "network_listen_drops",
        Network,
        Count,
        "Connections that a listener turned away for any reason.",
    )),
    of_stack(counter(
        "network_softnet_drops",
        Network,
        Count,
        "Packets dropped since no processor fetched them in time.",
    )),
    of_stack(whole(
        "network_conntrack_count",
        Network,
        Count,
        "Connections that the firewall tracks.",
    )),
    of_stack(percent(
        "network_conntrack_percent",
        Network,
        "Tracked connections of those that fit.",
    )),
    counter(
        "oom_kills",
        System,
        Count,
        "Processes killed for want of memory.",
    ),
    whole("open_files", System, Count, "File handles in use."),
    percent(
        "open_files_percent",
        System,
        "File handles in use of those that fit.",
    ),
    whole(
        "kernel_tainted",
        System,
        Count,
        "Why the kernel is tainted, a bit a reason; 0 if it is not.",
    ),
    whole(
        "reboot_required",
        System,
        Count,
        "1 while an upgrade waits for a reboot, else 0.",
    ),
    whole(
        "packages_upgradable",
        System,
        Count,
        "Packages with an update, where the system counts them.",
    ),
    whole(
        "clock_synchronized",
        System,
        Count,
        "1 while the clock follows a source of time, else 0.",
    ),
    whole(
        "clock_offset_us",
        System,
        Microseconds,
        "How far the clock is off, in either direction.",
    ),
    tagged(
        whole("fan_rpm", System, Count, "Revolutions of a fan a minute."),
        SENSOR,
    ),
    tagged(
        percent("battery_percent", System, "Charge of a battery."),
        SENSOR,
    ),
    tagged(
        percent(
            "battery_health_percent",
            System,
            "What a battery holds of what it was designed for.",
        ),
        SENSOR,
    ),
    tagged(
        whole(
            "battery_discharging",
            System,
            Count,
            "1 while a battery is discharged, else 0.",
        ),
        SENSOR,
    ),
    tagged(
        whole(
            "mains_online",
            System,
            Count,
            "1 while the mains supply power, else 0.",
        ),
        SENSOR,
    ),
    tagged(
        whole(
            "battery_runtime_seconds",
            System,
            Seconds,
            "How long the battery of a power supply lasts.",
        ),
        SENSOR,
    ),
    tagged(
        whole(
            "battery_low",
            System,
            Count,
            "1 while the battery of a power supply is nearly empty, else 0.",
        ),
        SENSOR,
    ),
    tagged(
        whole(
            "battery_replace",
            System,
            Count,
            "1 while a power supply asks for another battery, else 0.",
        ),
        SENSOR,
    ),
    tagged(
        percent("ups_load_percent", System, "Load of a power supply."),
        SENSOR,
    ),
];
