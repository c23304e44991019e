//! Cron expressions: five fields (minute hour day-of-month month day-of-week), six with seconds before them, or `@daily`
//! and its like. In UTC. When both days are restricted, either suffices, as in crontab(5).

use watchpost_core::time::{DateTime, NANOS_PER_DAY, NANOS_PER_SECOND, days_from_date};

/// How far ahead a next time is looked for: 29 February on a given weekday comes within 28 years, but for 2100.
const HORIZON_DAYS: i64 = 366 * 40;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Which seconds, minutes, hours, days, months and weekdays: a bit for each value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

/// Not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to parse cron string '{text}': {reason}")]
pub struct CronError {
    text: String,
    reason: String,
}

impl Cron {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        Self::read(text).map_err(|reason| CronError {
            text: text.to_owned(),
            reason,
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let spelled = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let mut fields: Vec<&str> = spelled.split_whitespace().collect();
        match fields.len() {
            5 => fields.insert(0, "0"),
            6 => {}
            count => return Err(format!("{count} fields; five or six are expected")),
        }
        let weekdays = field(fields[5], 0, 7, &WEEKDAYS)?;
        Ok(Self {
            seconds: field(fields[0], 0, 59, &[])?,
            minutes: field(fields[1], 0, 59, &[])?,
            hours: field(fields[2], 0, 23, &[])?,
            days: field(fields[3], 1, 31, &[])?,
            months: field(fields[4], 1, 12, &MONTHS)?,
            // 7 is Sunday, too.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            any_day: matches!(fields[3], "*" | "?"),
            any_weekday: matches!(fields[5], "*" | "?"),
        })
    }

    /// The first time after `time` (nanoseconds since 1970) that the expression names; none within 40 years.
    pub fn next_after(&self, time: i64) -> Option<i64> {
        let start = time
            .div_euclid(NANOS_PER_SECOND)
            .checked_add(1)?
            .checked_mul(NANOS_PER_SECOND)?;
        let first_day = start.div_euclid(NANOS_PER_DAY);
        for day in first_day..first_day + HORIZON_DAYS {
            let midnight = day.checked_mul(NANOS_PER_DAY)?;
            if !self.is_on(midnight) {
                continue;
            }
            let from = if day == first_day {
                (start - midnight) / NANOS_PER_SECOND
            } else {
                0
            };
            if let Some(second) = self.second_of_day(from) {
                return midnight.checked_add(second * NANOS_PER_SECOND);
            }
        }
        None
    }

    fn is_on(&self, midnight: i64) -> bool {
        let date = DateTime::from_nanos(midnight).date;
        let has = |bits: u64, value: u64| bits >> value & 1 == 1;
        if !has(self.months, u64::from(date.month)) {
            return false;
        }
        // 1970-01-01 was a Thursday.
        let weekday = (days_from_date(date) + 4).rem_euclid(7) as u64;
        let (day, weekday) = (
            has(self.days, u64::from(date.day)),
            has(self.weekdays, weekday),
        );
        match (self.any_day, self.any_weekday) {
            (true, _) => weekday,
            (false, true) => day,
            (false, false) => day || weekday,
        }
    }

    /// The first second of a day, at or after `from`, that the expression names.
    fn second_of_day(&self, from: i64) -> Option<i64> {
        (from / 60..24 * 60).find_map(|minute| {
            if self.hours >> (minute / 60) & 1 == 0 || self.minutes >> (minute % 60) & 1 == 0 {
                return None;
            }
            let first = (from - minute * 60).max(0);
            (first..60)
                .find(|second| self.seconds >> second & 1 == 1)
                .map(|second| minute * 60 + second)
        })
    }
}

/// The values of a field: `*`, `a`, `a-b`, each with `/step`, joined by commas; names where there are some.
fn field(text: &str, least: u32, most: u32, names: &[&str]) -> Result<u64, String> {
    let number = |text: &str| -> Result<u32, String> {
        let lower = text.to_ascii_lowercase();
        if let Some(place) = names.iter().position(|name| *name == lower) {
            return Ok(place as u32 + least);
        }
        match text.parse::<u32>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            Ok(number) => Err(format!("{number} is not between {least} and {most}")),
            Err(_) => Err(format!("{text:?} is no number")),
        }
    };
    let mut bits = 0_u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, 1),
            Some((range, step)) => match step.parse::<usize>() {
                Ok(step) if step > 0 => (range, step),
                _ => return Err(format!("{step:?} is no step")),
            },
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if matches!(range, "*" | "?") => (least, most),
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if first > last {
            return Err(format!("{range:?} ends before it begins"));
        }
        for value in (first..=last).step_by(step) {
            bits |= 1 << value;
        }
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{parse_rfc3339, rfc3339};

    fn next(cron: &str, after: &str) -> String {
        let cron = Cron::parse(cron).expect("a cron expression");
        let after = parse_rfc3339(after).expect("a time");
        cron.next_after(after)
            .map_or_else(|| "never".to_owned(), rfc3339)
    }

    #[test]
    fn the_next_time_is_found() {
        let cases = [
            ("* * * * *", "2024-03-01T00:00:00Z", "2024-03-01T00:01:00Z"),
            ("0 3 * * *", "2024-03-01T03:00:00Z", "2024-03-02T03:00:00Z"),
            (
                "*/15 * * * *",
                "2024-03-01T00:46:00Z",
                "2024-03-01T01:00:00Z",
            ),
            ("0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            (
                "0 0 * * mon",
                "2024-03-01T00:00:00Z",
                "2024-03-04T00:00:00Z",
            ),
            ("0 0 * * 7", "2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z"),
            ("0 0 13 * 5", "2024-03-01T00:00:00Z", "2024-03-08T00:00:00Z"),
            (
                "30 5 4 3 2 *",
                "2024-03-01T00:00:00Z",
                "2025-02-03T04:05:30Z",
            ),
            ("@daily", "2024-03-01T00:00:00.5Z", "2024-03-02T00:00:00Z"),
            ("0 0 31 2 *", "2024-03-01T00:00:00Z", "never"),
        ];
        for (cron, after, expected) in cases {
            assert_eq!(next(cron, after), expected, "{cron} after {after}");
        }
    }

    #[test]
    fn what_is_no_cron_is_refused_with_its_reason() {
        for text in [
            "",
            "not cron",
            "60 * * * *",
            "* * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "* * * foo *",
            "a-b * * * *",
        ] {
            let error = Cron::parse(text).expect_err(text);
            assert!(
                error.to_string().starts_with("failed to parse cron string"),
                "{error}"
            );
        }
    }
}
