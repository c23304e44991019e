//! Time windows: when a route is muted (or active), and when a recurring silence holds.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Stage, Suppression};
use crate::alert::{Nanos, SECOND};

/// A recurring window of local time, as Alertmanager's `time_interval`: every list that is
/// not empty must hold; within a list one hit is enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeWindow {
    /// `["22:00-24:00"]`: start inclusive, end exclusive; `22:00-06:00` passes midnight
    /// and belongs to the day it starts on.
    pub times: Vec<TimeRange>,
    /// `["monday-friday", "sunday"]`
    pub weekdays: Vec<Span<Weekday>>,
    /// 1 to 31, or -1 (the last day) to -31.
    pub days_of_month: Vec<Span<DayOfMonth>>,
    /// 1 to 12.
    pub months: Vec<Span<Month>>,
    pub years: Vec<Span<Year>>,
    /// IANA name such as `Europe/Berlin`; UTC when empty.
    pub location: String,
}

/// Why a window is of no use, and which of its settings says so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct WindowError {
    pub setting: &'static str,
    pub message: String,
}

/// A named set of windows; it holds when one of them does.
#[derive(Clone, Debug, PartialEq)]
pub struct MuteWindow {
    pub name: String,
    pub windows: Vec<TimeWindow>,
}

/// Minutes of the day, start inclusive, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    pub start: u16,
    pub end: u16,
}

/// An inclusive range of a calendar unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<T> {
    pub first: T,
    pub last: T,
}

/// Monday is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekday(pub i16);
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfMonth(pub i16);
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month(pub i16);
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Year(pub i16);

impl TimeWindow {
    /// Whether the instant lies in the window. An unknown location counts as UTC; a rule file
    /// with one is refused before ([`TimeWindow::check`]).
    pub fn contains(&self, now: Nanos) -> bool {
        let zone = self.zone().unwrap_or(TimeZone::UTC);
        let Ok(instant) = jiff::Timestamp::from_nanosecond(i128::from(now)) else {
            return false;
        };
        let local = instant.to_zoned(zone).datetime();
        let minute =
            u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        if self.times.is_empty() {
            return self.holds_on(local.date());
        }
        let yesterday = local.date().yesterday().ok();
        self.times.iter().any(|range| {
            if range.start < range.end {
                return range.start <= minute && minute < range.end && self.holds_on(local.date());
            }
            (minute >= range.start && self.holds_on(local.date()))
                || (minute < range.end && yesterday.is_some_and(|day| self.holds_on(day)))
        })
    }

    /// Whether the window can be used: its time zone is known, and it holds at some time.
    pub fn check(&self) -> Result<(), WindowError> {
        let wrong = |setting, message| WindowError { setting, message };
        self.zone().map_err(|message| wrong("location", message))?;
        let setting = if !self.days_of_month.is_empty() {
            "days_of_month"
        } else {
            "years"
        };
        if self.holds_some_day() {
            return Ok(());
        }
        let message = "no day is in this window".to_owned();
        Err(wrong(setting, message))
    }

    /// Whether all its years are over: it never holds again.
    pub fn is_over(&self, now: Nanos) -> bool {
        // Midnight comes at another time elsewhere, and a window may pass it.
        const TWO_DAYS: Nanos = 2 * 86_400 * SECOND;
        let instant = jiff::Timestamp::from_nanosecond(i128::from(now.saturating_sub(TWO_DAYS)));
        let Ok(instant) = instant else {
            return false;
        };
        let year = instant.to_zoned(TimeZone::UTC).year();
        !self.years.is_empty() && self.years.iter().all(|span| span.last.0 < year)
    }

