//! The load generator held against servers with known delays, on a virtual clock: what it reports
//! must be what can be computed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use watchpost_bench::load::{Ended, Failure, FailureKind, Job, Plan, Recorder, Summary, run};
use watchpost_service::shutdown::Shutdown;

/// A server that takes a known time for each operation.
struct Delays<F>(F);

impl<F: Fn(u64) -> Duration + Send + Sync + 'static> Job for Delays<F> {
    type Input = ();

    fn prepare(&self, _number: u64) {}

    async fn perform(&self, number: u64, (): &()) -> Result<u64, Failure> {
        sleep((self.0)(number)).await;
        Ok(10)
    }
}

fn plan(count: u64) -> Plan {
    Plan {
        connections: 1,
        first: 0,
        count,
        rate: None,
        duration: None,
        warmup: Duration::ZERO,
        retry_for: Duration::from_secs(10),
    }
}

async fn summary(plan: Plan, delay: impl Fn(u64) -> Duration + Send + Sync + 'static) -> Summary {
    let recorder = Arc::new(Recorder::new(Vec::new()));
    let ended = run(&Arc::new(Delays(delay)), &plan, &recorder, &Shutdown::new()).await;
    assert_eq!(ended, Ended::Complete);
    recorder.summary()
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Within what three digits and the clock's millisecond leave.
fn close(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() <= wanted * 0.002 + 1.0
}

#[tokio::test(start_paused = true)]
async fn a_known_delay_is_reported() {
    let found = summary(plan(100), |_| millis(20)).await;
    assert_eq!((found.operations, found.points), (100, 1_000));
    for value in [found.latency.min, found.latency.p50, found.latency.max] {
        assert!(close(value, 20.0), "{value}");
    }
    assert!(close(found.operations_per_second, 50.0));
}

#[tokio::test(start_paused = true)]
async fn quantiles_are_those_of_the_delays() {
    // 1 ms to 1000 ms, each once.
    let found = summary(plan(1_000), |number| millis(number + 1))
        .await
        .latency;
    let wanted = [
        (found.min, 1.0),
        (found.mean, 500.5),
        (found.p50, 500.0),
        (found.p95, 950.0),
        (found.p99, 990.0),
        (found.p999, 999.0),
        (found.max, 1_000.0),
    ];
    for (value, wanted) in wanted {
        assert!(close(value, wanted), "{value} is not {wanted}");
    }
}

/// One stall of a second at 100 operations a second: a hundred operations were due meanwhile, and
/// every one of them waited. The closed model sees a single slow one.
#[tokio::test(start_paused = true)]
async fn a_stall_is_not_omitted() {
    let stall = |number| {
        if number == 100 {
            millis(1_000)
        } else {
            millis(1)
        }
    };
    let open = Plan {
        rate: Some(100.0),
        ..plan(1_000)
    };
    let found = summary(open, stall).await;
    assert!(close(found.latency.max, 1_000.0));
    // The backlog of a second drains at 9 ms an operation: about 111 of 1000 waited, from one
    // second down to nothing, so the 95th percentile lies in the middle of that.
    assert!(
        (450.0..650.0).contains(&found.latency.p95),
        "{}",
        found.latency.p95
    );
    let closed = summary(plan(1_000), stall).await;
    assert!(close(closed.latency.max, 1_000.0));
    assert!(close(closed.latency.p99, 1.0));
}

#[tokio::test(start_paused = true)]
async fn the_warm_up_is_kept_apart() {
    let warm = Plan {
        rate: Some(100.0),
        warmup: millis(500),
        ..plan(200)
    };
    let found = summary(
        warm,
        |number| if number < 50 { millis(9) } else { millis(2) },
    )
    .await;
    assert_eq!(found.operations, 150);
    assert!(close(found.latency.max, 2.0));
    let (count, latency) = found.warmup.expect("there was one");
    assert_eq!(count, 50);
    assert!(close(latency.p50, 9.0));
}

#[tokio::test(start_paused = true)]
async fn the_offered_rate_is_the_reported_one_when_nothing_is_late() {
    let open = Plan {
        rate: Some(50.0),
        warmup: millis(1_000),
        ..plan(200)
    };
    let found = summary(open, |_| millis(3)).await;
    assert!((found.operations_per_second - 50.0).abs() < 0.01);
    assert!((found.points_per_second - 500.0).abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn a_duration_ends_the_load() {
    let bounded = Plan {
        duration: Some(millis(1_000)),
        connections: 4,
        ..plan(u64::MAX)
    };
    let found = summary(bounded, |_| millis(100)).await;
    assert_eq!(found.operations, 40);
}

/// Fails until the virtual clock has gone on for so long.
struct Away {
    until: tokio::time::Instant,
}

impl Job for Away {
    type Input = ();

    fn prepare(&self, _number: u64) {}

    async fn perform(&self, _number: u64, (): &()) -> Result<u64, Failure> {
        sleep(millis(1)).await;
        if tokio::time::Instant::now() < self.until {
            return Err(Failure {
                may_pass: true,
                ..Failure::new(FailureKind::Unreachable, "away")
            });
        }
        Ok(1)
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_for_and_counted() {
    let recorder = Arc::new(Recorder::new(Vec::new()));
    let job = Arc::new(Away {
        until: tokio::time::Instant::now() + millis(5_000),
    });
    let ended = run(&job, &plan(10), &recorder, &Shutdown::new()).await;
    assert_eq!(ended, Ended::Complete);
    let found = recorder.summary();
    assert_eq!(found.operations, 10);
    assert!(found.failures["unreachable"] >= 9);
    assert!((5_000.0..5_600.0).contains(&found.latency.max));
}

#[tokio::test(start_paused = true)]
async fn an_outage_too_long_ends_the_load_with_its_reason() {
    let recorder = Arc::new(Recorder::new(Vec::new()));
    let job = Arc::new(Away {
        until: tokio::time::Instant::now() + millis(60_000),
    });
    match run(&job, &plan(10), &recorder, &Shutdown::new()).await {
        Ended::Failed(failure) => {
            assert_eq!(failure.kind, FailureKind::Unreachable);
            assert!(failure.message.contains("repeated for 10s"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
}
