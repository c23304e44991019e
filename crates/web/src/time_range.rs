//! The span of time a request asks about.

use watchpost_core::duration::Duration;
use watchpost_core::time::{NANOS_PER_DAY, NANOS_PER_MINUTE, format_rfc3339, parse_rfc3339};

use crate::parameters::Parameters;
use crate::{ApiError, Result};

/// Longest span: the lowest tier keeps a year; more would be an empty chart.
pub const LONGEST: i64 = 2 * 366 * NANOS_PER_DAY;

/// Most minutes ago that the older tool's parameters may say: as [`LONGEST`].
const MOST_MINUTES: f64 = (LONGEST / NANOS_PER_MINUTE) as f64;

/// From `start` up to, not including, `stop`, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First nanosecond.
    pub start: i64,
    /// First nanosecond after it.
    pub stop: i64,
}

impl TimeRange {
    /// Reads `start` and `stop` (or `range`, a length that ends now). `default` is the length when
    /// nothing is said.
    ///
    /// Errors name the parameter: no time, start not before stop, longer than [`LONGEST`].
    pub fn read(parameters: &Parameters, now: i64, default: i64) -> Result<Self> {
        let stop = match parameters.one("stop")? {
            Some(text) => instant("stop", text, now)?,
            None => now,
        };
        let start = match (parameters.one("start")?, parameters.one("range")?) {
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid(
                    "range",
                    "cannot be combined with start; keep one",
                ));
            }
            (Some(text), None) => instant("start", text, now)?,
            (None, Some(text)) => stop.saturating_sub(length("range", text)?),
            (None, None) => stop.saturating_sub(default),
        };
        Self { start, stop }.checked()
    }

    /// Reads the older tool's `start` and `end`: minutes ago, `start` before `end`.
    pub fn read_minutes_ago(parameters: &Parameters, now: i64) -> Result<Self> {
        let minutes = |name: &str, default: f64| -> Result<f64> {
            let Some(text) = parameters.one(name)? else {
                return Ok(default);
            };
            let wrong = |what: &str| ApiError::invalid(name, format!("{text:?} {what}"));
            let number = text
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite());
            let number = number.ok_or_else(|| wrong("is not a number of minutes ago"))?;
            if number < 0.0 {
                return Err(wrong("is negative; say how many minutes ago"));
            }
            if number > MOST_MINUTES {
                return Err(wrong(&format!(
                    "is more than {MOST_MINUTES} minutes (two years) ago"
                )));
            }
            Ok(number)
        };
        let (start, end) = (minutes("start", 10.0)?, minutes("end", 0.0)?);
        if start <= end {
            let message =
                format!("start ({start} minutes ago) is not before end ({end} minutes ago)");
            return Err(ApiError::invalid("start", message));
        }
        let ago = |minutes: f64| now - (minutes * NANOS_PER_MINUTE as f64) as i64;
        Self {
            start: ago(start),
            stop: ago(end),
        }
        .checked()
    }

    /// Its length in nanoseconds.
    pub fn length(self) -> i64 {
        self.stop - self.start
    }

    fn checked(self) -> Result<Self> {
        if self.start >= self.stop {
            let message = format!(
                "{} is not before stop, {}",
                format_rfc3339(self.start),
                format_rfc3339(self.stop)
            );
            return Err(ApiError::invalid("start", message));
        }
        match self.stop.checked_sub(self.start) {
            Some(length) if length <= LONGEST => Ok(self),
            _ => Err(ApiError::invalid(
                "start",
                "the range is longer than two years",
            )),
        }
    }
}

/// A point in time: RFC 3339, `now`, or a length before now such as `-1h`.
pub fn instant(field: &str, text: &str, now: i64) -> Result<i64> {
    let text = text.trim();
    if text == "now" || text == "now()" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        return Ok(now.saturating_sub(length(field, ago)?));
    }
    // Earliest and latest second that line protocol and queries can carry without overflow.
    let within = |time: &i64| (-LONGEST..i64::MAX - LONGEST).contains(time);
    parse_rfc3339(text).ok().filter(within).ok_or_else(|| {
        ApiError::invalid(
            field,
            format!("{text:?} is not a time; write 2026-03-02T08:00:00Z, now or -1h"),
        )
    })
}

/// A length of time of at least a second, in nanoseconds: `30s`, `1h30m`, `7d`.
pub fn length(field: &str, text: &str) -> Result<i64> {
    let parsed = text.trim().parse::<Duration>().ok();
    let fixed = parsed.and_then(|length| match length.months() {
        // A year is asked for as `1y`; its length is that of 365 days here.
        months if months > 0 => months
            .checked_mul(365 * NANOS_PER_DAY)
            .and_then(|years| (years / 12).checked_add(length.nanoseconds())),
        _ => length.fixed_nanos(),
    });
    fixed
        .filter(|nanos| (1_000_000_000..=LONGEST).contains(nanos))
        .ok_or_else(|| {
            ApiError::invalid(
                field,
                format!("{text:?} is not a length of time from 1s to 2y, such as 30m, 6h or 7d"),
            )
        })
}