    /// Whether there is a day of the window. Weekdays and dates meet in every way within 28 years, within
    /// 40 where a year such as 2100 leaves out its leap day; years that are left out by the list are not
    /// looked at.
    fn holds_some_day(&self) -> bool {
        const CYCLE: i16 = 40;
        let years = match self.years.as_slice() {
            [] => vec![(Year::FIRST, Year::FIRST + CYCLE)],
            spans => spans
                .iter()
                .map(|s| (s.first.0, s.last.0.min(s.first.0.saturating_add(CYCLE))))
                .collect(),
        };
        let mut days = years.into_iter().flat_map(|(first, last)| {
            let start = jiff::civil::Date::new(first, 1, 1).ok();
            let days = start.map(|start| start.series(jiff::Span::new().days(1)));
            days.into_iter()
                .flatten()
                .take_while(move |day| day.year() <= last)
        });
        days.any(|day| self.holds_on(day))
    }

    fn zone(&self) -> Result<TimeZone, String> {
        if self.location.is_empty() {
            return Ok(TimeZone::UTC);
        }
        TimeZone::get(&self.location).map_err(|_| {
            format!(
                "{:?} is not a time zone of the IANA database",
                self.location
            )
        })
    }

    fn holds_on(&self, day: jiff::civil::Date) -> bool {
        let weekday = i16::from(day.weekday().to_monday_one_offset());
        let length = i16::from(day.days_in_month());
        let from_end = |n: i16| if n < 0 { length + 1 + n } else { n };
        let hit = |spans_empty: bool, any: bool| spans_empty || any;
        hit(
            self.weekdays.is_empty(),
            self.weekdays
                .iter()
                .any(|s| within(weekday, s.first.0, s.last.0)),
        ) && hit(
            self.days_of_month.is_empty(),
            self.days_of_month.iter().any(|s| {
                let day = i16::from(day.day());
                from_end(s.first.0) <= day && day <= from_end(s.last.0)
            }),
        ) && hit(
            self.months.is_empty(),
            self.months
                .iter()
                .any(|s| within(i16::from(day.month()), s.first.0, s.last.0)),
        ) && hit(
            self.years.is_empty(),
            self.years
                .iter()
                .any(|s| s.first.0 <= day.year() && day.year() <= s.last.0),
        )
    }
}

/// Whether the value is in the range, which may wrap (`friday-monday`).
fn within(value: i16, first: i16, last: i16) -> bool {
    if first <= last {
        first <= value && value <= last
    } else {
        value >= first || value <= last
    }
}

