//! Requests that a program sends for somebody else, and which hosts they may reach (server-side request forgery).
//!
//! An address that the operator writes into a configuration file or onto a command line is the operator's choice: receivers,
//! heartbeats, the server that a role writes to, the source of a migration. An address that comes from anybody else, as a
//! query's `http.get` does, passes here: its host has to be on the operator's list, and what its name resolves to has to be
//! a public address unless the list names that very host. The caller connects to an address that was checked, never to a
//! name, so that a second resolution cannot answer otherwise, and asks again at every redirect.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::str::FromStr;

/// Ports that a listed host is reached at if its entry names none: those of HTTP and HTTPS.
const WEB_PORTS: [u16; 2] = [80, 443];

/// The hosts that may be reached; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress(Vec<AllowedHost>);

/// An entry of the list: `hooks.example.com`, `10.0.0.5:8080`, `[fd00::5]:8080`, `*.example.com`, or `*` for all that is
/// public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    name: HostName,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostName {
    /// This host, at whatever address it has: it was listed by name.
    Exactly(String),
    /// Hosts whose names end in this (`.example.com`), at public addresses.
    Below(String),
    /// All hosts, at public addresses.
    All,
}

/// A text that is no entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a host; write NAME, NAME:PORT, an address ([…] around IPv6 with a port), *.DOMAIN or *"
)]
pub struct HostError(String);

/// Why a request may not go there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No host is listed.
    #[error("no host may be reached from here")]
    Off,
    /// Others are listed.
    #[error("{0} is not among the hosts that may be reached")]
    Unlisted(String),
    /// The host is listed only as one of many, and has an address inside.
    #[error(
        "{host} has the address {address}, which is not public; it may be reached only if it is listed by name"
    )]
    Inside {
        /// The host as it was asked for.
        host: String,
        /// One of its addresses.
        address: IpAddr,
    },
}

/// What the list allows of one host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    host: String,
    /// Whether the host itself is listed, which allows addresses that are not public.
    by_name: bool,
}

impl Egress {
    /// These hosts.
    pub fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }

    /// What is allowed of a host, a name or an address without brackets, at a port.
    ///
    /// # Errors
    /// It is not listed.
    pub fn grant(&self, host: &str, port: u16) -> Result<Grant, Refused> {
        if self.0.is_empty() {
            return Err(Refused::Off);
        }
        let host = normal(host);
        let mut entries = self.0.iter().filter(|entry| entry.allows(&host, port));
        let first = entries.next();
        let is_exact = |entry: &AllowedHost| matches!(entry.name, HostName::Exactly(_));
        match first {
            None => Err(Refused::Unlisted(format!("{host}:{port}"))),
            Some(first) => Ok(Grant {
                by_name: is_exact(first) || entries.any(is_exact),
                host,
            }),
        }
    }
}

impl Grant {
    /// Fails if one of the host's addresses may not be connected to. All are looked at: a name that has a public and an
    /// inner address is not to be trusted with either.
    ///
    /// # Errors
    /// The first that may not.
    pub fn check(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Refused> {
        let inside = addresses
            .into_iter()
            .find(|address| !self.by_name && !is_foreign(*address));
        match inside {
            None => Ok(()),
            Some(address) => Err(Refused::Inside {
                host: self.host.clone(),
                address,
            }),
        }
    }
}

impl AllowedHost {
    fn allows(&self, host: &str, port: u16) -> bool {
        let port_fits = match self.port {
            Some(listed) => listed == port,
            None => WEB_PORTS.contains(&port),
        };
        port_fits
            && match &self.name {
                HostName::Exactly(name) => name == host,
                HostName::Below(end) => host.ends_with(end.as_str()),
                HostName::All => true,
            }
    }
}

impl FromStr for AllowedHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let wrong = || HostError(text.to_owned());
        let (host, port) = split(text.trim()).ok_or_else(wrong)?;
        let port = match port {
            None => None,
            Some(port) => Some(
                port.parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(wrong)?,
            ),
        };
        // The root's dot belongs to a name: `*.` is none, and not all hosts.
        let host = match host.starts_with('*') {
            true => host.to_ascii_lowercase(),
            false => normal(host),
        };
        let name = match host.strip_prefix('*') {
            Some("") => HostName::All,
            Some(end) if end.starts_with('.') && is_name(&end[1..]) => {
                HostName::Below(end.to_owned())
            }
            Some(_) => return Err(wrong()),
            None if is_name(&host) || host.parse::<IpAddr>().is_ok() => HostName::Exactly(host),
            None => return Err(wrong()),
        };
        Ok(Self { name, port })
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            HostName::All => f.write_str("*")?,
            HostName::Below(end) => write!(f, "*{end}")?,
            HostName::Exactly(name) if name.contains(':') => write!(f, "[{name}]")?,
            HostName::Exactly(name) => f.write_str(name)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Host and port of `NAME`, `NAME:PORT`, `ADDRESS` or `[ADDRESS]:PORT`.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return match port {
            "" => Some((address, None)),
            port => Some((address, Some(port.strip_prefix(':')?))),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

/// Names have no case, and may end in the root's dot; an address has many spellings.
fn normal(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => host,
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Whether an address is on the public internet and is none of this machine's.
fn is_foreign(address: IpAddr) -> bool {
    is_public(address) && !is_own(address)
}

/// Whether an address is on the public internet: by IANA's registries of special-purpose addresses (RFC 6890 and what
/// came after it). Of IPv6 only what is allocated as global unicast, so that addresses which carry one of IPv4 (mapped,
/// NAT64, 6to4, Teredo) are not.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // 2000::/3, without 2001::/23 (protocols, Teredo), 2001:db8::/32 and 3fff::/20 (documentation), 2002::/16 (6to4).
    a >> 13 == 1
        && !matches!((a, b), (0x2001, 0..0x200 | 0xdb8) | (0x2002, _))
        && !(a == 0x3fff && b < 0x1000)
}

/// Whether an address is this machine's: only those can be bound to.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(entries: &[&str]) -> Egress {
        let hosts = entries.iter().map(|entry| entry.parse().expect("a host"));
        Egress::new(hosts.collect())
    }

