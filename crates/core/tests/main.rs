//! The tests of the vocabulary, through its public surface. The suites of cases are under
//! `testdata`; this one binary runs them all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogue;
mod csv;
mod duration;
mod escapes;
mod hostile;
mod line_protocol;
mod point;
mod properties;
mod regular_expression;
mod time;

#[test]
fn every_suite_is_run() {
    watchpost_testkit::cases::assert_none_forgotten(
        "testdata",
        &[
            "csv_read.md",
            "csv_write.md",
            "duration.md",
            "hostile.md",
            "line_protocol_accepted.md",
            "line_protocol_refused.md",
            "point.md",
            "regular_expression.md",
            "time.md",
        ],
    );
}
