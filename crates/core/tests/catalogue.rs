//! The catalogue is whole, its names are unambiguous, and the document is current.

use std::collections::HashSet;

use watchpost_core::catalogue::{
    COMMON_TAGS, ITEM_TAGS, Kind, LEGACY_FIELDS, METRICS, MetricType, Unit, legacy_cpu_field,
    metric, metrics_of, render_markdown,
};
use watchpost_core::point::FieldType;

/// Field names that users and dashboards rely on.
const CONTRACT: &str = "cpu_usage_percent cpu_user_percent cpu_system_percent cpu_iowait_percent \
    cpu_steal_percent cpu_count cpu_load_1m cpu_load_5m cpu_load_15m cpu_freq_current_mhz \
    memory_total_bytes memory_available_bytes memory_used_bytes memory_cached_bytes \
    memory_buffers_bytes memory_usage_percent swap_total_bytes swap_used_bytes \
    swap_usage_percent disk_total_bytes disk_used_bytes disk_free_bytes disk_available_bytes \
    disk_usage_percent disk_inodes_total disk_inodes_used disk_read_bytes disk_write_bytes \
    disk_read_count disk_write_count disk_io_time_ms network_bytes_sent network_bytes_recv \
    network_packets_sent network_packets_recv network_errors_in network_errors_out \
    network_drops_in network_drops_out network_connections process_count uptime_seconds";

#[test]
fn the_promised_metrics_are_there() {
    let missing: Vec<&str> = CONTRACT
        .split_whitespace()
        .filter(|name| metric(name).is_none())
        .collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

#[test]
fn names_are_unique_and_carry_their_unit() {
    let mut names = HashSet::new();
    for metric in METRICS {
        let name = metric.name;
        assert!(names.insert(name), "{name} twice");
        let suffix = match metric.unit {
            Unit::Percent => "_percent",
            Unit::Seconds => "_seconds",
            Unit::Milliseconds => "_ms",
            Unit::Microseconds => "_us",
            Unit::Megahertz => "_mhz",
            Unit::Celsius => "_celsius",
            Unit::Bytes | Unit::Count | Unit::None => "",
        };
        assert!(name.ends_with(suffix), "{name} should end with {suffix}");
        assert_eq!(metric.unit == Unit::Bytes, name.contains("bytes"), "{name}");
    }
}

#[test]
fn percent_is_a_float_and_the_numbers_of_things_are_integers() {
    for metric in METRICS {
        let expected = match metric.unit {
            Unit::Percent | Unit::Megahertz | Unit::Celsius | Unit::None => FieldType::Float,
            _ => FieldType::Integer,
        };
        assert_eq!(metric.field_type, expected, "{}", metric.name);
        assert!(
            metric.help.ends_with('.'),
            "{}: help is a sentence",
            metric.name
        );
        if metric.kind == Kind::Counter {
            assert_eq!(metric.field_type, FieldType::Integer, "{}", metric.name);
        }
    }
}

#[test]
fn every_type_has_metrics_and_a_name_that_reads_back() {
    for metric_type in MetricType::ALL {
        assert!(metrics_of(metric_type).count() > 0, "{metric_type:?}");
        assert_eq!(MetricType::from_name(metric_type.name()), Some(metric_type));
    }
    assert_eq!(MetricType::from_name("nope"), None);
    let listed: usize = MetricType::ALL
        .into_iter()
        .map(|t| metrics_of(t).count())
        .sum();
    assert_eq!(listed, METRICS.len());
}

#[test]
fn further_tags_are_not_common_ones() {
    for metric in METRICS {
        for tag in metric.tags.iter().chain(metric.optional_tags) {
            assert!(
                COMMON_TAGS.iter().all(|(common, _)| common != tag),
                "{}",
                metric.name
            );
        }
    }
}

#[test]
fn tags_of_items_are_those_of_the_metrics() {
    let tags = METRICS
        .iter()
        .flat_map(|metric| metric.tags.iter().chain(metric.optional_tags));
    let tags: std::collections::BTreeSet<&str> = tags.copied().collect();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), ITEM_TAGS);
}

#[test]
fn legacy_names_lead_to_metrics() {
    for field in &LEGACY_FIELDS {
        assert!(
            metric(field.metric).is_some(),
            "{} -> {}",
            field.name,
            field.metric
        );
    }
    assert_eq!(legacy_cpu_field("0").as_deref(), Some("cpu_usage_1"));
    assert_eq!(legacy_cpu_field("cpu15").as_deref(), Some("cpu_usage_16"));
    assert_eq!(legacy_cpu_field("total"), None);
    assert_eq!(legacy_cpu_field("4294967295"), None);
}

#[test]
fn the_document_is_current() {
    let path = "../../docs/metrics.md";
    let current = render_markdown();
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1") {
        std::fs::write(path, &current).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == current,
        "docs/metrics.md is not what the catalogue says; UPDATE_EXPECT=1 rewrites it"
    );
}