/// Whether a route is quiet now: inside one of its mute windows, or outside all its active ones.
pub fn judge(mute: &[MuteWindow], active: &[MuteWindow], now: Nanos) -> Option<Suppression> {
    let holds = |window: &MuteWindow| window.windows.iter().any(|part| part.contains(now));
    if let Some(window) = mute.iter().find(|window| holds(window)) {
        return Some(Suppression {
            stage: Stage::Mute,
            by: window.name.clone(),
            reason: format!("inside mute window {:?}", window.name),
        });
    }
    if !active.is_empty() && !active.iter().any(holds) {
        let names = active
            .iter()
            .map(|window| window.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let reason = format!("outside the active windows {names:?}");
        return Some(Suppression {
            stage: Stage::Mute,
            by: names,
            reason,
        });
    }
    None
}

// === text forms ===

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn named(text: &str, names: &[&str], what: &str) -> Result<i16, String> {
    let lower = text.trim().to_lowercase();
    if let Some(index) = names.iter().position(|name| *name == lower) {
        return Ok(i16::try_from(index + 1).unwrap_or(i16::MAX));
    }
    let limit = i16::try_from(names.len()).unwrap_or(i16::MAX);
    match lower.parse::<i16>() {
        Ok(number) if (1..=limit).contains(&number) => Ok(number),
        _ => Err(format!(
            "{text:?} is not a {what} (a name, or 1 to {limit})"
        )),
    }
}

/// A calendar unit that can be read from text and written.
pub trait Unit: Sized + Copy + PartialEq {
    fn read(text: &str) -> Result<Self, String>;
    fn show(self) -> String;
    /// Whether it always comes before the other, in a unit that does not begin anew.
    fn is_before(self, _: Self) -> bool {
        false
    }
}

impl Unit for Weekday {
    fn read(text: &str) -> Result<Weekday, String> {
        named(text, &DAYS, "weekday").map(Weekday)
    }

    fn show(self) -> String {
        DAYS[usize::try_from(self.0 - 1).unwrap_or(0) % 7].to_owned()
    }
}

impl Unit for Month {
    fn read(text: &str) -> Result<Month, String> {
        named(text, &MONTHS, "month").map(Month)
    }

    fn show(self) -> String {
        self.0.to_string()
    }
}

impl Unit for DayOfMonth {
    fn read(text: &str) -> Result<DayOfMonth, String> {
        match text.trim().parse::<i16>() {
            Ok(day) if (1..=31).contains(&day.abs()) => Ok(DayOfMonth(day)),
            _ => Err(format!(
                "{text:?} is not a day of the month (1 to 31, or -1 to -31 from its end)"
            )),
        }
    }

    /// In the longest month it would still be before.
    fn is_before(self, other: DayOfMonth) -> bool {
        let in_month = |day: i16, length: i16| if day < 0 { length + 1 + day } else { day };
        (28..=31).all(|length| in_month(self.0, length) < in_month(other.0, length))
    }

    fn show(self) -> String {
        self.0.to_string()
    }
}

impl Year {
    /// Times are nanoseconds since 1970, in 64 bits.
    const FIRST: i16 = 1970;
    const LAST: i16 = 2262;
}

impl Unit for Year {
    fn read(text: &str) -> Result<Year, String> {
        match text.trim().parse() {
            Ok(year) if (Year::FIRST..=Year::LAST).contains(&year) => Ok(Year(year)),
            _ => {
                let (first, last) = (Year::FIRST, Year::LAST);
                Err(format!("{text:?} is not a year from {first} to {last}"))
            }
        }
    }

    fn is_before(self, other: Year) -> bool {
        self.0 < other.0
    }

    fn show(self) -> String {
        self.0.to_string()
    }
}

impl<T: Unit> std::str::FromStr for Span<T> {
    type Err = String;

    /// `first-last` or `first:last` or one value. Negative days need the colon.
    fn from_str(text: &str) -> Result<Span<T>, String> {
        let halves = text.split_once(':').or_else(|| {
            let dash = text.get(1..)?.find('-')? + 1;
            Some((&text[..dash], &text[dash + 1..]))
        });
        let (first, last) = halves.unwrap_or((text, text));
        let (first, last) = (T::read(first)?, T::read(last)?);
        if last.is_before(first) {
            return Err(format!("{text:?} ends before it starts"));
        }
        Ok(Span { first, last })
    }
}

impl<T: Unit> std::fmt::Display for Span<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            return f.write_str(&self.first.show());
        }
        write!(f, "{}:{}", self.first.show(), self.last.show())
    }
}

impl std::str::FromStr for TimeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeRange, String> {
        let wrong = || format!("{text:?} is not a range of times; write \"22:00-06:00\"");
        let minute = |part: &str| {
            let (hour, minute) = part.trim().split_once(':')?;
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour <= 24 && minute < 60)
                .then(|| hour * 60 + minute)
                .filter(|total| *total <= 24 * 60)
        };
        let (start, end) = text.split_once('-').ok_or_else(wrong)?;
        let range = TimeRange {
            start: minute(start).ok_or_else(wrong)?,
            end: minute(end).ok_or_else(wrong)?,
        };
        // `24:00-00:00` is empty, too.
        if range.start == range.end || (range.start == 24 * 60 && range.end == 0) {
            Err(wrong())
        } else {
            Ok(range)
        }
    }
}

impl std::fmt::Display for TimeRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let show = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{}-{}", show(self.start), show(self.end))
    }
}

macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(
    TimeRange,
    Span<Weekday>,
    Span<DayOfMonth>,
    Span<Month>,
    Span<Year>
);
