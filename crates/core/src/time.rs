//! Times as `i64` nanoseconds since 1970-01-01T00:00:00Z, and RFC 3339 (the form Flux, annotated
//! CSV and the API use) read and written.
//!
//! The range is the one of `i64` nanoseconds: 1677-09-21T00:12:43.145224192Z to
//! 2262-04-11T23:47:16.854775807Z. The calendar is proleptic Gregorian, UTC, without leap seconds.
//! Nothing here reads a clock: `now` is always an argument of the caller.

use std::fmt;

pub const NANOS_PER_MICRO: i64 = 1_000;
pub const NANOS_PER_MILLI: i64 = 1_000_000;
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub const NANOS_PER_MINUTE: i64 = 60 * NANOS_PER_SECOND;
pub const NANOS_PER_HOUR: i64 = 60 * NANOS_PER_MINUTE;
pub const NANOS_PER_DAY: i64 = 24 * NANOS_PER_HOUR;

const SECONDS_PER_DAY: i64 = 86_400;

/// A day of the calendar: `month` 1 to 12, `day` 1 to the month's last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    pub year: i32,
    pub month: u8,
    pub day: u8,
}

/// A date and the nanoseconds since its midnight (0 to 86 399 999 999 999).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    pub date: Date,
    pub nanosecond_of_day: i64,
}

/// Why a text is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTimeError {
    #[error(
        "{text:?} is not an RFC 3339 time: {expected} expected at byte {at} (example: 2024-03-01T12:00:00Z)"
    )]
    Syntax {
        text: String,
        at: usize,
        expected: &'static str,
    },
    #[error("{text:?} has no such {part}")]
    NoSuch { text: String, part: &'static str },
    #[error(
        "{text:?} is outside the years 1677 to 2262 that nanoseconds since 1970 in 64 bits can hold"
    )]
    OutOfRange { text: String },
}

