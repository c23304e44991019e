//! Numbers as people write them: with their unit, and no more digits than are read.

/// A number: at most two decimals, none that are zero.
pub fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    if text == "-0" { "0" } else { text }.to_owned()
}

/// `1536` is `1.5 KiB`.
pub fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1024.0 && unit < units.len() - 1 {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(scaled), units[unit])
}

/// `5400` (seconds) is `1h 30m`.
pub fn duration(seconds: f64) -> String {
    let total = seconds.max(0.0) as u64;
    let parts = [
        (total / 86_400, "d"),
        (total / 3_600 % 24, "h"),
        (total / 60 % 60, "m"),
        (total % 60, "s"),
    ];
    // The two largest units say enough.
    let parts = parts.iter().skip_while(|(n, _)| *n == 0).take(2);
    let parts = parts.filter(|(n, _)| *n > 0);
    let text: Vec<String> = parts.map(|(n, unit)| format!("{n}{unit}")).collect();
    match text.is_empty() {
        true => "0s".to_owned(),
        false => text.join(" "),
    }
}

/// A value in the unit of its rule ([`crate::rules::definition::Rule::unit`]).
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "" => short(value),
        "B" => bytes(value),
        "B/s" => format!("{}/s", bytes(value)),
        // What takes less than ten seconds is measured, not waited for.
        "s" if value.abs() < 10.0 && value.fract() != 0.0 => format!("{} s", short(value)),
        "s" => duration(value),
        "/s" => format!("{}/s", short(value)),
        unit => format!("{} {unit}", short(value)),
    }
}
