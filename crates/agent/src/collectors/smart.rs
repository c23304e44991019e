//! What disks say of themselves (SMART of ATA, NVMe and SAS), by `smartctl` where it is installed and allowed.
//! A disk that sleeps is not asked, and asking is so seldom that none is kept awake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::command::{self, Output};
use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

const BLOCK: &str = "sys/block";

/// How long one disk may take; one behind a slow bridge takes seconds.
const DEADLINE: Duration = Duration::from_secs(20);

/// What smartctl may say of one disk.
const MAX_BYTES: u64 = 1024 * 1024;

/// Disks at most.
const MAX_DISKS: usize = 64;

/// Bits of smartctl's exit code that say it could not ask (smartctl(8), EXIT STATUS).
const COULD_NOT_ASK: i32 = 0b0000_0011;

/// Attributes of ATA disks that tell of sectors and cables, by number.
const REALLOCATED: u64 = 5;
const PENDING: u64 = 197;
const UNCORRECTABLE: u64 = 198;
const CRC: u64 = 199;
/// Attributes whose normalized value is the life that is left, by number; vendors have each their own.
const LIFE_LEFT: [u64; 4] = [231, 202, 233, 177];

/// Asks one disk: its path under `/dev`.
pub type Ask = Arc<dyn Fn(&str) -> io::Result<Output> + Send + Sync>;

/// `smartctl --json`, which leaves a disk alone that sleeps.
///
/// Errors: there is none, or it takes too long.
pub fn smartctl(device: &str) -> io::Result<Output> {
    let arguments = [
        "--json=c",
        "--nocheck=standby",
        "--info",
        "--health",
        "--attributes",
        device,
    ];
    command::run("smartctl", &arguments, DEADLINE, MAX_BYTES)
}

/// The health of disks by their own account.
pub struct Smart {
    devices: Filter,
    ask: Ask,
    told: bool,
}

impl Smart {
    /// Disks whose names pass `devices`.
    pub fn new(devices: Filter, ask: Ask) -> Self {
        Self {
            devices,
            ask,
            told: false,
        }
    }

    /// Says once why nothing comes from smartctl.
    fn refused(&mut self, device: &str, why: &str) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(
                device,
                why,
                "smartctl reports no health of this disk. It needs the capabilities CAP_SYS_RAWIO and CAP_SYS_ADMIN; or \
                 set collectors.smart.enabled = false."
            );
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    smart_status: Option<Status>,
    temperature: Option<Current>,
    power_on_time: Option<Hours>,
    ata_smart_attributes: Option<Attributes>,
    nvme_smart_health_information_log: Option<Nvme>,
    scsi_grown_defect_list: Option<u64>,
    scsi_percentage_used_endurance_indicator: Option<u64>,
}

#[derive(Deserialize)]
struct Status {
    passed: bool,
}

#[derive(Deserialize)]
struct Current {
    current: f64,
}

#[derive(Deserialize)]
struct Hours {
    hours: u64,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(default)]
    table: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    id: u64,
    #[serde(default)]
    value: u64,
    raw: Raw,
}

#[derive(Deserialize)]
struct Raw {
    value: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Nvme {
    critical_warning: u64,
    available_spare: Option<f64>,
    percentage_used: Option<u64>,
    media_errors: Option<u64>,
}

/// A row of one disk's report.
fn row(device: &str, report: &Report, at: i64) -> Row {
    let attributes = report
        .ata_smart_attributes
        .iter()
        .flat_map(|attributes| &attributes.table);
    let attribute = |id: u64| attributes.clone().find(|attribute| attribute.id == id);
    let raw = |id: u64| attribute(id).map(|attribute| attribute.raw.value);
    let nvme = report.nvme_smart_health_information_log.as_ref();
    let failing = report.smart_status.as_ref().map(|status| !status.passed);
    let warned = nvme.map(|nvme| nvme.critical_warning != 0);
    let failing = failing
        .or(warned)
        .map(|failing| failing || warned == Some(true));
    let left = LIFE_LEFT
        .iter()
        .find_map(|id| attribute(*id))
        .map(|attribute| attribute.value);
    let worn = left.filter(|left| *left <= 100).map(|left| 100 - left);
    let worn = worn.or(nvme.and_then(|nvme| nvme.percentage_used));
    // Past its rated life a disk counts on.
    let worn = worn
        .or(report.scsi_percentage_used_endurance_indicator)
        .map(|worn| worn.min(100) as f64);
    let celsius = report
        .temperature
        .as_ref()
        .map(|temperature| temperature.current);
    let spare = nvme
        .and_then(|nvme| nvme.available_spare)
        .filter(|spare| (0.0..=100.0).contains(spare));
    Row::new("disk_health", at)
        .tag("device", device)
        .optional_integer("disk_failing", failing.map(u64::from))
        .optional_float("disk_wear_percent", worn)
        .optional_float("disk_spare_percent", spare)
        // A sensor that is absent tells 0 or 255.
        .optional_float(
            "disk_temperature_celsius",
            celsius.filter(|celsius| *celsius > 0.0 && *celsius < 150.0),
        )
        .optional_integer(
            "disk_power_on_hours",
            report.power_on_time.as_ref().map(|time| time.hours),
        )
        .optional_integer(
            "disk_reallocated_sectors",
            raw(REALLOCATED).or(report.scsi_grown_defect_list),
        )
        .optional_integer("disk_pending_sectors", raw(PENDING))
        .optional_integer("disk_uncorrectable_sectors", raw(UNCORRECTABLE))
        .optional_integer("disk_media_errors", nvme.and_then(|nvme| nvme.media_errors))
        .optional_integer("disk_crc_errors", raw(CRC))
}

/// Whether a disk of this name has health of its own to tell, and its power is on.
fn is_asked(files: &mut HostFiles, device: &str) -> bool {
    let physical = ["sd", "nvme", "hd"]
        .iter()
        .any(|prefix| device.starts_with(prefix));
    let virtual_path = device.starts_with("nvme")
        && device.contains('c')
        && !files.exists(&format!("{BLOCK}/{device}/device"));
    if !physical || virtual_path || !files.exists(&format!("{BLOCK}/{device}/device")) {
        return false;
    }
    let power = files.read_optional(&format!("{BLOCK}/{device}/device/power/runtime_status"));
    power.is_none_or(|power| power.trim() != "suspended")
}

impl Collector for Smart {
    fn name(&self) -> &'static str {
        "smart"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let disks = files
            .list(BLOCK)
            .into_iter()
            .filter(|device| self.devices.admits(device));
        let disks: Vec<String> = disks
            .filter(|device| is_asked(files, device))
            .take(MAX_DISKS)
            .collect();
        for device in disks {
            let path = format!("/dev/{}", device.replace('!', "/"));
            match (self.ask)(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()), // No smartctl here.
                Err(error) => self.refused(&path, &error.to_string()),
                Ok(output) => {
                    let report: Report = serde_json::from_str(&output.text).unwrap_or_default();
                    let asleep = output.text.contains("STANDBY") || output.text.contains("SLEEP");
                    let refused = output.code.is_none_or(|code| code & COULD_NOT_ASK != 0);
                    if refused && !asleep {
                        self.refused(&path, &format!("it ended with {:?}", output.code));
                    } else if !asleep {
                        points.push(row(&device, &report, at));
                    }
                }
            }
        }
        Ok(())
    }
}
