//! The queries of `docs/queries` run as they stand and give what a person would expect.

use std::fs;

use watchpost_core::csv::Table;

use super::{Scene, Verdict, ensure};
use crate::platform::workspace;

pub(super) fn judge(scene: &mut Scene) -> Verdict {
    let mut rows = Vec::new();
    for name in [
        "current_status",
        "history",
        "comparison",
        "anomaly",
        "capacity_forecast",
        "host_metrics",
    ] {
        let text = fs::read_to_string(workspace().join(format!("docs/queries/{name}.flux")));
        let tables = scene
            .platform()
            .query(&text.map_err(|error| format!("{name}: {error}"))?);
        check(name, &tables)?;
        rows.push(format!(
            "{name} {}",
            tables.iter().map(Table::row_count).sum::<usize>()
        ));
    }
    Ok(format!("rows: {}", rows.join(", ")))
}

fn check(name: &str, tables: &[Table]) -> Result<(), String> {
    let rows: Vec<_> = tables.iter().flat_map(Table::rows).collect();
    let percent = |column: &str| {
        rows.iter()
            .filter_map(|row| row.f64(column))
            .all(|value| (0.0..=100.0).contains(&value))
    };
    match name {
        "current_status" => {
            ensure(rows.len() >= 5, || format!("{name}: {} hosts", rows.len()))?;
            ensure(
                percent("cpu_usage_percent") && percent("memory_usage_percent"),
                || format!("{name}: no percent"),
            )
        }
        "comparison" => ensure(rows.iter().any(|row| row.f64("host-1").is_some()), || {
            format!("{name}: no host-1")
        }),
        "history" => ensure(
            rows.iter().all(|row| {
                let [least, mean, most] =
                    ["min", "mean", "max"].map(|it| row.f64(&format!("cpu_usage_percent_{it}")));
                least <= mean && mean <= most
            }) && rows.len() > 24,
            || {
                format!(
                    "{name}: {} rows, or min, mean and max are not in order",
                    rows.len()
                )
            },
        ),
        // That it is empty while nothing is odd is right; what it names must be far from the mean.
        "anomaly" => ensure(
            rows.iter()
                .all(|row| row.f64("score").is_some_and(|it| it.abs() > 3.0)),
            || name.into(),
        ),
        "capacity_forecast" => ensure(
            rows.iter()
                .all(|row| row.f64("percent_per_day").is_some_and(|it| it > 0.0)),
            || format!("{name}: a disk that does not fill"),
        ),
        _ => ensure(!rows.is_empty() && percent("_value"), || {
            format!("{name}: nothing, or no percent")
        }),
    }
}
