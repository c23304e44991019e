//! The metrics of containers.

use super::Metric;
use super::MetricType::Container;
use super::Unit::{Bytes, Count};
use super::metrics::{counter, percent, tagged, whole};

pub(super) const OF_CONTAINERS: &[Metric] = &[
    Metric {
        optional_tags: &[],
        ..tagged(
            whole("container_count", Container, Count, "Containers that run."),
            &[],
        )
    },
    percent(
        "container_cpu_percent",
        Container,
        "Time of all processors that the container used.",
    ),
    percent(
        "container_cpu_throttled_percent",
        Container,
        "Periods in which it was held back at its processor limit.",
    ),
    whole(
        "container_memory_bytes",
        Container,
        Bytes,
        "Memory in use, without page cache that was not used lately.",
    ),
    whole(
        "container_memory_limit_bytes",
        Container,
        Bytes,
        "Memory it may use; absent without a limit.",
    ),
    percent(
        "container_memory_percent",
        Container,
        "Memory in use of its limit, or of the host's without one.",
    ),
    counter(
        "container_oom_kills",
        Container,
        Count,
        "Processes killed for want of memory.",
    ),
    counter(
        "container_io_read_bytes",
        Container,
        Bytes,
        "Read from block devices.",
    ),
    counter(
        "container_io_write_bytes",
        Container,
        Bytes,
        "Written to block devices.",
    ),
    counter(
        "container_network_recv_bytes",
        Container,
        Bytes,
        "Received in a network namespace of its own.",
    ),
    counter(
        "container_network_sent_bytes",
        Container,
        Bytes,
        "Sent from a network namespace of its own.",
    ),
    whole(
        "container_tasks",
        Container,
        Count,
        "Processes and threads.",
    ),
    counter(
        "container_restarts",
        Container,
        Count,
        "Starts since the agent first saw it.",
    ),
    whole(
        "container_running",
        Container,
        Count,
        "1 while it runs, 0 while it does not; from the runtime.",
    ),
    whole(
        "container_failed",
        Container,
        Count,
        "1 while it is stopped after an error or restarting, else 0; from the runtime.",
    ),
    whole(
        "container_unhealthy",
        Container,
        Count,
        "1 while its health check fails, 0 while it passes; from the runtime.",
    ),
    whole(
        "container_exit_code",
        Container,
        Count,
        "Exit code of a container that stopped; from the runtime.",
    ),
];
