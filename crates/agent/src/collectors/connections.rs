//! Sockets of TCP by state and of UDP in total, from `/proc/net/{tcp,tcp6,udp,udp6}`.

use std::collections::BTreeMap;

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

/// The field of each TCP state, in the kernel's numbering from 1 (include/net/tcp_states.h). The states of
/// a connection on its way out are told together; `CLOSE_WAIT` alone, because it is a program's mistake.
const FIELD_OF_STATE: [&str; 12] = [
    ESTABLISHED,
    "network_connections_syn_sent",
    "network_connections_syn_recv",
    CLOSING, // FIN_WAIT1
    CLOSING, // FIN_WAIT2
    "network_connections_time_wait",
    CLOSING, // CLOSE
    "network_connections_close_wait",
    CLOSING, // LAST_ACK
    "network_connections_listen",
    CLOSING,
    "network_connections_syn_recv", // NEW_SYN_RECV: a request that has no socket of its own yet.
];
const ESTABLISHED: &str = "network_connections";
const CLOSING: &str = "network_connections_closing";

/// How many sockets there are, by state. Listing them costs time in proportion, so it runs seldom.
#[derive(Debug, Default)]
pub struct Connections;

impl Collector for Connections {
    fn name(&self) -> &'static str {
        "connections"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let namespace = if files.is_live() || !files.exists("proc/1/net/tcp") {
            "proc/net"
        } else {
            "proc/1/net"
        };
        let mut by_field: BTreeMap<&str, u64> =
            FIELD_OF_STATE.iter().map(|field| (*field, 0)).collect();
        let mut count = |table: &str, udp: bool| {
            let mut is_head = true;
            let mut sockets = 0;
            files
                .each_line(&format!("{namespace}/{table}"), |line| {
                    if !std::mem::take(&mut is_head) {
                        sockets += 1;
                        if !udp {
                            count_state(line, &mut by_field);
                        }
                    }
                })
                .map(|()| sockets)
        };
        count("tcp", false)?;
        // A kernel may be without IPv6, and without UDP's table.
        let _ = count("tcp6", false);
        let udp: u64 = ["udp", "udp6"]
            .map(|table| count(table, true).unwrap_or(0))
            .iter()
            .sum();
        let mut row = Row::new("network", at);
        for (field, count) in by_field {
            row = row.integer(field, count);
        }
        points.push(row.integer("network_connections_udp", udp));
        Ok(())
    }
}

fn count_state(line: &str, by_field: &mut BTreeMap<&str, u64>) {
    let state = line
        .split_ascii_whitespace()
        .nth(3)
        .and_then(|word| usize::from_str_radix(word, 16).ok());
    let field = state.and_then(|state| FIELD_OF_STATE.get(state.checked_sub(1)?));
    if let Some(count) = field.and_then(|field| by_field.get_mut(field)) {
        *count += 1;
    }
}
