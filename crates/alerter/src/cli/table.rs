//! Columns for people.

/// Lines of aligned columns; the last one is not padded.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain([heads[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    std::iter::once(line(&heads))
        .chain(rows.iter().map(|row| line(row)))
        .collect()
}

/// A field of a JSON object as text; terminal control characters are taken out.
pub(super) fn cell(value: &serde_json::Value, name: &str) -> String {
    let text = match &value[name] {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number
            .as_f64()
            .map(crate::quantity::short)
            .unwrap_or_default(),
        other => other.to_string(),
    };
    text.chars()
        .filter(|c| !crate::template::is_control(*c))
        .collect()
}

/// A time of a JSON object to the second, in the machine's zone, which is named: `2026-11-30 14:03:05 CET`.
pub(super) fn moment(value: &serde_json::Value, name: &str) -> String {
    let text = cell(value, name);
    let Ok(instant) = text.parse::<jiff::Timestamp>() else {
        return text;
    };
    let zone = jiff::tz::TimeZone::try_system().unwrap_or(jiff::tz::TimeZone::UTC);
    let local = instant.to_zoned(zone);
    local.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}
