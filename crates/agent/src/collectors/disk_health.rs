//! The health of what disks are joined to: arrays (md), pools (ZFS), btrfs; and the wear of soldered flash (eMMC).
//! Everything from `/sys` and `/proc`, without asking a disk.

use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

const BLOCK: &str = "sys/block";
const POOLS: &str = "proc/spl/kstat/zfs";
const BTRFS: &str = "sys/fs/btrfs";

/// State of arrays, pools and flash.
#[derive(Debug)]
pub struct DiskHealth {
    devices: Filter,
}

impl DiskHealth {
    /// Devices whose names pass `devices`.
    pub fn new(devices: Filter) -> Self {
        Self { devices }
    }
}

impl Collector for DiskHealth {
    fn name(&self) -> &'static str {
        "disk_health"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        for device in files.list(BLOCK) {
            if !self.devices.admits(&device) {
                continue;
            }
            if files.exists(&format!("{BLOCK}/{device}/md/array_state")) {
                points.push(array(files, &device, row(&device, at)));
            } else if device.starts_with("mmcblk") {
                points.push(flash(files, &device, row(&device, at)));
            }
        }
        for pool in files.folders(POOLS) {
            let state = files.read_optional(&format!("{POOLS}/{pool}/state"));
            if let Some(state) = state.filter(|_| self.devices.admits(&pool)) {
                let degraded = u64::from(state.trim() != "ONLINE");
                points.push(row(&pool, at).integer("disk_array_degraded", degraded));
            }
        }
        for volume in files
            .folders(BTRFS)
            .into_iter()
            .filter(|name| name != "features")
        {
            let label = files
                .read_optional(&format!("{BTRFS}/{volume}/label"))
                .unwrap_or_default()
                .trim()
                .to_owned();
            let name = if label.is_empty() {
                volume.clone()
            } else {
                label
            };
            if self.devices.admits(&name) {
                let errors = btrfs_errors(files, &format!("{BTRFS}/{volume}/devinfo"));
                points.push(row(&name, at).optional_integer("disk_errors", errors));
            }
        }
        Ok(())
    }
}

fn row(device: &str, at: i64) -> Row {
    // In /sys a slash in a device's name is written as an exclamation mark.
    Row::new("disk_health", at).tag("device", &device.replace('!', "/"))
}

/// Documentation/admin-guide/md.rst.
fn array(files: &mut HostFiles, device: &str, row: Row) -> Row {
    let mut of = |file: &str| {
        let text = files.read_optional(&format!("{BLOCK}/{device}/md/{file}"))?;
        Some(text.trim().to_owned())
    };
    let state = of("array_state").unwrap_or_default();
    let missing = of("degraded").and_then(|text| text.parse::<u64>().ok());
    // An array that failed, or is not assembled, does not count what it misses.
    let broken = matches!(state.as_str(), "inactive" | "broken" | "suspended");
    // `9000000 / 18000000` sectors, or `none`.
    let synced = of("sync_completed").and_then(|text| {
        let (done, all) = text.split_once(" / ")?;
        percent(done.parse().ok()?, all.parse().ok()?)
    });
    row.integer(
        "disk_array_degraded",
        u64::from(broken || missing.is_some_and(|missing| missing > 0)),
    )
    .optional_integer("disk_array_missing", missing)
    .optional_float("disk_array_sync_percent", synced)
}

/// Life used in tenths (`0x01` is up to 10 %, `0x0b` is past its life), and the state of the spare blocks: 1 is
/// normal, 2 four fifths used, 3 nine tenths (JESD84-B51, EXT_CSD 267 to 269).
fn flash(files: &mut HostFiles, device: &str, row: Row) -> Row {
    let mut of = |file: &str| {
        let text = files.read_optional(&format!("{BLOCK}/{device}/device/{file}"))?;
        let tenths = text
            .split_ascii_whitespace()
            .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
        tenths.max()
    };
    let (life, spare) = (
        of("life_time").filter(|life| (1..=0x0b).contains(life)),
        of("pre_eol_info"),
    );
    let failing = spare
        .filter(|spare| (1..=3).contains(spare))
        .map(|spare| u64::from(spare == 3));
    row.optional_float(
        "disk_wear_percent",
        life.map(|tenths| (10 * tenths).min(100) as f64),
    )
    .optional_integer("disk_failing", failing)
}

/// Errors of all devices of a volume, of every kind: `write_errs 0`, a line a kind.
fn btrfs_errors(files: &mut HostFiles, folder: &str) -> Option<u64> {
    let mut sum = None;
    for device in files.list(folder) {
        let Some(text) = files.read_optional(&format!("{folder}/{device}/error_stats")) else {
            continue;
        };
        let errors = text
            .lines()
            .filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
        sum = Some(errors.fold(sum.unwrap_or(0), u64::saturating_add));
    }
    sum
}
