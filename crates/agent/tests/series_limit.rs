//! The limit of series on hosts made at random: the host's own series are there under any limit that has room for
//! them, no more are written than the limit from the start on, and each start writes the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use watchpost_agent::cardinality::Subject;
use watchpost_agent::collectors::network::Network;
use watchpost_agent::collectors::{Collector as _, HostFiles, Points};
use watchpost_agent::config::{AgentConfig, CollectorsConfig};
use watchpost_agent::filter::Filter;
use watchpost_agent::metrics::AgentMetrics;
use watchpost_agent::pipeline::{Surroundings, plan};
use watchpost_agent::schedule::Round;
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_core::point::SeriesKey;
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_service::metrics::Registry;

/// Hosts tried. More find nothing more.
const HOSTS: u64 = 8;

/// Then the slow collectors are due, for the first time.
const SECONDS: i64 = 10;

/// Names of interfaces that are no cards, each with a number behind it; some sort before every card.
const OTHERS: [&str; 12] = [
    "0a", "aa", "bond", "dummy", "nveth", "ppp", "tap", "tun", "veth", "vf", "wg", "zz",
];

/// Names of cards.
const CARDS: [&str; 5] = ["ens18", "enp3s0", "eth0", "ib0", "wlan0"];

/// Collectors that are asked in the background.
const IN_BACKGROUND: [&str; 9] = [
    "clock",
    "containers",
    "journal",
    "nvidia",
    "packages",
    "services",
    "smart",
    "thin_pools",
    "ups",
];

/// What a host has many of.
#[derive(Debug)]
struct Host {
    card: &'static str,
    routed: bool,
    interfaces: BTreeSet<String>,
    cores: usize,
    disks: usize,
    mounts: usize,
}

impl Host {
    fn random(rng: &mut fastrand::Rng) -> Self {
        let mut many = || [0, 3, 30, 100][rng.usize(..4)];
        let (interfaces, cores, disks, mounts) = (many(), many(), many(), many());
        let card = CARDS[rng.usize(..CARDS.len())];
        let kinds: Vec<&str> = (0..=rng.usize(..3))
            .map(|_| OTHERS[rng.usize(..OTHERS.len())])
            .collect();
        let name = |number: usize| match rng.u8(..6) {
            0 => format!("{card}.{number}"),
            _ => format!("{}{number}", kinds[number % kinds.len()]),
        };
        Self {
            card,
            interfaces: (0..interfaces).map(name).collect(),
            routed: rng.bool(),
            cores: cores + 1,
            disks: disks + 1,
            mounts: mounts + 1,
        }
    }

    fn write(&self, root: &Path) {
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/loadavg", "1.0 2.0 3.0 1/2 3\n");
        write("proc/uptime", "680.59 1309.48\n");
        write(
            "proc/meminfo",
            "MemTotal: 1000 kB\nMemFree: 500 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\n",
        );
        let (mut stat, mut disks) = ("cpu 1 0 1 8 0 0 0 0 0 0\n".to_owned(), String::new());
        for core in 0..self.cores {
            writeln!(stat, "cpu{core} 1 0 1 8 0 0 0 0 0 0").unwrap();
        }
        write("proc/stat", &stat);
        let mut mounts = "1 0 8:0 / / rw - ext4 /dev/sd0 rw\n".to_owned();
        for disk in 0..self.disks {
            writeln!(
                disks,
                " 8 {disk} sd{disk} 10 0 80 1 10 0 80 1 0 1 2 0 0 0 0"
            )
            .unwrap();
        }
        write("proc/diskstats", &disks);
        for mount in 1..self.mounts {
            std::fs::create_dir_all(root.join(format!("a{mount}"))).unwrap();
            writeln!(
                mounts,
                "{mount} 1 8:{mount} / /a{mount} rw - ext4 /dev/sd{mount} rw"
            )
            .unwrap();
        }
        write("proc/self/mountinfo", &mounts);
        let mut interfaces = String::new();
        for name in self
            .interfaces
            .iter()
            .map(String::as_str)
            .chain([self.card])
        {
            writeln!(interfaces, "{name}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0").unwrap();
            let device = if name.starts_with("vf") {
                "device/physfn"
            } else {
                ""
            };
            let device = if name == self.card { "device" } else { device };
            std::fs::create_dir_all(root.join("sys/class/net").join(name).join(device)).unwrap();
        }
        write("proc/net/dev", &interfaces);
        if self.routed {
            let route = format!(
                "{}\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
                self.card
            );
            write(
                "proc/net/route",
                &("Iface\tDestination\n".to_owned() + &route),
            );
        }
    }
}

/// Collectors that wait for nothing: those that work in the background answer when they do, and a busy machine is
/// no reason to leave one out.
fn collectors() -> CollectorsConfig {
    let mut collectors = serde_json::to_value(CollectorsConfig::default()).unwrap();
    for (name, section) in collectors.as_object_mut().unwrap() {
        section["timeout"] = "5m".into();
        section["enabled"] = (!IN_BACKGROUND.contains(&name.as_str())).into();
    }
    for listener in ["statsd", "otlp", "line_protocol"] {
        collectors[listener]["enabled"] = false.into();
    }
    serde_json::from_value(collectors).unwrap()
}

