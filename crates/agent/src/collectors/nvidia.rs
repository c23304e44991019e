//! NVIDIA's graphics processors, by `nvidia-smi`: their driver shows nothing in `/sys`. The library below it (NVML) would
//! need code that is not memory-safe here, and once loaded keeps some cards from sleeping; a program that ends does not.
//! A card that is suspended is not asked, for the question wakes it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::command;
use super::host_files::HostFiles;
use super::row::{Row, percent};
use super::{CollectError, Collector, Points};

const DEVICES: &str = "sys/bus/pci/devices";

/// The vendor in PCI's list, and the class of displays (VGA and 3D controllers).
const VENDOR: &str = "0x10de";
const CLASS: &str = "0x03";

/// How long nvidia-smi may take: seconds, while the driver starts a card.
const DEADLINE: Duration = Duration::from_secs(15);

/// What it may say: a line a card.
const MAX_BYTES: u64 = 64 * 1024;

/// Watts and degrees above which a reading is none.
const MAX_WATTS: f64 = 5000.0;
const MAX_CELSIUS: f64 = 200.0;

const QUERY: [&str; 2] = [
    "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw,temperature.gpu,clocks.current.graphics",
    "--format=csv,noheader,nounits",
];

/// Asks nvidia-smi with these arguments: a line a card, values between commas.
pub type AskDriver = Arc<dyn Fn(&[&str]) -> io::Result<String> + Send + Sync>;

/// `nvidia-smi ARGUMENTS`.
///
/// Errors: there is none, it takes too long, or it fails.
pub fn nvidia_smi(arguments: &[&str]) -> io::Result<String> {
    command::run("nvidia-smi", arguments, DEADLINE, MAX_BYTES)?.of_success("nvidia-smi")
}

/// Use, memory, power and temperature of each card that is awake.
pub struct Nvidia {
    ask: AskDriver,
    failing: bool,
}

impl Nvidia {
    /// Asks by `ask`.
    pub fn new(ask: AskDriver) -> Self {
        Self {
            ask,
            failing: false,
        }
    }
}

/// The cards by their address, and whether each is awake.
fn cards(files: &mut HostFiles) -> Vec<(String, bool)> {
    let mut cards = Vec::new();
    for address in files.list(DEVICES) {
        let mut of = |file: &str| {
            let text = files.read_optional(&format!("{DEVICES}/{address}/{file}"))?;
            Some(text.trim().to_owned())
        };
        let is_card = of("vendor").is_some_and(|vendor| vendor == VENDOR)
            && of("class").is_some_and(|class| class.starts_with(CLASS));
        if is_card {
            let status = of("power/runtime_status").unwrap_or_default();
            let is_awake = !matches!(status.as_str(), "suspended" | "suspending");
            cards.push((address, is_awake));
        }
    }
    cards
}

/// `0, 34, 1024, 8192, 65.21, 55, 1500`; what a card does not know is in brackets.
fn row(line: &str, at: i64) -> Option<Row> {
    let values: Vec<&str> = line.split(',').map(str::trim).collect();
    let index: u32 = values.first()?.parse().ok()?;
    let number = |place: usize| values.get(place)?.parse::<f64>().ok();
    let below = |place, most: f64| number(place).filter(|value| (0.0..=most).contains(value));
    let bytes = |place: usize| {
        let mebibytes = values.get(place)?.parse::<u64>().ok()?;
        mebibytes.checked_mul(1024 * 1024)
    };
    let (used, total) = (bytes(2), bytes(3));
    Some(
        Row::new("gpu", at)
            .tag("gpu", &format!("nvidia{index}"))
            .optional_float("gpu_busy_percent", below(1, 100.0))
            .optional_integer("gpu_memory_used_bytes", used)
            .optional_integer("gpu_memory_total_bytes", total)
            .optional_float(
                "gpu_memory_percent",
                used.zip(total)
                    .and_then(|(used, total)| percent(used, total)),
            )
            .optional_float("gpu_power_watts", below(4, MAX_WATTS))
            .optional_float("gpu_temperature_celsius", below(5, MAX_CELSIUS))
            .optional_float("gpu_freq_mhz", number(6).filter(|value| *value >= 0.0)),
    )
}

impl Collector for Nvidia {
    fn name(&self) -> &'static str {
        "nvidia"
    }

    fn collect(
        &mut self,
        files: &mut HostFiles,
        at: i64,
        points: &mut Points,
    ) -> Result<(), CollectError> {
        let cards = cards(files);
        let awake: Vec<&str> = cards
            .iter()
            .filter(|(_, is_awake)| *is_awake)
            .map(|(address, _)| address.as_str())
            .collect();
        if awake.is_empty() {
            return Ok(());
        }
        let only = format!("--id={}", awake.join(","));
        let mut arguments = QUERY.to_vec();
        if awake.len() < cards.len() {
            arguments.push(&only);
        }
        match (self.ask)(&arguments) {
            Ok(text) => {
                self.failing = false;
                for row in text.lines().filter_map(|line| row(line, at)) {
                    points.push(row);
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(
                        %error,
                        "An NVIDIA card is not read: its driver's nvidia-smi is needed, and access to its devices."
                    );
                }
            }
        }
        Ok(())
    }
}
