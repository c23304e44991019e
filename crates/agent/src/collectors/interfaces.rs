//! Which interfaces the total of a host counts, so that what passed once is counted once.
//!
//! Traffic passes several interfaces on its way: the port of a guest, its bridge, a VLAN, a bond, a network
//! card. What leaves the host leaves through one of the lowest kind there is ([`Kind`]), and those are
//! counted. In a container or a network namespace that may be a tunnel, because nothing else is there.

use std::collections::{BTreeMap, BTreeSet};

use super::host_files::HostFiles;

/// An interface has a folder here, with an entry `lower_NAME` for each interface below it
/// (Documentation/ABI/testing/sysfs-class-net).
const CLASS: &str = "sys/class/net";

/// What dialled links are called: by the kernel, and after their protocol by OpenWrt (`pppoe-wan`).
const DIALLED: [&str; 4] = ["ppp", "pppoe", "pptp", "l2tp"];

/// How far an interface is from the wire; the nearest ones of a host are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A network card, or what stands for one in a container.
    Port,
    /// A bridge: its ports are interfaces of their own, or another namespace's.
    Bridge,
    /// The host's end of a guest's or container's cable, or a tunnel within another interface's packets.
    Inner,
    Loopback,
}

/// Prefixes of guests' ports and of networks within the host, followed by anything.
const INNER: [&str; 41] = [
    "antrea-gw",
    "antrea-tun",
    "br-int",
    "br-tun",
    "cali",
    "cbr",
    "cilium",
    "cni",
    "docker",
    "dummy",
    "flannel",
    "fwbr",
    "fwln",
    "fwpr",
    "genev_sys",
    "incusbr",
    "kube-",
    "lxc",
    "lxd",
    "nodelocaldns",
    "nordlynx",
    "ovn-k8s-mp",
    "ovs-system",
    "podman",
    "qbr",
    "qg-",
    "qr-",
    "qvb",
    "qvo",
    "tailscale",
    "tap",
    "veth",
    "virbr",
    "vmnet",
    "vmtap",
    "vnet",
    "vxlan",
    "weave",
    "xapi",
    "zt",
    "br-",
];

/// Prefixes of ports and tunnels, followed by no letter: `gre0` is a tunnel, `green0` is a card.
const INNER_NUMBERED: [&str; 22] = [
    "erspan", "geneve", "gre", "gretap", "ifb", "ip6_vti", "ip6gre", "ip6tnl", "ip_vti", "ipip",
    "ipsec", "macvtap", "nlmon", "sit", "teql", "tun", "tunl", "vboxnet", "vif", "vti", "wg",
    "xfrm",
];

/// Prefixes of bridges, followed by no letter.
const BRIDGES: [&str; 3] = ["br", "vmbr", "xenbr"];

/// `DEVTYPE` in `uevent` of interfaces whose packets travel in those of another.
const INNER_TYPES: [&str; 8] = [
    "bareudp",
    "geneve",
    "gtp",
    "l2tpeth",
    "openvswitch",
    "vxlan",
    "wireguard",
    "batadv",
];

/// The number in `type` of tunnels (include/uapi/linux/if_arp.h): IPIP, IP6IP6, SIT, GRE, GRE over IPv6, and
/// interfaces without a hardware address: tun, WireGuard.
const TUNNEL_NUMBERS: [&str; 6] = ["768", "769", "776", "778", "823", "65534"];

const LOOPBACK_NUMBER: &str = "772";

/// How an interface is needed where not all can be kept, the most needed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// What has no better way leaves the host through it.
    DefaultRoute,
    /// A network card, by its bus and its name.
    NamedCard,
    /// A network card by its bus alone.
    Card,
    /// Counted in the total, with the name of a card.
    Named,
    Counted,
    Other,
}

/// Beginnings of the names that the kernel and udev give to network cards (systemd.net-naming-scheme(7)).
const CARDS: [&str; 6] = ["em", "en", "eth", "ib", "wl", "ww"];

/// How much each of `names` is needed; the total counts those of `counted`.
pub(super) fn by_need(
    files: &mut HostFiles,
    names: &BTreeSet<String>,
    counted: &BTreeSet<String>,
) -> BTreeMap<String, Need> {
    let routed = default_routes(files);
    let need = |name: &String| {
        let folder = format!("{CLASS}/{name}/device");
        let named = CARDS.iter().any(|prefix| name.starts_with(prefix));
        if routed.contains(name) {
            Need::DefaultRoute
        } else if !counted.contains(name) {
            Need::Other
        // A virtual function has a device too, which names the card that it is a part of.
        } else if files.exists(&folder) && !files.exists(&format!("{folder}/physfn")) {
            if named { Need::NamedCard } else { Need::Card }
        } else if named {
            Need::Named
        } else {
            Need::Counted
        }
    };
    names
        .iter()
        .map(|name| (name.clone(), need(name)))
        .collect()
}

/// The flags of a route in use, and of one that refuses (include/uapi/linux/route.h).
const ROUTE_UP: u32 = 0x1;
const ROUTE_REJECTS: u32 = 0x200;

