//! Which copies stay.

use std::collections::BTreeSet;

use watchpost_archive::layout::Stamp;
use watchpost_archive::retention::{Keep, Verdict, judge};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// 2026-01-01T00:00:00Z, a Thursday.
const BEGIN: i64 = 1_767_225_600_000;

const NOTHING: Keep = Keep {
    hourly: 0,
    daily: 0,
    weekly: 0,
    monthly: 0,
    at_most: 0,
    moments: 0,
};

/// A copy each half hour of so many days.
fn copies(days: i64) -> BTreeSet<Stamp> {
    (0..days * 48)
        .map(|half| Stamp(BEGIN + half * HOUR / 2))
        .collect()
}

fn kept(copies: &BTreeSet<Stamp>, keep: &Keep) -> Vec<i64> {
    match judge(copies, keep) {
        Some(Verdict::Keep { kept, .. }) => {
            kept.iter().map(|it| (it.0 - BEGIN) / (HOUR / 2)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_newest_of_each_hour_and_day_stays() {
    let copies = copies(3);
    let hourly = kept(
        &copies,
        &Keep {
            hourly: 3,
            ..NOTHING
        },
    );
    assert_eq!(hourly, [139, 141, 143]);
    let daily = kept(
        &copies,
        &Keep {
            daily: 2,
            ..NOTHING
        },
    );
    assert_eq!(daily, [95, 143]);
    assert_eq!(kept(&copies, &NOTHING), [143], "the newest always stays");
}

#[test]
fn the_newest_of_each_week_and_month_stays() {
    let copies = copies(70);
    let weekly = kept(
        &copies,
        &Keep {
            weekly: 2,
            ..NOTHING
        },
    );
    // 2026-03-08 is a Sunday, the last half hour of its week; the newest copy is of the 11th.
    assert_eq!(weekly, [67 * 48 - 1, 70 * 48 - 1]);
    let monthly = kept(
        &copies,
        &Keep {
            monthly: 3,
            ..NOTHING
        },
    );
    assert_eq!(monthly, [31 * 48 - 1, 59 * 48 - 1, 70 * 48 - 1]);
}

#[test]
fn all_stay_from_which_a_moment_can_be_had() {
    let copies = copies(3);
    let keep = Keep {
        moments: HOUR,
        ..NOTHING
    };
    assert_eq!(kept(&copies, &keep), [141, 142, 143]);
    // Between two copies: the one before is where the moments begin.
    let keep = Keep {
        moments: HOUR + 1,
        ..NOTHING
    };
    assert_eq!(kept(&copies, &keep), [140, 141, 142, 143]);
}

#[test]
fn nothing_is_older_than_the_bound() {
    let keep = Keep {
        daily: 100,
        at_most: 2 * DAY,
        ..NOTHING
    };
    assert_eq!(kept(&copies(10), &keep), [383, 431, 479]);
}

#[test]
fn a_clock_that_jumps_removes_nothing() {
    let mut copies = copies(3);
    copies.insert(Stamp(BEGIN + 50 * 365 * DAY));
    let keep = Keep {
        at_most: 30 * DAY,
        ..NOTHING
    };
    assert!(matches!(
        judge(&copies, &keep),
        Some(Verdict::ClockJumped { .. })
    ));
    // One that went back makes a copy that is not the newest; it goes like others.
    copies.pop_last();
    copies.insert(Stamp(BEGIN - 50 * 365 * DAY));
    assert_eq!(kept(&copies, &keep).last(), Some(&143));
}

#[test]
fn nothing_is_judged_of_nothing() {
    assert_eq!(judge(&BTreeSet::new(), &NOTHING), None);
}
