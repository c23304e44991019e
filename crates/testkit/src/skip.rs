//! Tests that cannot run here say so, where `cargo xtask test` can count them.

use std::io::Write;

/// Writes `skipped: TEST: REASON` as one line to the process's standard error, past the capture
/// of the test harness. Call it and return from the test:
///
/// ```no_run
/// # fn engine_is_built() -> bool { false }
/// if !engine_is_built() {
///     return watchpost_testkit::skip("the engine is not built");
/// }
/// ```
pub fn skip(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed test");
    let line = format!("skipped: {test}: {reason}\n");
    // Nothing can be done about a closed standard error.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