/// The series of each second since a start.
fn start(root: &Path, max_series: usize) -> Vec<BTreeSet<SeriesKey>> {
    let mut config = AgentConfig::default();
    config.collect.host_root = root.to_path_buf();
    config.collect.max_series = max_series;
    config.collectors = collectors();
    let metrics = AgentMetrics::new(&Registry::new());
    let surroundings = Surroundings {
        host_name: "box".to_owned(),
        state_directory: None,
    };
    let plan = plan(&config, &surroundings, &metrics).unwrap();
    let mut round = Round::new(plan, metrics, 0);
    let series = |second: i64| {
        let batch = round.collect(second * NANOS_PER_SECOND);
        let points = parse_points(batch.text().as_bytes(), Precision::Nanoseconds, 0).unwrap();
        points.into_iter().map(|point| point.series).collect()
    };
    (1..=SECONDS).map(series).collect()
}

fn by_subject(series: &BTreeSet<SeriesKey>) -> BTreeMap<Subject, usize> {
    let mut counts = BTreeMap::new();
    for series in series {
        *counts.entry(Subject::of(series)).or_default() += 1;
    }
    counts
}

#[test]
fn under_any_limit_the_host_comes_first_and_the_limit_holds_from_the_start() {
    for seed in 0..HOSTS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let host = Host::random(&mut rng);
        let root = watchpost_testkit::temp_folder();
        host.write(root.path());
        let all = start(root.path(), usize::MAX / 2).pop().unwrap();
        let wanted = by_subject(&all);
        let of = |subject: Subject| wanted.get(&subject).copied().unwrap_or(0);
        let vital = of(Subject::Vital);
        assert_eq!(
            vital, 6,
            "processor, memory, swap, network, system, and the root"
        );
        let limits = [
            vital,
            vital + of(Subject::Host) + 1,
            rng.usize(vital..60),
            rng.usize(60..400),
        ];
        for limit in limits {
            let context = format!("seed {seed}, limit {limit}, {host:?}");
            let seconds = start(root.path(), limit);
            let written: BTreeSet<_> = seconds.iter().flatten().collect();
            assert!(written.len() <= limit, "{} of {context}", written.len());
            assert_eq!(seconds, start(root.path(), limit), "{context}");
            let last = seconds.last().unwrap();
            let missing = all
                .iter()
                .find(|series| Subject::of(series) == Subject::Vital && !last.contains(series));
            assert_eq!(missing, None, "{context}");
            assert_eq!(last.len(), limit.min(all.len()), "{context}");
            if limit > vital + of(Subject::Host) {
                let card = |series: &&SeriesKey| series.tag("interface") == Some(host.card);
                assert!(last.iter().any(|series| card(&series)), "{context}");
            }
            let shares = by_subject(last);
            let items = |counts: &BTreeMap<Subject, usize>| -> Vec<(Subject, usize)> {
                let items = counts
                    .iter()
                    .filter(|(subject, _)| matches!(subject, Subject::Item(_)));
                items.map(|(subject, count)| (*subject, *count)).collect()
            };
            let most = items(&shares).iter().map(|(_, count)| *count).max();
            for (subject, wanted) in items(&wanted) {
                let share = shares.get(&subject).copied().unwrap_or(0);
                assert!(
                    share == wanted || share + 1 >= most.unwrap_or(0),
                    "{subject:?} of {context}"
                );
            }
        }
    }
}

#[test]
fn interfaces_come_in_the_order_of_need() {
    let root = watchpost_testkit::temp_folder();
    let path = |path: &str| root.path().join(path);
    let names = [
        "0a1", "aa1", "bond0", "eth9", "mlx0", "mlx0v1", "tun0", "vlan7", "wlan0",
    ];
    let lines = names.map(|name| format!("{name}: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"));
    std::fs::create_dir_all(path("proc/net")).unwrap();
    std::fs::write(path("proc/net/dev"), lines.concat()).unwrap();
    for folder in [
        "mlx0/device",
        "mlx0v1/device/physfn",
        "wlan0/device",
        "bond0/lower_eth9",
    ] {
        std::fs::create_dir_all(path("sys/class/net").join(folder)).unwrap();
    }
    let first = |route: &str, route_6: &str| -> Vec<String> {
        std::fs::write(path("proc/net/route"), route).unwrap();
        std::fs::write(path("proc/net/ipv6_route"), route_6).unwrap();
        let mut points = Points::default();
        let mut network = Network::new(Filter::default());
        let mut files = HostFiles::new(root.path());
        network.collect(&mut files, 0, &mut points).unwrap();
        let points = points.into_vec().into_iter();
        let named = points.filter_map(|point| point.series.tag("interface").map(str::to_owned));
        named.collect()
    };
    let cards = [
        "wlan0", "mlx0", "eth9", "0a1", "aa1", "mlx0v1", "vlan7", "bond0", "tun0",
    ];
    assert_eq!(first("", ""), cards);
    let zeros = "0".repeat(32);
    let to_any = |name: &str, flags: &str| {
        format!("{zeros} 00 {zeros} 00 {zeros} 00000400 00000001 00000000 {flags} {name}\n")
    };
    let route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n\
        wlan0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n\
        bond0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        aa1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    assert_eq!(first(route, "")[..2], ["bond0", "wlan0"]);
    let rejects = to_any("lo", "00200200") + &to_any("eth9", "00000201");
    assert_eq!(
        first("", &rejects),
        cards,
        "a route that refuses is no way out"
    );
    assert_eq!(
        first("", &to_any("tun0", "00000003"))[..2],
        ["tun0", "wlan0"]
    );
}
