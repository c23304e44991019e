//! The field names of the older single-host tool, which the web API still answers to.

/// An old name and where its value comes from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyField {
    pub name: &'static str,
    /// The metric in the catalogue. A counter of several devices is meant as their sum.
    pub metric: &'static str,
}

/// Fields with a fixed name. `cpu_usage_1` … `cpu_usage_N` are [`legacy_cpu_field`].
pub static LEGACY_FIELDS: [LegacyField; 6] = [
    LegacyField {
        name: "cpu_usage_overall",
        metric: "cpu_usage_percent",
    },
    LegacyField {
        name: "memory_usage",
        metric: "memory_usage_percent",
    },
    LegacyField {
        name: "disk_read",
        metric: "disk_read_bytes",
    },
    LegacyField {
        name: "disk_write",
        metric: "disk_write_bytes",
    },
    LegacyField {
        name: "network_sent",
        metric: "network_bytes_sent",
    },
    LegacyField {
        name: "network_recv",
        metric: "network_bytes_recv",
    },
];

/// The old field name of a core, whose tag `cpu` counts from 0: `cpu0` or `0` is `cpu_usage_1`.
/// `None` if the tag is not the number of a core.
pub fn legacy_cpu_field(cpu: &str) -> Option<String> {
    let number: u32 = cpu.strip_prefix("cpu").unwrap_or(cpu).parse().ok()?;
    Some(format!("cpu_usage_{}", number.checked_add(1)?))
}
