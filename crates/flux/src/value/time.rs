//! Instants: their texts and their civil calendar, all in nanoseconds since 1970-01-01T00:00:00Z.

use watchpost_core::time::{
    Date, NANOS_PER_SECOND, date_from_days, days_from_date, format_rfc3339,
    format_rfc3339_nine_digits, parse_rfc3339,
};

/// The civil date of a day counted from 1970-01-01: year, month, day.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let date = date_from_days(days);
    (
        i64::from(date.year),
        i64::from(date.month),
        i64::from(date.day),
    )
}

/// The day counted from 1970-01-01 of a civil date of the years that times can have.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = i32::try_from(year).unwrap_or(if year < 0 { i32::MIN } else { i32::MAX });
    let part = |value: i64| u8::try_from(value.clamp(1, 31)).unwrap_or(1);
    days_from_date(Date {
        year,
        month: part(month).min(12),
        day: part(day),
    })
}

/// The text with as many digits of the second as needed: `2024-03-01T00:00:00.5Z`.
pub fn format_time(time: i64) -> String {
    format_rfc3339(time)
}

/// The text of `string(v: time)` and of a time in an interpolated string: always nine digits.
pub fn format_time_full(time: i64) -> String {
    let text = format_rfc3339_nine_digits(time);
    match text.strip_suffix('Z') {
        Some(whole) if time.rem_euclid(NANOS_PER_SECOND) == 0 => format!("{whole}.000000000Z"),
        _ => text,
    }
}

/// Reads `2024-03-01`, `2024-03-01T12:00:00.5Z` or `…+01:00`; `None` if it is no time.
pub fn parse_time(text: &str) -> Option<i64> {
    parse_rfc3339(text).ok()
}
