//! The control groups that are containers, and what the kernel counts of one: version 2, and version 1 with a
//! tree a controller (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/).

use super::host_files::HostFiles;

const ROOT: &str = "sys/fs/cgroup";

/// Folders of the tree that are looked into at most. A host of 1,000 units has some 1,500.
const MAX_FOLDERS: usize = 8192;

/// Containers of a Kubernetes pod of a user's session are six folders deep.
const MAX_DEPTH: usize = 9;

/// A limit of version 1 at or above this is none: the kernel shows the largest number of pages.
const NO_LIMIT: u64 = 1 << 60;

/// The version of a host's control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The control group of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cgroup {
    /// What a runtime calls it: 64 hexadecimal digits, or for LXC and systemd-nspawn its name.
    pub(super) id: String,
    /// Its folder below the root, or of version 1 below each controller's: without a slash at the start.
    pub(super) folder: String,
}

/// What the kernel counts of a control group; what a controller does not count is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) cpu_us: Option<u64>,
    /// Periods in which it ran, and those in which it was held back at its limit.
    pub(super) periods: Option<(u64, u64)>,
    /// Without the part of the page cache that was not used lately.
    pub(super) memory: Option<u64>,
    pub(super) memory_limit: Option<u64>,
    pub(super) oom_kills: Option<u64>,
    pub(super) read_bytes: Option<u64>,
    pub(super) written_bytes: Option<u64>,
    pub(super) tasks: Option<u64>,
}

/// The version of the tree; `None` where there is none.
pub(super) fn version(files: &HostFiles) -> Option<Version> {
    if files.exists(&format!("{ROOT}/cgroup.controllers")) {
        Some(Version::Two)
    } else if files.exists(&format!("{ROOT}/cpuacct")) {
        Some(Version::One)
    } else {
        None
    }
}

/// Whether there is a control group in this folder.
pub(super) fn exists(files: &HostFiles, version: Version, folder: &str) -> bool {
    files.exists(&format!("{}/{folder}", base(version)))
}

/// The tree that tells which control groups there are.
fn base(version: Version) -> String {
    match version {
        Version::Two => ROOT.to_owned(),
        Version::One => format!("{ROOT}/cpuacct"),
    }
}

/// The control groups of containers, in the order of their folders. Groups within a container are its own.
pub(super) fn find(files: &HostFiles, version: Version) -> Vec<Cgroup> {
    let base = base(version);
    let mut found = Vec::new();
    let mut left = MAX_FOLDERS;
    walk(files, &base, "", MAX_DEPTH, &mut left, &mut found);
    found
}

fn walk(
    files: &HostFiles,
    base: &str,
    folder: &str,
    depth: usize,
    left: &mut usize,
    found: &mut Vec<Cgroup>,
) {
    for name in files.folders(&format!("{base}/{folder}")) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        if is_monitor(&name) {
            continue;
        }
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        if let Some(id) = container_id(&name, folder) {
            found.push(Cgroup { id, folder: path });
        } else if depth > 0 {
            walk(files, base, &path, depth - 1, left, found);
        }
    }
}

/// Processes of a runtime beside its containers.
fn is_monitor(name: &str) -> bool {
    name.starts_with("lxc.monitor") || name.contains("conmon")
}

