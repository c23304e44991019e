//! The metrics of disks' health.

use super::Kind::Gauge;
use super::Metric;
use super::MetricType::DiskHealth;
use super::Unit::{Celsius, Count};
use super::metrics::{counter, field, percent, whole};
use crate::point::FieldType::Float;

pub(super) const OF_DISKS: &[Metric] = &[
    whole(
        "disk_array_degraded",
        DiskHealth,
        Count,
        "1 while an array or a pool lacks a disk or does not work, else 0.",
    ),
    whole(
        "disk_array_missing",
        DiskHealth,
        Count,
        "Disks that an array lacks.",
    ),
    percent(
        "disk_array_sync_percent",
        DiskHealth,
        "How far an array's check or recovery is; absent without one.",
    ),
    counter(
        "disk_errors",
        DiskHealth,
        Count,
        "Errors that btrfs counted on the disks of a volume.",
    ),
    whole(
        "disk_failing",
        DiskHealth,
        Count,
        "1 while the disk says that it fails, else 0 (SMART, eMMC).",
    ),
    percent(
        "disk_wear_percent",
        DiskHealth,
        "Rated life of flash that is used, at most 100.",
    ),
    percent(
        "disk_spare_percent",
        DiskHealth,
        "Spare blocks of an NVMe disk that are left.",
    ),
    field(
        "disk_temperature_celsius",
        DiskHealth,
        Float,
        Celsius,
        Gauge,
        "Temperature of the disk.",
    ),
    whole(
        "disk_power_on_hours",
        DiskHealth,
        Count,
        "Hours that the disk was switched on.",
    ),
    whole(
        "disk_reallocated_sectors",
        DiskHealth,
        Count,
        "Sectors that the disk replaced.",
    ),
    whole(
        "disk_pending_sectors",
        DiskHealth,
        Count,
        "Sectors that could not be read and wait to be replaced.",
    ),
    whole(
        "disk_uncorrectable_sectors",
        DiskHealth,
        Count,
        "Sectors that a check could not read.",
    ),
    whole(
        "disk_media_errors",
        DiskHealth,
        Count,
        "Errors of an NVMe disk that it could not correct.",
    ),
    whole(
        "disk_crc_errors",
        DiskHealth,
        Count,
        "Transfers with errors: mostly a cable.",
    ),
    percent(
        "disk_pool_data_percent",
        DiskHealth,
        "Space of a thin pool (LVM) in use for data.",
    ),
    percent(
        "disk_pool_metadata_percent",
        DiskHealth,
        "Space of a thin pool (LVM) in use for its own records.",
    ),
];