/// The interfaces of default routes: lines of `/proc/net/route` (name, destination, gateway, flags, …, mask in
/// the eighth column) and of `/proc/net/ipv6_route` (destination, its length, …, flags, name).
fn default_routes(files: &mut HostFiles) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let process = if files.is_live() || !files.exists("proc/1/net") {
        "proc"
    } else {
        "proc/1"
    };
    let in_use = |flags: &str| {
        let flags = u32::from_str_radix(flags, 16).unwrap_or_default();
        flags & ROUTE_UP != 0 && flags & ROUTE_REJECTS == 0
    };
    let table = files.read_optional(&format!("{process}/net/route"));
    for line in table.unwrap_or_default().lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [name, "00000000", _, flags, _, _, _, "00000000", ..] = words[..]
            && in_use(flags)
        {
            found.insert(name.to_owned());
        }
    }
    let table = files.read_optional(&format!("{process}/net/ipv6_route"));
    for line in table.unwrap_or_default().lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [to, "00", .., flags, name] = words[..]
            && to.bytes().all(|digit| digit == b'0')
            && in_use(flags)
        {
            found.insert(name.to_owned());
        }
    }
    found
}

/// The interfaces among `names` that the total counts.
pub(super) fn counted(files: &mut HostFiles, names: &BTreeSet<String>) -> BTreeSet<String> {
    let dialled = carries_dialled(files, names);
    let mut kinds: BTreeMap<&String, Kind> = BTreeMap::new();
    for name in names {
        let dialled = dialled && DIALLED.iter().any(|it| followed_by_no_letter(name, it));
        if !dialled && !is_stacked(files, name, names) {
            kinds.insert(name, kind(files, name));
        }
    }
    let Some(lowest) = kinds.values().min().copied() else {
        return BTreeSet::new();
    };
    let lowest = kinds.into_iter().filter(|(_, kind)| *kind == lowest);
    lowest.map(|(name, _)| name.clone()).collect()
}

/// Whether an interface is on top of another of `names`: a bond, a VLAN, a bridge, a macvlan.
fn is_stacked(files: &mut HostFiles, name: &str, names: &BTreeSet<String>) -> bool {
    // By its name too: kernels before 3.14, and trees without /sys, show nothing else.
    let vlan_of = name.rsplit_once('.').map(|(below, _)| below);
    if vlan_of.is_some_and(|below| names.contains(below)) {
        return true;
    }
    let folder = format!("{CLASS}/{name}");
    let entries = files.list(&folder);
    let mut lower = entries.iter().filter_map(|it| it.strip_prefix("lower_"));
    if lower.any(|lower| names.contains(lower)) {
        return true;
    }
    let slaves = files.read_optional(&format!("proc/net/bonding/{name}"));
    let mut slaves = slaves
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("Slave Interface:"));
    slaves.any(|slave| names.contains(slave.trim()))
}

fn kind(files: &mut HostFiles, name: &str) -> Kind {
    if name == "lo" {
        return Kind::Loopback;
    }
    let folder = format!("{CLASS}/{name}");
    if files.exists(&format!("{folder}/device")) {
        // A switch's view of a virtual function has a device too (devlink: `pf0vf3`).
        let port = files.read_optional(&format!("{folder}/phys_port_name"));
        let of_guest = port.is_some_and(|port| port.starts_with("pf") && port.contains("vf"));
        return if of_guest { Kind::Inner } else { Kind::Port };
    }
    let has_tun_flags = files.exists(&format!("{folder}/tun_flags"));
    let number = files.read_optional(&format!("{folder}/type"));
    let number = number.unwrap_or_default().trim().to_owned();
    if number == LOOPBACK_NUMBER {
        return Kind::Loopback;
    }
    let uevent = files.read_optional(&format!("{folder}/uevent"));
    let mut lines = uevent.unwrap_or_default().lines();
    let device_type = lines.find_map(|line| line.strip_prefix("DEVTYPE="));
    let device_type = device_type.unwrap_or_default();
    let named = |prefixes: &[&str]| {
        let mut prefixes = prefixes.iter();
        prefixes.any(|prefix| followed_by_no_letter(name, prefix))
    };
    let inner = has_tun_flags
        || INNER_TYPES.contains(&device_type)
        || TUNNEL_NUMBERS.contains(&number.as_str())
        || INNER.iter().any(|prefix| name.starts_with(prefix))
        || named(&INNER_NUMBERED);
    if inner {
        Kind::Inner
    } else if device_type == "bridge" || named(&BRIDGES) {
        Kind::Bridge
    } else {
        Kind::Port
    }
}

/// Whether point-to-point links run over interfaces of `names`: PPPoE names its interface, PPTP and L2TP run
/// over any.
fn carries_dialled(files: &mut HostFiles, names: &BTreeSet<String>) -> bool {
    let pppoe = files.read_optional("proc/net/pppoe").unwrap_or_default();
    let mut words = pppoe
        .lines()
        .skip(1)
        .filter_map(|line| line.split_ascii_whitespace().last());
    words.any(|device| names.contains(device))
        || ["proc/net/pptp", "proc/net/pppol2tp"].iter().any(|table| {
            let text = files.read_optional(table).unwrap_or_default();
            text.lines()
                .any(|line| line.starts_with(|first: char| first.is_ascii_digit() || first == ' '))
        })
}

fn followed_by_no_letter(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphabetic()))
}
