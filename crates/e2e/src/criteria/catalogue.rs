//! Every metric of the catalogue arrives from every simulated host, and from this one what it has.

use std::collections::{BTreeMap, BTreeSet};

use watchpost_core::catalogue::METRICS;
use watchpost_testkit::wait;

use super::scene::HOSTS;
use super::{Finding, Scene, ensure, queries};

/// Without these a host cannot be watched, whatever its kernel is. The share of a process comes with the second look.
const ESSENTIAL: [&str; 8] = [
    "cpu_usage_percent",
    "cpu_load_1m",
    "memory_usage_percent",
    "disk_usage_percent",
    "network_bytes_recv",
    "process_count",
    "process_cpu_percent",
    "uptime_seconds",
];

pub(super) fn judge(scene: &Scene) -> Finding {
    let all: BTreeSet<&str> = METRICS.iter().map(|it| it.name).collect();
    // Slow collectors come round every ten seconds.
    let whole = wait::until_or_none(|| {
        let seen = fields_by_host(scene);
        let complete = |(host, fields): (&String, &BTreeSet<String>)| {
            if is_simulated(host) {
                fields.len() >= all.len()
            } else {
                ESSENTIAL.iter().all(|it| fields.contains(*it))
            }
        };
        (seen.len() > HOSTS && seen.iter().all(complete)).then_some(seen)
    });
    let seen = whole.unwrap_or_else(|| fields_by_host(scene));
    for (host, fields) in seen.iter().filter(|(host, _)| is_simulated(host)) {
        let missing: Vec<&str> = all
            .iter()
            .filter(|it| !fields.contains(**it))
            .copied()
            .collect();
        ensure(missing.is_empty(), || {
            format!("{host} lacks {}", missing.join(", "))
        })?;
    }
    let simulated = seen.keys().filter(|host| is_simulated(host)).count();
    ensure(simulated == HOSTS, || {
        format!("{simulated} of {HOSTS} simulated hosts were seen")
    })?;
    let (host, fields) = seen
        .iter()
        .find(|(host, _)| !is_simulated(host))
        .ok_or("this host was not seen")?;
    let lacking: Vec<&str> = ESSENTIAL
        .iter()
        .filter(|it| !fields.contains(**it))
        .copied()
        .collect();
    ensure(lacking.is_empty(), || {
        format!("{host} lacks {}", lacking.join(", "))
    })?;
    let unknown = fields
        .iter()
        .filter(|it| !all.contains(it.as_str()))
        .count();
    ensure(unknown == 0, || {
        format!("{host} reports {unknown} fields that the catalogue does not know")
    })?;
    let absent: Vec<&str> = all
        .iter()
        .filter(|it| !fields.contains(**it))
        .copied()
        .collect();
    let absent = match absent.as_slice() {
        [] => String::new(),
        names => format!(" (without {})", names.join(", ")),
    };
    Ok(format!(
        "{} metrics from each of {HOSTS} simulated hosts, {} from this one{absent}",
        all.len(),
        fields.len()
    ))
}

fn is_simulated(host: &str) -> bool {
    host.starts_with("host-")
}

fn fields_by_host(scene: &Scene) -> BTreeMap<String, BTreeSet<String>> {
    let tables = scene.platform().query(
        "from(bucket: \"system_metrics_raw\") |> range(start: -5m)
            |> filter(fn: (r) => r._measurement == \"system_metrics\")
            |> last() |> keep(columns: [\"host\", \"_field\"]) |> group()",
    );
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in tables.iter().flat_map(|it| it.rows()) {
        // On a server that was judged before, the host made up for the queries is still there.
        if let (Some(host), Some(field)) = (row.str("host"), row.str("_field"))
            && host != queries::HOST
        {
            seen.entry(host.to_owned())
                .or_default()
                .insert(field.to_owned());
        }
    }
    seen
}
