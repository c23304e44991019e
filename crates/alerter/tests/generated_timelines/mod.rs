//! Generated timelines against a model of their own: what a receiver was told last is what is so.
//!
//! `WATCHPOST_TIMELINES` is how many are played (a small number by default), `WATCHPOST_TIMELINE` the
//! seed of the first; alone, of the only one.

mod judge;
mod model;
mod plan;
mod silence;

use watchpost_alerter::timeline::play;

use plan::{Plan, Rules, plan};

const DEFAULT_COUNT: u64 = 300;

/// The fault of a timeline, with all that is needed to play it again.
fn play_and_judge(plan: &Plan, name: &str) -> Option<String> {
    let (files, script) = (plan.files.iter().map(Rules::text), plan.script());
    let files: Vec<String> = files.collect();
    let texts: Vec<&str> = files.iter().map(String::as_str).collect();
    let outcome = play(&texts, &script).unwrap();
    let fault = judge::fault(plan, &outcome)?;
    let files = files.iter().map(|text| format!("```toml\n{text}```\n\n"));
    let files: String = files.collect();
    Some(format!(
        "{name}: {fault}\n\n{files}```timeline\n{script}```\n\n{outcome}"
    ))
}

/// Shows the first fault whole, and a line of each other.
fn assert_none(faults: &[String]) {
    let Some((first, others)) = faults.split_first() else {
        return;
    };
    let others = others.iter().filter_map(|fault| fault.lines().next());
    let others: Vec<&str> = others.collect();
    panic!("{first}\n{} others\n{}", others.len(), others.join("\n"));
}

/// The seeds to play.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| -> Option<u64> { Some(std::env::var(name).ok()?.parse().unwrap()) };
    match number("WATCHPOST_TIMELINE") {
        Some(first) => first..first + number("WATCHPOST_TIMELINES").unwrap_or(1),
        None => 0..number("WATCHPOST_TIMELINES").unwrap_or(DEFAULT_COUNT),
    }
}

#[test]
fn whoever_reads_the_last_message_knows_the_state() {
    let faults = seeds().filter_map(|seed| play_and_judge(&plan(seed), &format!("seed {seed}")));
    assert_none(&faults.collect::<Vec<_>>());
}

/// Hosts that come, go, come back and are renamed, while queries fail and the alerter is restarted.
#[test]
fn a_host_is_silent_when_it_was_heard_to_be() {
    let plans = seeds().map(|seed| (silence::plan(seed), format!("seed {seed}")));
    let faults = plans.filter_map(|(plan, name)| play_and_judge(&plan, &name));
    assert_none(&faults.collect::<Vec<_>>());
}

/// A disk that fills after a quiet night, by the shipped rules: how many minutes before it is full somebody
/// is paged, and with no word of its end before.
#[test]
fn a_disk_that_fills_is_sent_while_there_is_time() {
    const QUIET: i64 = 6 * 60;
    let shipped = include_str!("../../../../deploy/rules.toml");
    for (minutes, at_least) in [(15, 4), (30, 10), (60, 20), (240, 60)] {
        let (quiet, steps) = (QUIET * 6, minutes * 6);
        let rise = 60.0 / f64::from(steps);
        let script = format!(
            "series disk_usage_percent{{host=\"db-1\",mountpoint=\"/\"}} every 10s: 40x{quiet} 40+{rise}x{steps} 100x30\n"
        );
        let outcome = play(&[shipped], &script).unwrap();
        let full = (quiet + i64::from(steps)) * 10;
        let mut at = 0;
        let mut paged = None;
        for line in outcome.lines() {
            let time = line.split_whitespace().next().unwrap_or_default();
            at = time.trim_end_matches('s').parse().unwrap_or(at);
            if line.contains("+ alertname=disk_f") && line.contains("severity=critical") {
                paged = paged.or(Some((full - at) / 60));
            }
        }
        assert!(
            paged >= Some(at_least),
            "{minutes} minutes: paged {paged:?} minutes before\n{outcome}"
        );
        assert!(
            !outcome.contains(" resolved "),
            "{minutes} minutes:\n{outcome}"
        );
    }
}

/// Every flap of 1 to 10 steps against the timings of groups.
#[test]
fn flaps_of_all_lengths_are_told_right() {
    let all = std::env::var("WATCHPOST_TIMELINES").is_ok();
    let lengths = |bad: usize| (1..=10).filter(move |good| all || (bad + good).is_multiple_of(3));
    let mut faults = Vec::new();
    for (bad, good) in (1..=10).flat_map(|bad| lengths(bad).map(move |good| (bad, good))) {
        for (index, group_interval) in [10, 30, 60, 300].into_iter().enumerate() {
            for (hold, group_wait) in [(0, 0), (10, 0), (20, 10), (0, 30), (30, 30)] {
                if !all && (bad + index + hold as usize / 10).is_multiple_of(2) {
                    continue;
                }
                let mut values = vec![Some(50); 2];
                for _ in 0..3 {
                    values.extend(std::iter::repeat_n(Some(95), bad));
                    values.extend(std::iter::repeat_n(Some(50), good));
                }
                values.extend(std::iter::repeat_n(Some(50), 62));
                let rules = Rules {
                    hold,
                    group_wait,
                    group_interval,
                    ..Rules::default()
                };
                let plan = Plan {
                    files: vec![rules],
                    values: vec![values],
                    ..Plan::default()
                };
                faults.extend(play_and_judge(&plan, &format!("{bad} bad, {good} good")));
            }
        }
    }
    assert_none(&faults);
}
