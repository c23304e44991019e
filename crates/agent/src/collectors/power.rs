//! Fans and batteries: from the hardware monitors and power supplies under `/sys/class`.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};

const HWMON: &str = "sys/class/hwmon";
const SUPPLIES: &str = "sys/class/power_supply";

/// Revolutions a minute above which a fan is a sensor that is absent.
const MAX_RPM: u64 = 60_000;

/// The speed of fans, the charge of batteries and whether the mains are there.
#[derive(Debug, Default)]
pub struct Power;

impl Collector for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        for monitor in files.list(HWMON) {
            fans(files, &monitor, at, points);
        }
        for supply in files.list(SUPPLIES) {
            if let Some(row) = supply_row(files, &supply, at) {
                points.push(row);
            }
        }
        Ok(())
    }
}

fn fans(files: &mut HostFiles, monitor: &str, at: i64, points: &mut Points) {
    let folder = format!("{HWMON}/{monitor}");
    let chip = text(files, &format!("{folder}/name")).unwrap_or_else(|| monitor.to_owned());
    for input in files.list(&folder) {
        let Some(fan) = input
            .strip_suffix("_input")
            .filter(|fan| fan.starts_with("fan"))
        else {
            continue;
        };
        let rpm = text(files, &format!("{folder}/{input}")).and_then(|text| text.parse().ok());
        let label = text(files, &format!("{folder}/{fan}_label")).unwrap_or_else(|| fan.to_owned());
        let sensor = format!("{chip} {label}");
        points.push(
            Row::new("system", at)
                .tag("sensor", &sensor)
                .optional_integer("fan_rpm", rpm.filter(|rpm| *rpm <= MAX_RPM)),
        );
    }
}

/// A battery of the host itself; those of mice and headsets are none of its business.
fn supply_row(files: &mut HostFiles, supply: &str, at: i64) -> Option<Row> {
    let mut of = |file: &str| text(files, &format!("{SUPPLIES}/{supply}/{file}"));
    let kind = of("type")?;
    let row = Row::new("system", at).tag("sensor", supply);
    match kind.as_str() {
        "Mains" | "USB" => {
            let online = of("online")
                .and_then(|text| text.parse::<u64>().ok())
                .map(|online| online.min(1));
            (kind == "Mains").then(|| row.optional_integer("mains_online", online))
        }
        "Battery" | "UPS" if of("scope").as_deref() != Some("Device") => {
            let charge = of("capacity").and_then(|text| text.parse::<f64>().ok());
            let (full, design) = (
                of("energy_full").or_else(|| of("charge_full")),
                of("energy_full_design").or_else(|| of("charge_full_design")),
            );
            let health = full.zip(design).and_then(|(full, design)| {
                let (full, design) = (full.parse::<f64>().ok()?, design.parse::<f64>().ok()?);
                (design > 0.0).then(|| 100.0 * full / design)
            });
            let within = |value: &f64| (0.0..=100.0).contains(value);
            let discharging = of("status").map(|status| u64::from(status == "Discharging"));
            Some(
                row.optional_float("battery_percent", charge.filter(within))
                    // A new one may hold a little more than it was designed for.
                    .optional_float(
                        "battery_health_percent",
                        health.map(|health| health.min(100.0)).filter(within),
                    )
                    .optional_integer("battery_discharging", discharging),
            )
        }
        _ => None,
    }
}

fn text(files: &mut HostFiles, path: &str) -> Option<String> {
    files
        .read_optional(path)
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}
