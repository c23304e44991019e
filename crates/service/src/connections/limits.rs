//! How many connections a process holds and how long each may take, every number with its reason.

use std::time::Duration;

/// From accepting to the end of a request's head, and from the first byte of a later head to its
/// end. InfluxDB's `http-read-header-timeout`.
pub const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Longest a TLS handshake takes: two round trips, from the other side of the world over a bad line.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may wait for its next request. InfluxDB's `http-idle-timeout`; clients give
/// theirs up after 90 s, so that they rarely send into a connection that is just being closed.
pub const IDLE_LIMIT: Duration = Duration::from_secs(180);

/// Head start of a body before its rate counts, as Apache's `RequestReadTimeout body=20`.
pub const BODY_GRACE: Duration = Duration::from_secs(20);

/// Bytes a second that a body has to bring while it is waited for, as Apache's `MinRate=500`.
pub const BODY_RATE: u64 = 500;

/// How long a reader may keep us waiting before it has taken [`WRITE_PIECE`].
pub const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Bytes that give a slow reader its time anew.
pub const WRITE_PIECE: usize = 16 * 1024;

/// Largest head of a request, request line included: the read buffer of a connection. Cookies of
/// proxies take 16 kB; a query in the address may have what RFC 9112, 3 asks for, 8,000, many times.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Most header fields of a request.
pub const HEAD_FIELDS: usize = 100;

/// How long a connection that makes room for another may take to send what it still holds.
pub const EVICTION_GRACE: Duration = Duration::from_millis(250);

/// Most places of each reserve: a probe every second from several sides, and an operator's shell.
const RESERVE: usize = 16;

/// How many connections a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that anybody may hold.
    pub connections: usize,
    /// Of them, how many one address may hold (one network of 64 bits with IPv6). Loopback, where
    /// proxies and the other roles come from, may hold all.
    pub per_address: usize,
    /// Places kept for loopback, and as many for probes, when the others are taken.
    pub reserve: usize,
}

impl Limits {
    /// At most `most`, and with the reserves at most half of the descriptors that this process may
    /// have open: the other half is for files.
    pub fn new(most: usize, descriptors: u64) -> Self {
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let connections = most.min(descriptors / 8 * 3).max(4);
        Self {
            connections,
            per_address: connections.div_ceil(2),
            reserve: RESERVE.min(descriptors / 16).max(1),
        }
    }

    /// For a server of many: 2,000 hosts with two connections each, twice over; some 20 kB a connection.
    pub fn server() -> Self {
        Self::new(8192, crate::descriptors::limit())
    }

    /// For the port of a host's own metrics: a few scrapers.
    pub fn side_port() -> Self {
        Self::new(64, crate::descriptors::limit())
    }
}
