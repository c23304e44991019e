//! Graphics processors by what their drivers show under `/sys/class/drm`: AMD's all, Intel's their clock rate. One that
//! is suspended is not woken.

use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};

const DRM: &str = "sys/class/drm";

/// Watts above which a reading is none.
const MAX_WATTS: f64 = 5000.0;

/// Use, memory, power and temperature of each card.
#[derive(Debug, Default)]
pub struct Gpu;

impl Collector for Gpu {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        for card in files.list(DRM) {
            // `card0-HDMI-A-1` is a plug.
            if card
                .strip_prefix("card")
                .is_some_and(|number| number.parse::<u8>().is_ok())
            {
                points.push(row(files, &card, at));
            }
        }
        Ok(())
    }
}

fn row(files: &mut HostFiles, card: &str, at: i64) -> Row {
    let row = Row::new("gpu", at).tag("gpu", card);
    let device = format!("{DRM}/{card}/device");
    if files
        .read_optional(&format!("{device}/power/runtime_status"))
        .is_some_and(|text| text.trim() == "suspended")
    {
        return row;
    }
    let busy = number(files, &format!("{device}/gpu_busy_percent")).filter(|busy| *busy <= 100);
    let used = number(files, &format!("{device}/mem_info_vram_used"));
    let total = number(files, &format!("{device}/mem_info_vram_total"));
    let megahertz = number(files, &format!("{DRM}/{card}/gt_act_freq_mhz"));
    let (mut watts, mut celsius) = (None, None);
    for monitor in files.list(&format!("{device}/hwmon")) {
        let of = |file: &str| format!("{device}/hwmon/{monitor}/{file}");
        let power =
            number(files, &of("power1_average")).or_else(|| number(files, &of("power1_input")));
        watts = watts.or(power
            .map(|microwatts| microwatts as f64 / 1e6)
            .filter(|watts| *watts <= MAX_WATTS));
        let degrees =
            number(files, &of("temp1_input")).map(|millidegrees| millidegrees as f64 / 1000.0);
        celsius = celsius.or(degrees.filter(|degrees| *degrees < 200.0));
    }
    row.optional_float("gpu_busy_percent", busy.map(|busy| busy as f64))
        .optional_integer("gpu_memory_used_bytes", used)
        .optional_integer("gpu_memory_total_bytes", total)
        .optional_float(
            "gpu_memory_percent",
            used.zip(total)
                .and_then(|(used, total)| percent(used, total)),
        )
        .optional_float("gpu_power_watts", watts)
        .optional_float("gpu_temperature_celsius", celsius)
        .optional_float("gpu_freq_mhz", megahertz.map(|megahertz| megahertz as f64))
}

fn number(files: &mut HostFiles, path: &str) -> Option<u64> {
    files.read_optional(path)?.trim().parse().ok()
}