/// The id of the container whose control group has this name in this folder.
fn container_id(name: &str, folder: &str) -> Option<String> {
    if let Some(payload) = name.strip_prefix("lxc.payload.") {
        return Some(payload.to_owned());
    }
    if folder == "lxc" && !name.starts_with("lxc.") {
        return Some(name.to_owned());
    }
    if let Some(machine) = name
        .strip_prefix("machine-")
        .and_then(|rest| rest.strip_suffix(".scope"))
    {
        let machine = unescape_unit(machine);
        // libvirt's machines are no containers.
        let guest = machine.starts_with("qemu-") || machine.starts_with("lxc-");
        return (!guest).then_some(machine);
    }
    if let Some(machine) = name
        .strip_prefix("systemd-nspawn@")
        .and_then(|rest| rest.strip_suffix(".service"))
    {
        return Some(unescape_unit(machine));
    }
    // `docker-ID.scope`, `libpod-ID.scope`, `crio-ID.scope`, `cri-containerd-ID.scope`, or the bare id.
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let id = name.rsplit('-').next().unwrap_or(name);
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// A name out of a systemd unit's: `web\x2d1` is `web-1` (systemd.unit(5)).
pub(super) fn unescape_unit(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = rest.strip_prefix(b"\\x").and_then(|digits| digits.get(..2));
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        plain.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &rest[4..] } else { behind };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Reads a control group. One that goes away meanwhile tells less, in the end nothing.
pub(super) fn usage(files: &mut HostFiles, version: Version, folder: &str) -> Usage {
    match version {
        Version::Two => usage_of_two(files, &format!("{ROOT}/{folder}")),
        Version::One => usage_of_one(files, folder),
    }
}

fn usage_of_two(files: &mut HostFiles, folder: &str) -> Usage {
    let cpu = files
        .read_optional(&format!("{folder}/cpu.stat"))
        .unwrap_or_default();
    let mut usage = Usage {
        cpu_us: value(cpu, "usage_usec"),
        periods: value(cpu, "nr_periods").zip(value(cpu, "nr_throttled")),
        ..Usage::default()
    };
    let cache = files
        .read_optional(&format!("{folder}/memory.stat"))
        .and_then(|text| value(text, "inactive_file"));
    usage.memory = memory_without(number(files, &format!("{folder}/memory.current")), cache);
    usage.memory_limit = number(files, &format!("{folder}/memory.max"));
    let events = files
        .read_optional(&format!("{folder}/memory.events"))
        .unwrap_or_default();
    usage.oom_kills = value(events, "oom_kill");
    if let Some(io) = files.read_optional(&format!("{folder}/io.stat")) {
        usage.read_bytes = Some(sum_of_devices(io, "rbytes="));
        usage.written_bytes = Some(sum_of_devices(io, "wbytes="));
    }
    usage.tasks = number(files, &format!("{folder}/pids.current"));
    usage
}

fn usage_of_one(files: &mut HostFiles, folder: &str) -> Usage {
    let of = |controller: &str, file: &str| format!("{ROOT}/{controller}/{folder}/{file}");
    let cpu = files
        .read_optional(&of("cpu", "cpu.stat"))
        .unwrap_or_default();
    let mut usage = Usage {
        periods: value(cpu, "nr_periods").zip(value(cpu, "nr_throttled")),
        ..Usage::default()
    };
    usage.cpu_us =
        number(files, &of("cpuacct", "cpuacct.usage")).map(|nanoseconds| nanoseconds / 1000);
    let cache = files.read_optional(&of("memory", "memory.stat"));
    let cache = cache.and_then(|text| value(text, "total_inactive_file"));
    usage.memory = memory_without(number(files, &of("memory", "memory.usage_in_bytes")), cache);
    let limit = number(files, &of("memory", "memory.limit_in_bytes"));
    usage.memory_limit = limit.filter(|limit| *limit < NO_LIMIT);
    let events = files
        .read_optional(&of("memory", "memory.oom_control"))
        .unwrap_or_default();
    usage.oom_kills = value(events, "oom_kill");
    for file in [
        "blkio.throttle.io_service_bytes_recursive",
        "blkio.throttle.io_service_bytes",
    ] {
        let Some(io) = files.read_optional(&of("blkio", file)) else {
            continue;
        };
        usage.read_bytes = Some(sum_of_operations(io, "Read"));
        usage.written_bytes = Some(sum_of_operations(io, "Write"));
        break;
    }
    usage.tasks = number(files, &of("pids", "pids.current"));
    usage
}

/// `docker stats` takes the same part of the cache away.
fn memory_without(all: Option<u64>, cache: Option<u64>) -> Option<u64> {
    let (all, cache) = (all?, cache.unwrap_or(0));
    Some(if cache <= all { all - cache } else { all })
}

/// The first process of a control group or of one within it.
pub(super) fn first_process(files: &mut HostFiles, version: Version, folder: &str) -> Option<u32> {
    let mut folder = format!("{}/{folder}", base(version));
    // A container with an init system of its own keeps its processes in groups of theirs.
    for _ in 0..4 {
        let first = files
            .read_optional(&format!("{folder}/cgroup.procs"))
            .and_then(|text| text.lines().next()?.parse().ok());
        if first.is_some() {
            return first;
        }
        let inner = files.folders(&folder);
        let init = inner
            .iter()
            .find(|name| *name == "init.scope")
            .or(inner.first())?;
        folder = format!("{folder}/{init}");
    }
    None
}

/// The number behind a key at the start of a line.
fn value(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(name, _)| *name == key)?.1.trim().parse().ok()
}

/// A file with one number; `max` is none.
fn number(files: &mut HostFiles, path: &str) -> Option<u64> {
    files.read_optional(path)?.trim().parse().ok()
}

/// `8:0 rbytes=90112 wbytes=0 rios=4 …`, a line a device.
fn sum_of_devices(text: &str, key: &str) -> u64 {
    let words = text.split_ascii_whitespace();
    let values = words.filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
    values.fold(0, u64::saturating_add)
}

/// `8:0 Read 90112`, a line a device and operation.
fn sum_of_operations(text: &str, operation: &str) -> u64 {
    let of_operation = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        (words.next()? == operation).then(|| words.next()?.parse::<u64>().ok())?
    });
    of_operation.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::{container_id, unescape_unit};

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn ids_are_read_from_the_names_of_every_runtime() {
        for prefix in ["docker-", "libpod-", "crio-", "cri-containerd-"] {
            assert_eq!(
                container_id(&format!("{prefix}{ID}.scope"), "system.slice").as_deref(),
                Some(ID)
            );
        }
        assert_eq!(container_id(ID, "docker").as_deref(), Some(ID));
        assert_eq!(container_id("lxc.payload.web", "").as_deref(), Some("web"));
        assert_eq!(container_id("101", "lxc").as_deref(), Some("101"));
        assert_eq!(
            container_id("machine-de\\x2d1.scope", "machine.slice").as_deref(),
            Some("de-1")
        );
        for other in [
            "machine-qemu\\x2d1\\x2dvm.scope",
            "ssh.service",
            "user@1000.service",
            &ID[1..],
        ] {
            assert_eq!(container_id(other, "system.slice"), None, "{other}");
        }
    }

    #[test]
    fn a_cut_escape_stays() {
        assert_eq!(unescape_unit("a\\x2"), "a\\x2");
        assert_eq!(unescape_unit("\\x2fa\\xzz"), "/a\\xzz");
    }
}
