//! Space and inodes per mounted file system: mounts from `mountinfo`, numbers from statvfs(2), each asked
//! for within a deadline, because a mount whose server is gone answers never.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::host_files::{HostFiles, unescape};
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};
use crate::filter::Filter;
use crate::schedule::lane::{Answer, Lane};

/// File systems that hold no files of a user: the kernel's own views, and images that are full by nature.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "fuse.lxcfs",
    "fuse.gvfsd-fuse",
    "fuse.portal",
    "fuse.snapfuse",
];

/// File systems of layers: the disk behind them is another mount, unless this is all that a container sees.
const LAYERED: &[&str] = &["overlay", "aufs", "fuse.fuse-overlayfs", "shiftfs"];

/// Files that container runtimes mount into every container: the disk behind them is the host's.
const FILES_OF_RUNTIMES: &[&str] = &["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// How long one mount may take to answer before it counts as stale. Healthy ones answer in microseconds.
const MOUNT_DEADLINE: Duration = Duration::from_millis(250);

/// What statvfs(2) tells of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSystemUsage {
    /// Size in bytes.
    pub total: u64,
    /// Bytes free for root.
    pub free: u64,
    /// Bytes free for everyone.
    pub available: u64,
    /// Inodes in all; 0 where the file system makes them as it goes.
    pub inodes_total: u64,
    /// Inodes free.
    pub inodes_free: u64,
}

/// Asks for the usage of the file system mounted at a path.
pub type Statvfs = Arc<dyn Fn(&Path) -> io::Result<FileSystemUsage> + Send + Sync>;

/// The system's own statvfs(2).
#[cfg(unix)]
pub fn statvfs(path: &Path) -> io::Result<FileSystemUsage> {
    let answer = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(answer.f_frsize);
    Ok(FileSystemUsage {
        total: bytes(answer.f_blocks),
        free: bytes(answer.f_bfree),
        available: bytes(answer.f_bavail),
        inodes_total: answer.f_files,
        inodes_free: answer.f_ffree,
    })
}

/// There is no statvfs(2) here; the portable collector asks sysinfo instead.
#[cfg(not(unix))]
pub fn statvfs(_path: &Path) -> io::Result<FileSystemUsage> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Usage per mount, in a lane of its own: a mount that hangs is marked `disk_stale` and left alone until
/// it answers.
pub struct FileSystems {
    mounts: Filter,
    types: Filter,
    statvfs: Statvfs,
    lane: Lane<String, io::Result<FileSystemUsage>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// The mount that this one was made upon.
    parent: String,
    /// `major:minor`: the same for every mount of one file system.
    number: String,
    /// The folder of the file system that is seen at `mountpoint`.
    root: String,
    mountpoint: String,
    kind: String,
    device: String,
}

impl FileSystems {
    /// Mounts whose path passes `mounts` and whose file system type passes `types`.
    pub fn new(mounts: Filter, types: Filter, statvfs: Statvfs) -> Self {
        Self {
            mounts,
            types,
            statvfs,
            lane: Lane::new("mounts"),
        }
    }

    fn admits(&self, mount: &Mount) -> bool {
        // In a container `/` is an overlay: there it is the file system of the host's choice.
        let pseudo = PSEUDO.contains(&mount.kind.as_str())
            || (LAYERED.contains(&mount.kind.as_str()) && mount.mountpoint != "/");
        let pseudo = pseudo || FILES_OF_RUNTIMES.contains(&mount.mountpoint.as_str());
        !pseudo && self.mounts.admits(&mount.mountpoint) && self.types.admits(&mount.kind)
    }
}

impl Collector for FileSystems {
    fn name(&self) -> &'static str {
        "file_systems"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let text = if files.is_live() || !files.exists("proc/1/mountinfo") {
            files.read("proc/self/mountinfo")?
        } else {
            files.read("proc/1/mountinfo")?
        };
        let mounts = visible(parse(text)).filter(|mount| self.admits(mount));
        let mounts = distinct(mounts);
        for mount in mounts {
            let row = Row::new("disk", at)
                .tag("device", &mount.device)
                .tag("mountpoint", &mount.mountpoint);
            let statvfs = Arc::clone(&self.statvfs);
            let path: PathBuf = files.path(mount.mountpoint.trim_start_matches('/'));
            match self
                .lane
                .run(mount.mountpoint, MOUNT_DEADLINE, move || statvfs(&path))
            {
                Answer::Done(Ok(usage)) if usage.total > 0 => points.push(usage_row(row, &usage)),
                Answer::Done(_) => {} // No permission, or a file system without a size.
                Answer::Overdue => points.push(row.integer("disk_stale", 1)),
            }
        }
        Ok(())
    }
}

