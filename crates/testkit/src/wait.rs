//! The one place where tests wait: for something to become true, against a deadline, never for a
//! guessed length of time.

use std::time::{Duration, Instant};

/// How long a test waits before it fails. Generous, since a machine may be busy with other
/// builds; a test that passes never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks. Short against any test, long against the cost of a look.
const INTERVAL: Duration = Duration::from_millis(10);

/// Looks until `probe` gives a value.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    until_or_none(probe).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// As [`until`], but `None` after [`PATIENCE`].
pub fn until_or_none<T>(mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let value = probe();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        std::thread::sleep(INTERVAL);
    }
}

/// As [`until`], for tests that run on tokio: other tasks go on meanwhile.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub async fn until_async<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "waited {PATIENCE:?} in vain for {what}"
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