    #[test]
    fn no_address_inside_is_public() {
        let inside = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in inside {
            assert!(
                !is_public(address.parse().expect("an address")),
                "{address}"
            );
        }
        let outside = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00::1",
        ];
        for address in outside {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn a_host_is_reached_as_far_as_the_list_says() {
        let cases: [(&[&str], &str, u16, Option<bool>); 15] = [
            (&[], "example.com", 80, None),
            (&["example.com"], "example.com", 443, Some(true)),
            (&["example.com"], "EXAMPLE.com.", 80, Some(true)),
            (&["example.com"], "example.com", 8080, None),
            (&["example.com:8080"], "example.com", 8080, Some(true)),
            (&["example.com:8080"], "example.com", 80, None),
            (&["example.com"], "www.example.com", 80, None),
            (&["*.example.com"], "www.example.com", 80, Some(false)),
            (&["*.example.com"], "example.com", 80, None),
            (&["*.example.com"], "evilexample.com", 80, None),
            (&["*"], "anything", 443, Some(false)),
            (&["*", "anything"], "anything", 443, Some(true)),
            // An entry of another port does not make this one a listed name.
            (&["*", "anything:8080"], "anything", 443, Some(false)),
            (&["127.0.0.1:9000"], "::ffff:127.0.0.1", 9000, Some(true)),
            (&["[fd00::0:5]:81"], "fd00::5", 81, Some(true)),
        ];
        for (list, host, port, expected) in cases {
            let grant = egress(list)
                .grant(host, port)
                .ok()
                .map(|grant| grant.by_name);
            assert_eq!(grant, expected, "{list:?} {host}:{port}");
        }
    }

    #[test]
    fn one_address_inside_refuses_a_host_that_is_not_listed_by_name() {
        let addresses =
            || ["1.1.1.1", "127.0.0.1"].map(|it| it.parse::<IpAddr>().expect("an address"));
        let of = |entry: &str| {
            egress(&[entry])
                .grant("a.example.com", 80)
                .expect("is listed")
        };
        assert!(of("*.example.com").check(addresses()).is_err());
        assert!(
            of("*.example.com")
                .check(addresses().into_iter().take(1))
                .is_ok()
        );
        assert!(of("a.example.com").check(addresses()).is_ok());
    }

    #[test]
    fn this_machines_addresses_are_its_own() {
        assert!(is_own(Ipv4Addr::LOCALHOST.into()));
        assert!(!is_own("1.1.1.1".parse().expect("an address")));
    }

    #[test]
    fn entries_are_read_and_written() {
        for entry in [
            "a.example",
            "a.example:81",
            "*",
            "*:8443",
            "*.example:1",
            "10.0.0.5",
            "[fd00::5]:81",
            "[::1]",
        ] {
            let read: AllowedHost = entry.parse().expect("a host");
            assert_eq!(read.to_string(), entry);
        }
        for entry in [
            "", " ", "http://a", "a/b", "a:", "a:0", "a:99999", "*a", "*.", "*.*", "[::1", "a b",
            "[::1]81", "a..b",
        ] {
            assert!(entry.parse::<AllowedHost>().is_err(), "{entry:?}");
        }
    }
}
