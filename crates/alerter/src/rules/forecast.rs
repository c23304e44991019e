//! When a series reaches a level, if it goes on as it does.

use super::definition::Direction;
use super::statistics;
use crate::alert::{Nanos, SECOND};

/// A forecast further away than this is no forecast (ten years, in seconds).
const HORIZON_SECONDS: f64 = 3.156e8;
/// Beside the whole window its last part is looked at on its own: what began an hour ago is hardly seen
/// in a line through six.
const RECENT_PART: Nanos = 12;
/// Fewer points make no line that is worth a page.
const RECENT_POINTS: usize = 3;
/// How far a line through the last part is believed, in lengths of that part: a short burst says
/// nothing about tomorrow.
const RECENT_REACH: f64 = 8.0;

/// The seconds from `now` until the level is reached, from the newest point on, by the steeper of two
/// lines: through the whole window, and through its last part. A line that moves the other way never
/// reaches it, which counts as the horizon; a series that is past the level is there, 0. What the last
/// part can see and does not is no nearer than it reaches. `None` when the points, in the order of
/// their time, span less than `share` of the window.
pub fn seconds_until(
    points: &[(Nanos, f64)],
    (level, toward): (f64, Direction),
    (window, step): (Nanos, Nanos),
    (share, now): (f64, Nanos),
) -> Option<f64> {
    let ((oldest, _), (newest, value)) = (*points.first()?, *points.last()?);
    if value == level || toward.past(value, level) {
        return Some(0.0);
    }
    let span = newest.saturating_sub(oldest).saturating_add(step);
    // The first and the last window may be cut off.
    if (span.saturating_add(step) as f64) < share * window as f64 {
        return None;
    }
    let since = newest.min(now).saturating_sub(now) as f64 / SECOND as f64;
    let reached = |points: &[(Nanos, f64)]| {
        let seconds = |time: Nanos| time.saturating_sub(newest) as f64 / SECOND as f64;
        let points: Vec<(f64, f64)> = points
            .iter()
            .map(|(time, value)| (seconds(*time), *value))
            .collect();
        let (slope, _) = statistics::line(&points)?;
        let left = (level - value) / slope + since;
        let approaches = toward.past(slope, 0.0) && left.is_finite();
        Some(if approaches {
            left.clamp(0.0, HORIZON_SECONDS)
        } else {
            HORIZON_SECONDS
        })
    };
    let whole = reached(points)?;
    let part = window / RECENT_PART;
    let recent = points.partition_point(|(time, _)| *time < newest.saturating_sub(part));
    let recent = &points[recent..];
    let reach = RECENT_REACH * part as f64 / SECOND as f64;
    let recent = Some(recent).filter(|recent| recent.len() >= RECENT_POINTS);
    Some(match recent.and_then(reached) {
        None => whole,
        // Both say so, or it is further away than the last part can see.
        Some(recent) if whole > reach || recent <= 2.0 * whole => {
            if recent <= reach {
                recent.min(whole)
            } else {
                whole
            }
        }
        // What made the line steep is over: a file was copied, an hour ago.
        Some(recent) => whole.max(recent.min(reach)),
    })
}