/// A server or a user's program may answer anything: more free than there is has no use to tell.
fn usage_row(row: Row, usage: &FileSystemUsage) -> Row {
    let used = usage
        .total
        .checked_sub(usage.free)
        .filter(|_| usage.available <= usage.free);
    // As df(1) counts: what root keeps for itself is neither used nor free.
    let share = used.map(|used| percent(used, used + usage.available).unwrap_or(0.0));
    let inodes_used = usage.inodes_total.checked_sub(usage.inodes_free);
    let inodes_used = inodes_used.filter(|_| usage.inodes_total > 0);
    row.integer("disk_total_bytes", usage.total)
        .optional_integer("disk_used_bytes", used)
        .integer("disk_free_bytes", usage.free)
        .integer("disk_available_bytes", usage.available)
        .optional_float("disk_usage_percent", share)
        .integer("disk_stale", 0)
        .optional_integer("disk_inodes_total", inodes_used.map(|_| usage.inodes_total))
        .optional_integer("disk_inodes_used", inodes_used)
}

/// Mounts that a path leads to: one upon which another was mounted later, or upon a folder above, is hidden,
/// and asking for its path would tell of the other.
fn visible(mounts: Vec<Mount>) -> impl Iterator<Item = Mount> {
    let hidden = |at: usize, mount: &Mount| {
        let later = mounts[at + 1..].iter();
        let mut beside = later.filter(|later| later.parent == mount.parent);
        beside.any(|later| is_within(&mount.mountpoint, &later.mountpoint))
    };
    let kept: Vec<bool> = mounts
        .iter()
        .enumerate()
        .map(|(at, mount)| !hidden(at, mount))
        .collect();
    mounts
        .into_iter()
        .zip(kept)
        .filter_map(|(mount, kept)| kept.then_some(mount))
}

/// Whether `path` is a folder below `folder`.
fn is_within(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

/// One mount a file system, whose name stays while others come and go: the root of the host; else one that no
/// other shows more of (a bind mount shows a part); of those the first, for a bind mount of all of it comes later. Of
/// mounts stacked on one path it is the last, which is the visible one.
fn distinct(mounts: impl Iterator<Item = Mount>) -> Vec<Mount> {
    let mut by_path: BTreeMap<String, (usize, Mount)> = BTreeMap::new();
    for (place, mount) in mounts.enumerate() {
        by_path.insert(mount.mountpoint.clone(), (place, mount));
    }
    let mut in_order: Vec<(usize, Mount)> = by_path.into_values().collect();
    in_order.sort_unstable_by_key(|(place, _)| *place);
    let mut by_number: BTreeMap<String, Vec<Mount>> = BTreeMap::new();
    for (_, mount) in in_order {
        by_number
            .entry(mount.number.clone())
            .or_default()
            .push(mount);
    }
    let mut mounts: Vec<Mount> = by_number.into_values().filter_map(own_mount).collect();
    mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    mounts
}

/// Of the mounts of one file system, in their order, the one that it is called after.
fn own_mount(mut mounts: Vec<Mount>) -> Option<Mount> {
    let rank = |mount: &Mount| {
        let part = mounts
            .iter()
            .any(|other| is_within(&mount.root, &other.root));
        (mount.mountpoint != "/", part)
    };
    let at = (0..mounts.len()).min_by_key(|at| rank(&mounts[*at]))?;
    Some(mounts.swap_remove(at))
}

/// proc_pid_mountinfo(5): `27 1 254:0 / / rw,relatime [optional …] - ext4 /dev/vda rw`.
fn parse(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let mut before = before.split(' ').skip(1);
            let mut after = after.split(' ');
            Some(Mount {
                parent: before.next()?.to_owned(),
                number: before.next()?.to_owned(),
                root: unescape(before.next()?),
                mountpoint: unescape(before.next()?),
                kind: unescape(after.next()?),
                device: unescape(after.next()?),
            })
        })
        .collect()
}
