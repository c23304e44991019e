//! Thin pools of LVM: how full their data and metadata are. The kernel's device mapper says it (`dmsetup status`), without
//! reading a disk, which `lvs` does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::command;
use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};

const BLOCK: &str = "sys/block";

/// How long dmsetup may take; it asks the kernel.
const DEADLINE: Duration = Duration::from_secs(3);

/// What it may say: a line a pool.
const MAX_BYTES: u64 = 256 * 1024;

const STATUS: [&str; 3] = ["status", "--target", "thin-pool"];

/// Asks the device mapper for the state of its thin pools.
pub type PoolStatus = Arc<dyn Fn() -> io::Result<String> + Send + Sync>;

/// `dmsetup status --target thin-pool`.
///
/// Errors: there is none, it takes too long, or it may not ask.
pub fn dmsetup() -> io::Result<String> {
    command::run("dmsetup", &STATUS, DEADLINE, MAX_BYTES)?.of_success("dmsetup")
}

/// The pools of the host.
pub struct ThinPools {
    status: PoolStatus,
    failing: bool,
}

impl ThinPools {
    /// Asks by `status`.
    pub fn new(status: PoolStatus) -> Self {
        Self {
            status,
            failing: false,
        }
    }
}

/// Whether LVM has a pool here: the device below it is known by the end of its id.
fn has_pools(files: &mut HostFiles) -> bool {
    let devices = files.list(BLOCK);
    devices
        .iter()
        .filter(|device| device.starts_with("dm-"))
        .any(|device| {
            let id = files.read_optional(&format!("{BLOCK}/{device}/dm/uuid"));
            id.is_some_and(|id| id.starts_with("LVM-") && id.trim_end().ends_with("-tpool"))
        })
}

/// `vg-pool-tpool: 0 204800 thin-pool 1 10/1024 200/1600 - rw discard_passdown queue_if_no_space - 1024`, or `Fail` behind
/// the target's name (Documentation/admin-guide/device-mapper/thin-provisioning.rst).
fn row(line: &str, at: i64) -> Option<Row> {
    let (name, rest) = line.split_once(": ")?;
    let mut words = rest.split_ascii_whitespace().skip(2);
    if words.next()? != "thin-pool" {
        return None;
    }
    let words: Vec<&str> = words.collect();
    let share = |place: usize| {
        let (used, total) = words.get(place)?.split_once('/')?;
        percent(used.parse().ok()?, total.parse().ok()?)
    };
    let is_bad = |word: &&str| {
        matches!(
            *word,
            "Fail" | "Error" | "ro" | "out_of_data_space" | "needs_check"
        )
    };
    Some(
        Row::new("disk_health", at)
            .tag("device", &pool_name(name))
            .integer("disk_array_degraded", u64::from(words.iter().any(is_bad)))
            .optional_float("disk_pool_metadata_percent", share(1))
            .optional_float("disk_pool_data_percent", share(2)),
    )
}

/// `GROUP/POOL`: in the device mapper's name a hyphen stands between them, and those within are doubled.
fn pool_name(name: &str) -> String {
    let name = name.strip_suffix("-tpool").unwrap_or(name);
    let name = name.replace("--", "\0").replacen('-', "/", 1);
    name.replace('\0', "-")
}

impl Collector for ThinPools {
    fn name(&self) -> &'static str {
        "thin_pools"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        if !has_pools(files) {
            return Ok(());
        }
        match (self.status)() {
            Ok(text) => {
                self.failing = false;
                for row in text.lines().filter_map(|line| row(line, at)) {
                    points.push(row);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "Thin pools are not read: dmsetup is needed, and root.");
                }
            }
        }
        Ok(())
    }
}
