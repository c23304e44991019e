//! The queries of `docs/queries` run as they stand. A host whose past is known in advance, `judged`,
//! has to come out of each with the figures that were put into it.

use std::fs;

use watchpost_core::csv::Table;

use super::{Finding, Scene, ensure};
use crate::platform::workspace;
use crate::seconds::{SECOND, now};

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The host that is made up, and what it has: a CPU that swings around a mean, and one odd minute.
pub(super) const HOST: &str = "judged";
const CPU: [f64; 2] = [10.0, 12.0];
const CPU_ODD: f64 = 95.0;
const MEMORY: f64 = 34.0;
/// Its disk, at the beginning of the week and now.
const DISK: [f64; 2] = [50.0, 57.0];

/// When it was written, its last minute, and the minute of two hours ago in which the CPU is odd.
struct Past {
    now: i64,
    last: i64,
    odd: i64,
}

pub(super) fn judge(scene: &Scene) -> Finding {
    super::needs_influxdb2(scene)?;
    let past = write_past(scene)?;
    let mut rows = Vec::new();
    for (name, check) in CHECKS {
        let text = fs::read_to_string(workspace().join(format!("docs/queries/{name}.flux")));
        let text = text.map_err(|error| format!("{name}: {error}"))?;
        // These two name a host, which the reader is told to change.
        let text = match name {
            "history" | "host_metrics" => text.replace("host-1", HOST),
            _ => text,
        };
        let tables = scene.platform().query(&text);
        check(&tables, &past).map_err(|found| format!("{name}: {found}"))?;
        let count: usize = tables.iter().map(Table::row_count).sum();
        rows.push(format!("{name} {count}"));
    }
    Ok(format!(
        "of a host made up for it, right to nine digits; rows: {}",
        rows.join(", ")
    ))
}

type Check = fn(&[Table], &Past) -> Result<(), String>;

const CHECKS: [(&str, Check); 6] = [
    ("current_status", current_status),
    ("history", history),
    ("comparison", comparison),
    ("anomaly", anomaly),
    ("capacity_forecast", capacity_forecast),
    ("host_metrics", host_metrics),
];

/// The newest value of each field, and the fleet's hosts beside it.
fn current_status(tables: &[Table], past: &Past) -> Result<(), String> {
    let rows: Vec<_> = tables.iter().flat_map(Table::rows).collect();
    ensure(rows.len() > super::scene::HOSTS, || {
        format!("{} hosts", rows.len())
    })?;
    let row = rows
        .iter()
        .find(|row| row.str("host") == Some(HOST))
        .ok_or("the host is missing")?;
    near(row.f64("cpu_usage_percent"), cpu(past.last, past.odd))?;
    near(row.f64("memory_usage_percent"), MEMORY)?;
    near(row.f64("disk_usage_percent"), DISK[1])
}

/// Mean, least and greatest of each of the week's hours.
fn history(tables: &[Table], _: &Past) -> Result<(), String> {
    let rows: Vec<_> = tables.iter().flat_map(Table::rows).collect();
    ensure(rows.len() == 7 * 24, || format!("{} hours", rows.len()))?;
    for row in rows {
        near(row.f64("cpu_usage_percent_mean"), (CPU[0] + CPU[1]) / 2.0)?;
        near(row.f64("cpu_usage_percent_min"), CPU[0])?;
        near(row.f64("cpu_usage_percent_max"), CPU[1])?;
    }
    Ok(())
}

/// Means of five minutes, a column a host; those that hold the odd minute stand out.
fn comparison(tables: &[Table], past: &Past) -> Result<(), String> {
    let rows = tables.iter().flat_map(Table::rows);
    let values: Vec<(i64, f64)> = rows
        .filter_map(|row| Some((row.time("_time")?, row.f64(HOST)?)))
        .collect();
    ensure(values.len() >= 6 * 12 - 2, || {
        format!("{} windows of the host", values.len())
    })?;
    // The windows at both ends of the range are cut.
    for (stop, value) in &values[1..values.len() - 1] {
        let start = stop - 5 * MINUTE;
        let ours: Vec<f64> = (start / MINUTE..stop / MINUTE)
            .map(|minute| minute * MINUTE)
            .filter(|minute| *minute <= past.last)
            .map(|minute| cpu(minute, past.odd))
            .collect();
        near(Some(*value), ours.iter().sum::<f64>() / ours.len() as f64)?;
    }
    Ok(())
}

