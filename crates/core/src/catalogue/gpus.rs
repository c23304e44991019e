//! The metrics of graphics processors.

use super::Kind::Gauge;
use super::Metric;
use super::MetricType::Gpu;
use super::Unit::{self, Bytes, Celsius, Megahertz};
use super::metrics::{field, percent, tagged, whole};
use crate::point::FieldType::Float;

const GPU: &[&str] = &["gpu"];

pub(super) const OF_GPUS: &[Metric] = &[
    tagged(
        percent("gpu_busy_percent", Gpu, "Time in which the card had work."),
        GPU,
    ),
    tagged(
        whole(
            "gpu_memory_used_bytes",
            Gpu,
            Bytes,
            "Memory of the card in use.",
        ),
        GPU,
    ),
    tagged(
        whole("gpu_memory_total_bytes", Gpu, Bytes, "Memory of the card."),
        GPU,
    ),
    tagged(
        percent(
            "gpu_memory_percent",
            Gpu,
            "Memory of the card in use of all.",
        ),
        GPU,
    ),
    tagged(
        field(
            "gpu_power_watts",
            Gpu,
            Float,
            Unit::None,
            Gauge,
            "Power that the card draws, in watts.",
        ),
        GPU,
    ),
    tagged(
        field(
            "gpu_temperature_celsius",
            Gpu,
            Float,
            Celsius,
            Gauge,
            "Temperature of the card.",
        ),
        GPU,
    ),
    tagged(
        field(
            "gpu_freq_mhz",
            Gpu,
            Float,
            Megahertz,
            Gauge,
            "Clock rate of the card.",
        ),
        GPU,
    ),
];
