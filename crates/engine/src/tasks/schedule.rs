//! When a task is due. Pure: times are arguments.

use watchpost_core::duration::{Duration, add_months, month_start, months_since_1970};

use crate::tasks::cron::Cron;

/// A task's schedule. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// At multiples of a duration since 1970, so that hours and days are whole ones.
    Every(Duration),
    /// When a cron expression says.
    Cron(Cron),
}

impl Schedule {
    /// The schedule of a task's options as they are kept.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of(every: Option<&str>, cron: Option<&str>) -> Result<Self, String> {
        match (every, cron) {
            (Some(every), None) => {
                let every: Duration = every.parse().map_err(|error| format!("every: {error}"))?;
                let nanoseconds = every.fixed_nanos();
                if every.is_negative()
                    || every.is_zero()
                    || nanoseconds.is_some_and(|short| short < 1_000_000_000)
                {
                    return Err("every option must be at least 1 second".to_owned());
                }
                if every.is_mixed() {
                    return Err("every must not mix months with shorter units".to_owned());
                }
                Ok(Self::Every(every))
            }
            (None, Some(cron)) => Cron::parse(cron)
                .map(Self::Cron)
                .map_err(|error| format!("cron invalid: {error}")),
            _ => Err("one of every and cron is required".to_owned()),
        }
    }

    /// The first time after `time`; none if there is none any more.
    pub fn next_after(&self, time: i64) -> Option<i64> {
        match self {
            Self::Cron(cron) => cron.next_after(time),
            Self::Every(every) => match every.fixed_nanos() {
                Some(every) => (time.div_euclid(every)).checked_add(1)?.checked_mul(every),
                None => {
                    let whole = months_since_1970(time).div_euclid(every.months()) * every.months();
                    let start = month_start(whole)?;
                    add_months(start, every.months())
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{parse_rfc3339, rfc3339};

    #[test]
    fn every_is_aligned() {
        let cases = [
            ("1h", "2024-03-01T00:30:00Z", "2024-03-01T01:00:00Z"),
            ("1h", "2024-03-01T01:00:00Z", "2024-03-01T02:00:00Z"),
            ("1d", "2024-03-01T01:00:00Z", "2024-03-02T00:00:00Z"),
            ("1mo", "2024-01-31T01:00:00Z", "2024-02-01T00:00:00Z"),
            ("1y", "2024-01-31T01:00:00Z", "2025-01-01T00:00:00Z"),
            ("10s", "1969-12-31T23:59:55Z", "1970-01-01T00:00:00Z"),
        ];
        for (every, after, expected) in cases {
            let schedule = Schedule::of(Some(every), None).expect("a schedule");
            let next = schedule.next_after(parse_rfc3339(after).expect("a time"));
            assert_eq!(
                next.map(rfc3339).as_deref(),
                Some(expected),
                "{every} after {after}"
            );
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for (every, cron) in [
            (Some("500ms"), None),
            (Some("0s"), None),
            (Some("-1h"), None),
            (Some("1mo2d"), None),
            (Some("x"), None),
        ] {
            assert!(Schedule::of(every, cron).is_err(), "{every:?}");
        }
        assert!(Schedule::of(None, None).is_err());
        assert!(Schedule::of(Some("1h"), Some("* * * * *")).is_err());
    }
}
