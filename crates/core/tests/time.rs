//! RFC 3339 read and written, at the edges of the calendar and of the range.

use std::fmt::Write;

use watchpost_core::time::{
    Date, DateTime, Rfc3339, date_from_days, days_from_date, format_rfc3339,
    format_rfc3339_nine_digits, parse_rfc3339,
};
use watchpost_testkit::cases;

#[test]
fn suite() {
    cases::run("testdata/time.md", |case| {
        let mut out = String::new();
        for line in case.input("lines").lines() {
            let outcome = match parse_rfc3339(line) {
                Ok(time) => format!("{time} = {}", Rfc3339(time)),
                Err(error) => format!("error: {error}"),
            };
            writeln!(out, "{line}\n    {outcome}").unwrap();
        }
        out
    });
}

#[test]
fn nine_digits_whenever_there_is_a_fraction() {
    let show = |text: &str| format_rfc3339_nine_digits(parse_rfc3339(text).unwrap());
    assert_eq!(show("2020-01-01T00:00:00Z"), "2020-01-01T00:00:00Z");
    assert_eq!(
        show("2020-01-01T00:00:00.5Z"),
        "2020-01-01T00:00:00.500000000Z"
    );
    assert_eq!(
        show("1969-12-31T23:59:59.25Z"),
        "1969-12-31T23:59:59.250000000Z"
    );
    assert_eq!(
        format_rfc3339_nine_digits(i64::MIN),
        "1677-09-21T00:12:43.145224192Z"
    );
}

#[test]
fn the_whole_range_is_written() {
    assert_eq!(format_rfc3339(i64::MIN), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(format_rfc3339(i64::MAX), "2262-04-11T23:47:16.854775807Z");
}

#[test]
fn every_day_of_six_centuries_has_its_date() {
    let first = days_from_date(Date {
        year: 1677,
        month: 1,
        day: 1,
    });
    let last = days_from_date(Date {
        year: 2262,
        month: 12,
        day: 31,
    });
    let mut before = date_from_days(first - 1);
    for day in first..=last {
        let date = date_from_days(day);
        assert_eq!(days_from_date(date), day);
        assert!(date > before, "{date:?} after {before:?}");
        before = date;
    }
    assert_eq!(last - first + 1, 586 * 365 + 141);
}

#[test]
fn date_times_outside_the_range_are_none() {
    let date = Date {
        year: 2263,
        month: 1,
        day: 1,
    };
    assert_eq!(
        DateTime {
            date,
            nanosecond_of_day: 0
        }
        .to_nanos(),
        None
    );
}
