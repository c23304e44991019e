//! Temperatures: from the hardware monitors under `/sys/class/hwmon`, else from the thermal zones.

use super::host_files::HostFiles;
use super::row::Row;
use super::{CollectError, Collector, Points};
use crate::filter::Filter;

const HWMON: &str = "sys/class/hwmon";
const THERMAL: &str = "sys/class/thermal";

/// Readings outside this range are a sensor that is absent or asleep, not a temperature (in °C).
const PLAUSIBLE: std::ops::RangeInclusive<f64> = -60.0..=200.0;

/// Degrees Celsius per sensor. Virtual machines have none.
#[derive(Debug)]
pub struct Temperature {
    sensors: Filter,
}

impl Temperature {
    /// Sensors whose names pass `sensors`.
    pub fn new(sensors: Filter) -> Self {
        Self { sensors }
    }
}

impl Collector for Temperature {
    fn name(&self) -> &'static str {
        "temperature"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let mut readings = from_hwmon(files);
        if readings.is_empty() {
            readings = from_thermal_zones(files);
        }
        for (sensor, celsius) in readings {
            if self.sensors.admits(&sensor) && PLAUSIBLE.contains(&celsius) {
                points.push(
                    Row::new("system", at)
                        .tag("sensor", &sensor)
                        .float("temperature_celsius", celsius),
                );
            }
        }
        Ok(())
    }
}

/// Sensors are named `chip label`; a chip that is there twice gets its number, so that series stay apart.
fn from_hwmon(files: &mut HostFiles) -> Vec<(String, f64)> {
    let mut readings: Vec<(String, f64)> = Vec::new();
    for monitor in files.list(HWMON) {
        let folder = format!("{HWMON}/{monitor}");
        let chip = files
            .read_optional(&format!("{folder}/name"))
            .unwrap_or(&monitor)
            .trim()
            .to_owned();
        for input in files.list(&folder) {
            let Some(index) = input
                .strip_prefix("temp")
                .and_then(|rest| rest.strip_suffix("_input"))
            else {
                continue;
            };
            let Some(celsius) = millidegrees(files, &format!("{folder}/{input}")) else {
                continue;
            };
            let label = files
                .read_optional(&format!("{folder}/temp{index}_label"))
                .map(|text| text.trim().to_owned());
            let label = label.unwrap_or_else(|| format!("temp{index}"));
            let mut sensor = format!("{chip} {label}");
            if readings.iter().any(|(name, _)| *name == sensor) {
                sensor = format!("{chip} {label} {monitor}");
            }
            readings.push((sensor, celsius));
        }
    }
    readings
}

fn from_thermal_zones(files: &mut HostFiles) -> Vec<(String, f64)> {
    let mut readings = Vec::new();
    for zone in files
        .list(THERMAL)
        .into_iter()
        .filter(|name| name.starts_with("thermal_zone"))
    {
        let Some(celsius) = millidegrees(files, &format!("{THERMAL}/{zone}/temp")) else {
            continue;
        };
        let kind = files
            .read_optional(&format!("{THERMAL}/{zone}/type"))
            .unwrap_or_default()
            .trim()
            .to_owned();
        let number = zone.trim_start_matches("thermal_");
        readings.push((format!("{kind} {number}").trim().to_owned(), celsius));
    }
    readings
}

fn millidegrees(files: &mut HostFiles, relative: &str) -> Option<f64> {
    files
        .read_optional(relative)?
        .trim()
        .parse::<f64>()
        .ok()
        .map(|value| value / 1000.0)
}
