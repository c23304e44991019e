//! What goes wrong on the way of packets: segments sent again, connections that a full queue turned away, packets
//! that no processor came to fetch, and how full the table of tracked connections is.

use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};

const CONNTRACK: &str = "proc/sys/net/netfilter/nf_conntrack";

/// Counters of the network stack since boot.
#[derive(Debug, Default)]
pub struct Protocols;

/// (table, protocol, column, field).
const COUNTERS: [(&str, &str, &str, &str); 4] = [
    ("snmp", "Tcp:", "RetransSegs", "network_tcp_retransmits"),
    ("snmp", "Tcp:", "OutSegs", "network_tcp_segments_sent"),
    (
        "netstat",
        "TcpExt:",
        "ListenOverflows",
        "network_listen_overflows",
    ),
    ("netstat", "TcpExt:", "ListenDrops", "network_listen_drops"),
];

impl Collector for Protocols {
    fn name(&self) -> &'static str {
        "protocols"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let of_host = !files.is_live() && files.exists("proc/1/net/snmp");
        let namespace = if of_host { "proc/1/net" } else { "proc/net" };
        let mut row = Row::new("network", at);
        for table in ["snmp", "netstat"] {
            let Some(text) = files.read_optional(&format!("{namespace}/{table}")) else {
                continue;
            };
            for (_, protocol, column, field) in COUNTERS.iter().filter(|counter| counter.0 == table)
            {
                row = row.optional_integer(field, value(text, protocol, column));
            }
        }
        if let Some(text) = files.read_optional("proc/net/softnet_stat") {
            row = row.optional_integer("network_softnet_drops", softnet_drops(text));
        }
        let count = number(files, &format!("{CONNTRACK}_count"));
        let most = number(files, &format!("{CONNTRACK}_max"));
        let share = count
            .zip(most)
            .and_then(|(count, most)| percent(count, most));
        points.push(
            row.optional_integer("network_conntrack_count", count)
                .optional_float("network_conntrack_percent", share),
        );
        Ok(())
    }
}

/// Names and values stand in two lines that begin with the protocol.
fn value(text: &str, protocol: &str, column: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(protocol));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names
        .split_ascii_whitespace()
        .position(|name| name == column)?;
    values.split_ascii_whitespace().nth(at)?.parse().ok()
}

/// The second column of each processor's line, hexadecimal.
fn softnet_drops(text: &str) -> Option<u64> {
    let mut drops = text
        .lines()
        .map(|line| u64::from_str_radix(line.split_ascii_whitespace().nth(1)?, 16).ok());
    drops.try_fold(0_u64, |sum, drops| Some(sum.saturating_add(drops?)))
}

fn number(files: &mut HostFiles, path: &str) -> Option<u64> {
    files.read_optional(path)?.trim().parse().ok()
}
