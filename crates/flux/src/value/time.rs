//! Instants: their text (RFC 3339) and their civil calendar, all in nanoseconds since 1970-01-01T00:00:00Z.

use super::duration::DAY;

/// The civil date of a day counted from 1970-01-01, proleptic Gregorian: year, month, day.
/// Algorithm: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day counted from 1970-01-01 of a civil date; the inverse of [`civil_from_days`].
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// How many days a month has.
pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The text with as many digits of the second as needed: `2024-03-01T00:00:00.5Z`.
pub fn format_time(time: i64) -> String {
    let mut text = String::with_capacity(30);
    push_time(&mut text, time, false);
    text
}

/// The text of `string(v: time)`: nine digits if there is a fraction, none otherwise.
pub fn format_time_full(time: i64) -> String {
    let mut text = String::with_capacity(30);
    push_time(&mut text, time, true);
    text
}

/// The text of a time in an interpolated string: always nine digits.
pub fn format_time_nine(time: i64) -> String {
    let text = format_time_full(time);
    match text.strip_suffix('Z') {
        Some(whole) if time.rem_euclid(1_000_000_000) == 0 => format!("{whole}.000000000Z"),
        _ => text,
    }
}

/// Appends the text of a time.
pub fn push_time(text: &mut String, time: i64, all_digits: bool) {
    use std::fmt::Write as _;
    let (year, month, day) = civil_from_days(time.div_euclid(DAY));
    let rest = time.rem_euclid(DAY);
    let seconds = rest / 1_000_000_000;
    let fraction = rest % 1_000_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Writing to a string cannot fail.
    let _ = write!(text, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let _ = write!(text, ".{fraction:09}");
        if !all_digits {
            let kept = text.trim_end_matches('0').len();
            text.truncate(kept);
        }
    }
    text.push('Z');
}

/// Reads `2024-03-01`, `2024-03-01T12:00:00.5Z` or `…+01:00`; `None` if it is no time.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = i128::from(days_from_civil(year, month, day)) * i128::from(DAY);
    if bytes.len() == 10 {
        return i64::try_from(midnight).ok();
    }
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if bytes.get(10) != Some(&b'T') || bytes.get(13) != Some(&b':') || bytes.get(16) != Some(&b':') {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut fraction = 0i64;
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let kept = &after[..digits.min(9)];
        fraction = kept.parse::<i64>().ok()? * 10i64.pow(9 - u32::try_from(kept.len()).ok()?);
        rest = &after[digits..];
    }
    let offset = parse_offset(rest)?;
    let nanoseconds = i128::from((hour * 60 + minute - offset) * 60 + second) * 1_000_000_000;
    i64::try_from(midnight + nanoseconds + i128::from(fraction)).ok()
}

/// Minutes east of Greenwich of `Z`, `+01:00` or `-0530`-like texts with a colon.
fn parse_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?))
}
