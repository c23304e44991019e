//! The sections of what programs send: where it comes in, and how much of it is taken.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_service::config::Interval;

use super::collectors::{Section, Timing, collector_section, strings};
use crate::programs::exec::CommandConfig;
use crate::programs::logs::LogFileConfig;
use crate::programs::prometheus::TargetConfig;

collector_section! {
    /// StatsD. Slow: what comes is added up over its interval, 10s by default as with the reference daemon.
    off StatsDConfig {
        /// Address of the UDP socket; empty for none. Who reaches it may send: keep it at loopback.
        address: String = "127.0.0.1:8125".to_owned(),
        /// Path of a Unix socket for datagrams, beside the address. Who reaches its folder may send.
        socket: Option<PathBuf> = None,
        /// Series at most. Lines of others are refused and counted; a series without a line for an hour makes room.
        max_series: usize = 1_000,
        /// Percentiles of timings, 1 to 99: 90 gives `mean_90`, `upper_90`, `sum_90` …
        percentiles: Vec<u8> = vec![90],
    }
}

collector_section! {
    /// Pages in Prometheus' text format that are scraped. Slow.
    PrometheusConfig {
        /// The pages by name, which becomes the tag `job`: `[collectors.prometheus.targets.node]` and below it
        /// `url = "http://127.0.0.1:9100/metrics"`.
        targets: BTreeMap<String, TargetConfig> = BTreeMap::new(),
    }
}

collector_section! {
    /// Files named `*.prom` in Prometheus' text format. Slow.
    TextFileConfig {
        /// Folders that are looked in, where they are there. By default those of node_exporter.
        folders: Vec<PathBuf> = ["/var/lib/prometheus/node-exporter", "/var/lib/node_exporter/textfile_collector"]
            .map(PathBuf::from).to_vec(),
        /// Samples of one file at most; one with more is left out.
        max_samples: usize = 1_000,
    }
}

collector_section! {
    /// OTLP metrics over HTTP, at `/v1/metrics`.
    off OtlpConfig {
        /// Address of the listener. Who reaches it may send: keep it at loopback.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 4318)),
        /// Names that requests may be for, beside those of loopback: a browser that was led here is turned away.
        allowed_hosts: Vec<String> = Vec::new(),
        /// Attributes of resources that become tags, as globs. Each process that has its own value makes series of
        /// its own.
        resource_attributes: Vec<String> = strings(&[
            "service.name", "service.namespace", "service.instance.id", "deployment.environment*",
        ]),
        /// Series of deltas at most: their totals are kept.
        max_series: usize = 2_000,
    }
}

collector_section! {
    /// Line protocol on a Unix socket: programs connect and write lines.
    off LineProtocolConfig {
        /// Path of the socket. Who reaches its folder may send.
        socket: Option<PathBuf> = None,
    }
}

collector_section! {
    /// Commands whose output is metrics. Slow.
    ExecConfig {
        /// The commands by name: `[collectors.exec.commands.queue]` and below it
        /// `command = ["/usr/local/bin/queue-length"]`. They run as the agent does.
        commands: BTreeMap<String, CommandConfig> = BTreeMap::new(),
    }
}

collector_section! {
    /// Logs whose lines are counted. Slow.
    LogsConfig {
        /// The logs by name, which becomes the tag `log`: `[collectors.logs.files.shop]` and below it
        /// `path = "/var/log/shop.log"` and `patterns = { errors = "ERROR" }`.
        files: BTreeMap<String, LogFileConfig> = BTreeMap::new(),
    }
}
