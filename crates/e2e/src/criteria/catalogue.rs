//! Every metric of the catalogue arrives from every simulated host, and from this one what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_core::catalogue::METRICS;
use watchpost_query::{Ask, Question, Range};
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
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
    let range = Range::new(now - 300_000_000_000, now);
    let question = Question::new("system_metrics_raw", "system_metrics", range, Ask::Newest)
        .with_tags(["host"]);
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for series in scene.platform().ask(&question).unwrap_or_default().series {
        // On a server that was judged before, the host made up for the queries is still there.
        if let Some(host) = series.labels.get("host")
            && host != queries::HOST
        {
            seen.entry(host.clone())
                .or_default()
                .insert(series.field.to_string());
        }
    }
    seen
}
