//! Waiting between attempts: bounds that hold for every seed, and the loop that uses them.

use std::cell::RefCell;
use std::time::Duration;

use proptest::prelude::*;
use watchpost_client::backoff::Backoff;
use watchpost_client::retry::Retry;
use watchpost_client::{Error, Result};

proptest! {
    #[test]
    fn a_delay_stays_within_its_bounds(seed: u64, attempt in 1_u32..1000) {
        let backoff = Backoff::default();
        let delay = backoff.delay(attempt, &mut fastrand::Rng::with_seed(seed));
        let bound = Duration::from_secs(1_u64 << (attempt - 1).min(10)).min(backoff.limit);
        prop_assert!(delay >= bound / 2 && delay <= bound, "{delay:?}");
    }

    #[test]
    fn the_server_s_word_is_kept(seed: u64, seconds in 0_u64..1000) {
        let asked = Duration::from_secs(seconds);
        let mut rng = fastrand::Rng::with_seed(seed);
        prop_assert!(Backoff::default().delay_at_least(3, Some(asked), &mut rng) >= asked);
    }
}

#[test]
fn the_same_seed_waits_the_same() {
    let delays = |seed| {
        let mut rng = fastrand::Rng::with_seed(seed);
        (1..6)
            .map(|attempt| Backoff::default().delay(attempt, &mut rng))
            .collect::<Vec<_>>()
    };
    assert_eq!(delays(7), delays(7));
    assert_ne!(delays(7), delays(8));
}

fn api(status: u16, retry_after: Option<u64>) -> Error {
    Error::Api {
        status,
        code: "c".into(),
        message: "m".into(),
        retry_after: retry_after.map(Duration::from_secs),
    }
}

/// Runs the loop over scripted results; gives the result and the waits.
async fn run(results: Vec<Result<&'static str>>) -> (Result<&'static str>, Vec<Duration>) {
    let results = RefCell::new(results.into_iter());
    let waits = RefCell::new(Vec::new());
    let result = Retry::default()
        .run(
            &mut fastrand::Rng::with_seed(1),
            |wait| {
                waits.borrow_mut().push(wait);
                std::future::ready(())
            },
            || std::future::ready(results.borrow_mut().next().expect("a result")),
        )
        .await;
    (result, waits.into_inner())
}

#[tokio::test]
async fn transient_errors_are_tried_again() {
    let (result, waits) = run(vec![
        Err(api(503, None)),
        Err(api(429, Some(7))),
        Ok("done"),
    ])
    .await;
    assert_eq!(result.unwrap(), "done");
    assert_eq!(waits.len(), 2);
    assert_eq!(waits[1], Duration::from_secs(7));
}

#[tokio::test]
async fn attempts_are_bounded() {
    let (result, waits) = run((0..9).map(|_| Err(api(503, None))).collect()).await;
    assert_eq!(result.unwrap_err().status(), Some(503));
    assert_eq!(waits.len(), 3);
}

#[tokio::test]
async fn what_will_not_change_is_not_tried_again() {
    for error in [api(400, None), api(401, None), api(503, Some(3600))] {
        let (result, waits) = run(vec![Err(error), Ok("not reached")]).await;
        assert!(result.is_err());
        assert!(waits.is_empty(), "{waits:?}");
    }
}