/// Days since 1970-01-01 of a date. Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`.
pub fn days_from_date(date: Date) -> i64 {
    let year = i64::from(date.year) - i64::from(date.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(date.month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(date.day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a count of days since 1970-01-01. Hinnant, `civil_from_days`.
pub fn date_from_days(days: i64) -> Date {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    Date {
        year: (year_of_era + era * 400 + i64::from(month <= 2)) as i32,
        month: month as u8,
        day: day as u8,
    }
}

pub fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The last day of a month (28 to 31). `month` is 1 to 12.
pub fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl DateTime {
    /// The UTC date and time of day of nanoseconds since 1970.
    pub fn from_nanos(time: i64) -> DateTime {
        DateTime {
            date: date_from_days(time.div_euclid(NANOS_PER_DAY)),
            nanosecond_of_day: time.rem_euclid(NANOS_PER_DAY),
        }
    }

    /// Nanoseconds since 1970; `None` outside the range of the module.
    pub fn to_nanos(self) -> Option<i64> {
        let nanos = i128::from(days_from_date(self.date)) * i128::from(NANOS_PER_DAY)
            + i128::from(self.nanosecond_of_day);
        i64::try_from(nanos).ok()
    }
}

/// A time as RFC 3339 in UTC with trailing zeros of the fraction cut, as InfluxDB writes it in
/// CSV and JSON: `2024-03-01T00:00:00Z`, `2024-03-01T00:00:00.5Z`.
pub fn format_rfc3339(time: i64) -> String {
    let mut out = Vec::with_capacity(30);
    append_rfc3339(&mut out, time);
    String::from_utf8(out).expect("the writer emits only ASCII")
}

/// As [`format_rfc3339`], but with nine digits whenever there is a fraction at all: what Flux
/// prints for `string(v: time)`.
pub fn format_rfc3339_nine_digits(time: i64) -> String {
    let fraction = time.rem_euclid(NANOS_PER_SECOND);
    if fraction == 0 {
        return format_rfc3339(time);
    }
    let whole =
        format_rfc3339((time.div_euclid(NANOS_PER_SECOND)).saturating_mul(NANOS_PER_SECOND));
    if time < i64::MIN + NANOS_PER_SECOND {
        // The whole second below the smallest time does not fit: pad the trimmed form instead.
        let trimmed = format_rfc3339(time);
        return format!("{:0<29}Z", trimmed.trim_end_matches('Z'));
    }
    format!("{}.{fraction:09}Z", whole.trim_end_matches('Z'))
}

/// Appends what [`format_rfc3339`] returns; nothing is allocated but the buffer's own growth.
pub fn append_rfc3339(out: &mut Vec<u8>, time: i64) {
    let seconds = time.div_euclid(NANOS_PER_SECOND);
    let fraction = time.rem_euclid(NANOS_PER_SECOND) as u32;
    let date = date_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
    let mut text = *b"0000-00-00T00:00:00";
    two_digits(&mut text[0..2], (date.year / 100) as u32);
    two_digits(&mut text[2..4], (date.year % 100) as u32);
    two_digits(&mut text[5..7], u32::from(date.month));
    two_digits(&mut text[8..10], u32::from(date.day));
    two_digits(&mut text[11..13], second_of_day / 3600);
    two_digits(&mut text[14..16], second_of_day / 60 % 60);
    two_digits(&mut text[17..19], second_of_day % 60);
    out.extend_from_slice(&text);
    if fraction != 0 {
        append_fraction(out, fraction);
    }
    out.push(b'Z');
}

/// Appends many times as [`append_rfc3339`] does; those of one day share the work for its date.
#[derive(Clone, Debug, Default)]
pub struct Rfc3339Writer {
    /// A day since 1970 and its `2024-03-01T`.
    last: Option<(i64, [u8; 11])>,
}

impl Rfc3339Writer {
    /// Appends a time.
    pub fn append(&mut self, out: &mut Vec<u8>, time: i64) {
        let day = time.div_euclid(NANOS_PER_SECOND * SECONDS_PER_DAY);
        let Some((_, date)) = self.last.filter(|(last, _)| *last == day) else {
            let start = out.len();
            append_rfc3339(out, time);
            let mut date = [0; 11];
            date.copy_from_slice(&out[start..start + 11]);
            self.last = Some((day, date));
            return;
        };
        let of_day = time.rem_euclid(NANOS_PER_SECOND * SECONDS_PER_DAY);
        let (second, fraction) = (of_day / NANOS_PER_SECOND, of_day % NANOS_PER_SECOND);
        let second = second as u32;
        out.extend_from_slice(&date);
        let mut text = *b"00:00:00Z";
        two_digits(&mut text[0..2], second / 3600);
        two_digits(&mut text[3..5], second / 60 % 60);
        two_digits(&mut text[6..8], second % 60);
        if fraction == 0 {
            out.extend_from_slice(&text);
        } else {
            out.extend_from_slice(&text[..8]);
            append_fraction(out, fraction as u32);
            out.push(b'Z');
        }
    }
}

/// Appends nanoseconds of a second, not zero, with their point and without trailing zeros.
fn append_fraction(out: &mut Vec<u8>, mut nanoseconds: u32) {
    let mut text = *b".000000000";
    for place in (1..10).rev() {
        text[place] = b'0' + (nanoseconds % 10) as u8;
        nanoseconds /= 10;
    }
    let end = text.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    out.extend_from_slice(&text[..=end]);
}

fn two_digits(place: &mut [u8], value: u32) {
    place[0] = b'0' + (value / 10 % 10) as u8;
    place[1] = b'0' + (value % 10) as u8;
}

/// Displays nanoseconds since 1970 as RFC 3339, for messages: `Rfc3339(time)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339(pub i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_rfc3339(self.0))
    }
}

/// Reads RFC 3339: `2024-03-01T12:00:00Z`, with up to nine digits of a fraction (further ones are
/// cut) and `Z` or an offset `+02:00`. A bare date `2024-03-01` is midnight UTC, as in Flux.
pub fn parse_rfc3339(text: &str) -> Result<i64, ParseTimeError> {
    let mut cursor = Cursor {
        text,
        bytes: text.as_bytes(),
        at: 0,
    };
    let year = cursor.digits(4, "a year of four digits")? as i32;
    cursor.byte(b"-", "'-'")?;
    let month = cursor.digits(2, "a month of two digits")? as u8;
    cursor.byte(b"-", "'-'")?;
    let day = cursor.digits(2, "a day of two digits")? as u8;
    if !(1..=12).contains(&month) {
        return Err(cursor.no_such("month"));
    }
    if day == 0 || day > days_in_month(year, month) {
        return Err(cursor.no_such("day"));
    }
    let nanosecond_of_day = if cursor.done() {
        0
    } else {
        cursor.byte(b"Tt ", "'T'")?;
        cursor.time_of_day()?
    };
    let date = Date { year, month, day };
    DateTime {
        date,
        nanosecond_of_day: 0,
    }
    .date_nanos()
    .checked_add(i128::from(nanosecond_of_day))
    .and_then(|nanos| i64::try_from(nanos).ok())
    .ok_or_else(|| ParseTimeError::OutOfRange {
        text: text.to_owned(),
    })
}

impl DateTime {
    fn date_nanos(self) -> i128 {
        i128::from(days_from_date(self.date)) * i128::from(NANOS_PER_DAY)
    }
}

struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn done(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, ParseTimeError> {
        Err(ParseTimeError::Syntax {
            text: self.text.to_owned(),
            at: self.at,
            expected,
        })
    }

    fn no_such(&self, part: &'static str) -> ParseTimeError {
        ParseTimeError::NoSuch {
            text: self.text.to_owned(),
            part,
        }
    }

    fn digits(&mut self, count: usize, expected: &'static str) -> Result<u32, ParseTimeError> {
        let mut value = 0;
        for _ in 0..count {
            match self.bytes.get(self.at) {
                Some(digit @ b'0'..=b'9') => value = value * 10 + u32::from(digit - b'0'),
                _ => return self.expected(expected),
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn byte(&mut self, allowed: &[u8], expected: &'static str) -> Result<u8, ParseTimeError> {
        match self.bytes.get(self.at) {
            Some(byte) if allowed.contains(byte) => {
                self.at += 1;
                Ok(*byte)
            }
            _ => self.expected(expected),
        }
    }

    /// `12:00:00.5+02:00` as nanoseconds since midnight UTC of the written date (may be negative
    /// or beyond a day because of the offset).
    fn time_of_day(&mut self) -> Result<i64, ParseTimeError> {
        let hour = self.digits(2, "an hour of two digits")?;
        self.byte(b":", "':'")?;
        let minute = self.digits(2, "a minute of two digits")?;
        self.byte(b":", "':'")?;
        let second = self.digits(2, "a second of two digits")?;
        if hour > 23 {
            return Err(self.no_such("hour"));
        }
        if minute > 59 {
            return Err(self.no_such("minute"));
        }
        if second > 59 {
            return Err(self.no_such("second"));
        }
        let fraction = self.fraction()?;
        let offset_minutes = self.offset()?;
        let seconds = i64::from(hour * 3600 + minute * 60 + second) - offset_minutes * 60;
        Ok(seconds * NANOS_PER_SECOND + fraction)
    }

    fn fraction(&mut self) -> Result<i64, ParseTimeError> {
        if self.bytes.get(self.at) != Some(&b'.') {
            return Ok(0);
        }
        self.at += 1;
        let mut nanos = i64::from(self.digits(1, "a digit of the fraction")?);
        let mut places = 1;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            if places < 9 {
                nanos = nanos * 10 + i64::from(digit - b'0');
                places += 1;
            }
            self.at += 1;
        }
        Ok(nanos * 10_i64.pow(9 - places))
    }

    fn offset(&mut self) -> Result<i64, ParseTimeError> {
        let sign = self.byte(b"Zz+-", "'Z' or an offset like +02:00")?;
        let minutes = if matches!(sign, b'Z' | b'z') {
            0
        } else {
            let hours = i64::from(self.digits(2, "hours of the offset in two digits")?);
            self.byte(b":", "':'")?;
            let minutes = i64::from(self.digits(2, "minutes of the offset in two digits")?);
            if hours > 23 || minutes > 59 {
                return Err(self.no_such("offset"));
            }
            hours * 60 + minutes
        };
        if !self.done() {
            return self.expected("the end of the text");
        }
        Ok(if sign == b'-' { -minutes } else { minutes })
    }
}
