//! The state of the system as a whole: processes killed for want of memory, open files, a kernel that is tainted
//! or waits for a reboot, package updates. Files alone; those of packages are read seldom.

use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};

/// Collections between looks at what changes with packages alone: once in ten minutes at the slow interval.
const COLLECTIONS_BETWEEN_PACKAGES: u32 = 60;

/// Debian and its children ask for a reboot by this file.
const REBOOT_REQUIRED: [&str; 2] = ["run/reboot-required", "var/run/reboot-required"];
/// Ubuntu's count: `12 updates can be applied immediately.`
pub(super) const UPDATES: &str = "var/lib/update-notifier/updates-available";

/// Counts and states of the kernel and the distribution.
#[derive(Debug, Default)]
pub struct Kernel {
    collections: u32,
    reboot_required: bool,
    updates: Option<u64>,
}

impl Kernel {
    fn look_at_packages(&mut self, files: &mut HostFiles) {
        let release = files
            .read_optional("proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned();
        self.reboot_required =
            REBOOT_REQUIRED.iter().any(|path| files.exists(path)) || is_replaced(files, &release);
        let text = files.read_optional(UPDATES).unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.contains("can be ") && line.contains("appl"));
        self.updates = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    }
}

/// Whether the modules of the running kernel are gone while those of others are there: it was upgraded in place.
fn is_replaced(files: &HostFiles, release: &str) -> bool {
    let installed = ["lib/modules", "usr/lib/modules"]
        .map(|folder| files.folders(folder))
        .concat();
    // Folders that an upgrade leaves behind hold no list of modules.
    let installed: Vec<&String> = installed
        .iter()
        .filter(|name| {
            ["lib/modules", "usr/lib/modules"]
                .iter()
                .any(|folder| files.exists(&format!("{folder}/{name}/modules.dep")))
        })
        .collect();
    !release.is_empty()
        && !installed.is_empty()
        && installed.iter().all(|name| *name != release)
        && !is_guest(release)
}

/// Kernels that come from outside of the system, of containers and small virtual machines.
fn is_guest(release: &str) -> bool {
    ["microsoft", "linuxkit", "-fc-", "firecracker", "kata"]
        .iter()
        .any(|part| release.contains(part))
}

impl Collector for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        if self
            .collections
            .is_multiple_of(COLLECTIONS_BETWEEN_PACKAGES)
        {
            self.look_at_packages(files);
        }
        self.collections = self.collections.wrapping_add(1);
        let kills = files.read_optional("proc/vmstat").and_then(|text| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines
                .find(|(name, _)| *name == "oom_kill")?
                .1
                .trim()
                .parse()
                .ok()
        });
        // Allocated, allocated and unused (always 0 since Linux 2.6), at most.
        let handles: Vec<u64> =
            files
                .read_optional("proc/sys/fs/file-nr")
                .map_or_else(Vec::new, |text| {
                    text.split_ascii_whitespace()
                        .map_while(|word| word.parse().ok())
                        .collect()
                });
        let used = match handles.as_slice() {
            [allocated, unused, most] => allocated.checked_sub(*unused).map(|used| (used, *most)),
            _ => None,
        };
        let tainted = files
            .read_optional("proc/sys/kernel/tainted")
            .and_then(|text| text.trim().parse::<u64>().ok());
        points.push(
            Row::new("system", at)
                .optional_integer("oom_kills", kills)
                .optional_integer("open_files", used.map(|(used, _)| used))
                .optional_float(
                    "open_files_percent",
                    used.and_then(|(used, most)| percent(used, most)),
                )
                .optional_integer("kernel_tainted", tainted)
                .integer("reboot_required", u64::from(self.reboot_required))
                .optional_integer("packages_upgradable", self.updates),
        );
        Ok(())
    }
}