/// The odd minute alone, with the score that follows from the day.
fn anomaly(tables: &[Table], past: &Past) -> Result<(), String> {
    let rows: Vec<_> = tables.iter().flat_map(Table::rows).collect();
    let odd = rows
        .iter()
        .find(|row| row.str("host") == Some(HOST))
        .ok_or("the odd minute is not named")?;
    let ours = rows.iter().filter(|row| row.str("host") == Some(HOST));
    ensure(ours.count() == 1, || "calm minutes are named".into())?;
    near(odd.f64("_value"), CPU_ODD)?;
    // A window stands at its end.
    let time = odd.time("_time");
    ensure(time == Some(past.odd + MINUTE), || {
        format!("at {time:?} instead of {}", past.odd + MINUTE)
    })?;
    let value = |name: &str| odd.f64(name).unwrap_or(f64::NAN);
    let (mean, deviation) = (value("mean"), value("deviation"));
    near(odd.f64("score"), (CPU_ODD - mean) / deviation)?;
    let calm = (CPU[0] + CPU[1]) / 2.0;
    // One odd minute of the day's 1440 moves the mean a little.
    ensure(mean > calm && mean < calm + 0.1, || format!("mean {mean}"))?;
    ensure((2.0..3.0).contains(&deviation), || {
        format!("deviation {deviation}")
    })
}

/// A straight line through the week: a percent a day.
fn capacity_forecast(tables: &[Table], past: &Past) -> Result<(), String> {
    let mut rows = tables.iter().flat_map(Table::rows);
    let row = rows
        .find(|row| row.str("host") == Some(HOST))
        .ok_or("the filling disk is missing")?;
    near(row.f64("percent_per_day"), (DISK[1] - DISK[0]) / 7.0)?;
    let days = row.f64("days_until_full").unwrap_or(f64::NAN);
    let since = (now() - past.now) as f64 / (24 * HOUR) as f64;
    let wanted = (100.0 - DISK[1]) - since;
    ensure((days - wanted).abs() < 0.001, || {
        format!("{days} days until full instead of {wanted}")
    })
}

fn host_metrics(tables: &[Table], _: &Past) -> Result<(), String> {
    let mut count = 0;
    for row in tables.iter().flat_map(Table::rows) {
        near(row.f64("_value"), MEMORY)?;
        count += 1;
    }
    ensure(count >= 36, || format!("{count} windows in three hours"))
}

/// A day of minutes into the raw tier, and a week of hours into the hourly one.
fn write_past(scene: &Scene) -> Result<Past, String> {
    let now = now();
    let minute = now / MINUTE * MINUTE;
    let past = Past {
        now,
        last: minute,
        odd: minute - 120 * MINUTE,
    };
    let mut raw = String::new();
    for time in (0..24 * 60).map(|it| minute - it * MINUTE) {
        let value = cpu(time, past.odd);
        raw += &format!(
            "system_metrics,host={HOST} cpu_usage_percent={value},memory_usage_percent={MEMORY} {time}\n"
        );
    }
    let disk = DISK[1];
    raw += &format!("system_metrics,host={HOST},mountpoint=/ disk_usage_percent={disk} {minute}\n");
    let (mut hours, hour) = (String::new(), now / HOUR * HOUR);
    for time in (0..7 * 24).map(|it| hour - it * HOUR) {
        let (low, high) = (CPU[0], CPU[1]);
        let mean = (low + high) / 2.0;
        hours += &format!(
            "system_metrics_hourly,host={HOST} cpu_usage_percent_mean={mean},cpu_usage_percent_min={low},cpu_usage_percent_max={high},cpu_usage_percent_count=60i {time}\n"
        );
        let share = 1.0 - (now - time) as f64 / (7 * 24 * HOUR) as f64;
        let disk = DISK[0] + (DISK[1] - DISK[0]) * share;
        hours += &format!(
            "system_metrics_hourly,host={HOST},mountpoint=/ disk_usage_percent_mean={disk},disk_usage_percent_count=60i {time}\n"
        );
    }
    let client = scene.platform().client("operator");
    for (bucket, lines) in [("system_metrics_raw", raw), ("system_metrics_1h", hours)] {
        super::scene::write(&client, bucket, lines.as_bytes())?;
    }
    Ok(past)
}

/// The CPU of the host in a minute.
fn cpu(minute: i64, odd: i64) -> f64 {
    if minute == odd {
        CPU_ODD
    } else {
        CPU[(minute / MINUTE % 2) as usize]
    }
}

fn near(found: Option<f64>, wanted: f64) -> Result<(), String> {
    let close = found.is_some_and(|it| (it - wanted).abs() <= 1e-9 * wanted.abs().max(1.0));
    ensure(close, || format!("{found:?} instead of {wanted}"))
}
