//! Line protocol from outside, line by line.

use watchpost_core::line_protocol::{Lines, Precision};
use watchpost_core::point::Point;

use super::{Intake, OWN_MEASUREMENT, is_own};

/// Lines of line protocol as points: the platform's own measurements, and lines that are none, are refused and counted.
/// `now` is the time of lines without one. `each` gives a point back that it has no room for.
pub(super) fn read(
    text: &[u8],
    now: i64,
    intake: &Intake,
    mut each: impl FnMut(Point) -> Result<(), Point>,
) {
    let mut lines = Lines::new(text, Precision::Nanoseconds, now);
    let mut taken = 0;
    while let Some(line) = lines.next_line() {
        match line {
            Ok(line) if is_own(&line.measurement) => {
                intake.refuse(&OWN_MEASUREMENT, line.text.as_bytes());
            }
            Ok(line) if line.fields.is_empty() => {}
            Ok(line) => match each(line.to_point()) {
                Ok(()) => taken += 1,
                Err(_) => intake.refuse(&"there is no room for it", b""),
            },
            Err(error) => intake.refuse(&error.reason, error.text.as_bytes()),
        }
    }
    intake.take(taken);
}
