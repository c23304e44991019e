//! Points come in at ten times the asked rate while everything else runs, and what the writer counts is
//! what the server holds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use watchpost_query::{Ask, Matcher, Question, Range, Statistic};
use watchpost_testkit::wait;

use super::{Finding, Scene, ensure};

/// The least that must come in.
const POINTS_PER_SECOND_MIN: f64 = 100.0;
/// A batch, and how often one is sent: 1,000 points a second.
const BATCH_POINTS: usize = 250;
const EVERY: Duration = Duration::from_millis(250);
/// 20 s of load; the quick form takes 5 s.
const BATCHES: usize = 80;
const BATCHES_QUICK: usize = 20;

pub(super) fn judge(scene: &Scene) -> Finding {
    let client = scene.platform().client("operator");
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|error| error.to_string())?;
    // Within the retention, and away from what others write now.
    let from = since.as_nanos() as i64 - 3_600_000_000_000;
    let batches = if scene.terms.quick {
        BATCHES_QUICK
    } else {
        BATCHES
    };
    let began = Instant::now();
    for batch in 0..batches {
        let due = began + EVERY * batch as u32;
        wait::until_or_none(|| (Instant::now() >= due).then_some(()));
        super::scene::write(&client, "platform_health", &lines(batch, from))
            .map_err(|error| format!("batch {batch} was not taken: {error}"))?;
    }
    let sent = batches * BATCH_POINTS;
    let seconds = began.elapsed().as_secs_f64();
    let rate = sent as f64 / seconds;
    let [count, sum] = stored(scene, from, sent);
    // Every value is a whole number, so the sum is exact.
    let expected = (sent * (sent - 1) / 2) as f64;
    ensure(count == sent as f64 && sum == expected, || {
        format!("{sent} sent with the sum {expected}, {count} stored with the sum {sum}")
    })?;
    ensure(rate >= POINTS_PER_SECOND_MIN, || {
        format!("only {rate:.0} points/s")
    })?;
    Ok(format!(
        "{rate:.0} points/s for {seconds:.0} s beside everything else: {sent} sent and {count} stored, their sums equal"
    ))
}

/// The points of a batch, each a millisecond after the last, over ten series.
fn lines(batch: usize, from: i64) -> Vec<u8> {
    let points = (batch * BATCH_POINTS..(batch + 1) * BATCH_POINTS).map(|it| {
        format!(
            "judged,run={from},writer=w{} value={it} {}\n",
            it % 10,
            from + it as i64 * 1_000_000
        )
    });
    points.collect::<String>().into_bytes()
}

/// What the server holds of a run once it shows all of it: VictoriaMetrics does so after some seconds.
fn stored(scene: &Scene, run: i64, sent: usize) -> [f64; 2] {
    let range = Range::new(run, run + 2 * 3_600_000_000_000);
    let all = Ask::Values(vec![Statistic::Count, Statistic::Sum]);
    let question = Question::new("platform_health", "judged", range, all)
        .select(["value"], vec![Matcher::equal("run", run.to_string())]);
    let found = || {
        let answer = scene.platform().ask(&question)?;
        let sum = |how| {
            answer
                .of(how)
                .filter_map(|series| series.number())
                .sum::<f64>()
        };
        Some([sum(Statistic::Count), sum(Statistic::Sum)])
    };
    let whole = wait::until_or_none(|| found().filter(|it| it[0] >= sent as f64));
    whole.or_else(found).unwrap_or_default()
}
