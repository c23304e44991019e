//! Numbers as people read them; `assets/format.js` does the same in the browser.

/// A value in its unit: `12.3 %`, `1.5 GiB`, `3.2 MiB/s`. Missing ones are a dash.
pub(super) fn value(number: Option<f64>, unit: &str) -> String {
    let Some(number) = number.filter(|number| number.is_finite()) else {
        return "–".to_owned();
    };
    match unit {
        "percent" if number.abs() >= 99.95 => format!("{number:.0} %"),
        "percent" => format!("{number:.1} %"),
        "bytes" => scaled(number, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"]),
        "bytes/s" => scaled(number, 1024.0, &["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]),
        "seconds" => age(number),
        "celsius" => format!("{number:.1} °C"),
        "megahertz" => format!("{number:.0} MHz"),
        "count" | "" => scaled(number, 1000.0, &["", "k", "M", "G"]),
        other => format!(
            "{} {}",
            scaled(number, 1000.0, &["", "k", "M", "G"]),
            other.replace("count", "")
        ),
    }
}

fn scaled(number: f64, base: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut place = 0;
    while number.abs() >= base && place + 1 < units.len() {
        number /= base;
        place += 1;
    }
    let digits = match number.abs() {
        size if size >= 100.0 || number.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.digits$} {}", units[place])
        .trim_end()
        .to_owned()
}

/// An RFC 3339 time to the second: `2026-03-02 08:00:00 UTC`; in the browser scripts make it local.
pub(super) fn moment(time: Option<String>) -> String {
    match time.as_deref().and_then(|time| time.get(..19)) {
        Some(second) => format!("{} UTC", second.replace('T', " ")),
        None => time.unwrap_or_default(),
    }
}

/// Seconds as the largest unit that fits: `42 s`, `3 min`, `5 h`, `2 d`.
pub(super) fn age(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", (seconds / 60.0).floor()),
        seconds if seconds < 172_800.0 => format!("{:.0} h", (seconds / 3_600.0).floor()),
        _ => format!("{:.0} d", (seconds / 86_400.0).floor()),
    }
}
