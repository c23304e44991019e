//! Durations in Flux notation and their arithmetic on times.

use std::fmt::Write;

use watchpost_core::duration::{Duration, add_months, month_start, months_since_1970};
use watchpost_core::time::{format_rfc3339, parse_rfc3339};
use watchpost_testkit::cases;

#[test]
fn suite() {
    cases::run("testdata/duration.md", |case| {
        let mut out = String::new();
        for line in case.input("lines").lines() {
            let outcome = match line.split_once(" + ") {
                Some((time, duration)) => add(time, duration),
                None => read(line),
            };
            writeln!(out, "{line} -> {outcome}").unwrap();
        }
        out
    });
}

fn read(text: &str) -> String {
    match text.parse::<Duration>() {
        Ok(duration) => format!(
            "{duration} ({}{} months, {} ns)",
            if duration.is_negative() { "minus " } else { "" },
            duration.months(),
            duration.nanoseconds()
        ),
        Err(error) => format!("error: {error}"),
    }
}

fn add(time: &str, duration: &str) -> String {
    let time = parse_rfc3339(time).unwrap();
    let duration: Duration = duration.parse().unwrap();
    duration
        .add_to(time)
        .map_or("out of range".to_owned(), format_rfc3339)
}

#[test]
fn conversions() {
    let hour = Duration::from_nanos(3_600_000_000_000);
    assert_eq!(hour.to_std(), Some(std::time::Duration::from_secs(3600)));
    assert_eq!(
        Duration::from_std(std::time::Duration::from_secs(3600)),
        hour
    );
    assert_eq!((-hour).fixed_nanos(), Some(-3_600_000_000_000));
    assert_eq!((-hour).to_std(), None);
    assert_eq!(Duration::from_months(1).fixed_nanos(), None);
    assert_eq!(
        hour.checked_mul(-2),
        Some(Duration::from_nanos(-7_200_000_000_000))
    );
    assert_eq!(hour.checked_mul(i64::MAX), None);
    assert_eq!(-Duration::ZERO, Duration::ZERO);
    assert_eq!(Duration::new(-1, 0, false), None);
    assert_eq!(hour.subtract_from(0), Some(-3_600_000_000_000));
}

#[test]
fn months_are_counted_from_1970() {
    let time = parse_rfc3339("2024-02-29T12:00:00Z").unwrap();
    assert_eq!(months_since_1970(time), 649);
    assert_eq!(
        month_start(649).map(format_rfc3339).as_deref(),
        Some("2024-02-01T00:00:00Z")
    );
    assert_eq!(
        month_start(-1).map(format_rfc3339).as_deref(),
        Some("1969-12-01T00:00:00Z")
    );
    assert_eq!(months_since_1970(-1), -1);
    assert_eq!(month_start(i64::MAX), None);
    assert_eq!(add_months(time, i64::MAX), None);
}
