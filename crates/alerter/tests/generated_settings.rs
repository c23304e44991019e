//! Generated settings: what is accepted is of use. Matchers can match something, windows hold at some
//! time, and what is refused cannot and does not.

use watchpost_alerter::alert::SECOND;
use watchpost_alerter::labels::Labels;
use watchpost_alerter::matcher::{Matcher, all_match, contradiction};
use watchpost_alerter::pipeline::mute::TimeWindow;

const MATCHERS: usize = 1_500;
const WINDOWS: usize = 60;
const HOUR: i64 = 3_600 * SECOND;

fn pick<T: Copy>(rng: &mut fastrand::Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

#[test]
fn matchers_that_are_accepted_match_something() {
    let rng = &mut fastrand::Rng::with_seed(17);
    let values = ["", "x", "y", "z"];
    let all = values.iter().flat_map(|a| values.map(|b| (*a, b)));
    let all: Vec<Labels> = all
        .map(|(a, b)| Labels::from([("a", a), ("b", b)]))
        .collect();
    let mut refused = 0;
    for _ in 0..MATCHERS {
        let matchers = (0..rng.usize(1..5)).map(|_| {
            let name = pick(rng, &["a", "b"]);
            // Of regular expressions only those whose values can be listed, and what all others match.
            let text = match pick(rng, &["=", "!=", "=~", "!~"]) {
                "=~" => format!(
                    "{name}=~\"{}\"",
                    pick(rng, &["x", "x|y", "x|", "y|z", ".*", ""])
                ),
                "!~" => format!(
                    "{name}!~\"{}\"",
                    pick(rng, &["x", "x|y", "y|z", ".+", "x.*"])
                ),
                operator => format!("{name}{operator}\"{}\"", pick(rng, &values)),
            };
            text.parse().unwrap()
        });
        let matchers: Vec<Matcher> = matchers.collect();
        let matches = all.iter().any(|labels| all_match(&matchers, labels));
        let contradiction = contradiction(&matchers).is_some();
        refused += usize::from(contradiction);
        // A value beside these may be what `!=` and `!~` leave.
        let other = Labels::from([("a", "other"), ("b", "other")]);
        let mixed = values.iter().flat_map(|value| {
            [("a", "b"), ("b", "a")]
                .map(|(one, two)| other.clone().with(one, value).with(two, "other"))
        });
        let matches = matches
            || all_match(&matchers, &other)
            || mixed
                .into_iter()
                .any(|labels| all_match(&matchers, &labels));
        let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
        assert_eq!(contradiction, !matches, "{texts:?}");
    }
    assert!(
        refused > MATCHERS / 20,
        "only {refused} of {MATCHERS} were refused"
    );
}

/// A window as it stands in a file, in JSON.
fn window(rng: &mut fastrand::Rng) -> String {
    let mut settings = Vec::new();
    let mut setting = |name: &str, choices: &[&str], rng: &mut fastrand::Rng| {
        if rng.bool() {
            settings.push(format!("\"{name}\": [\"{}\"]", pick(rng, choices)));
        }
    };
    setting(
        "times",
        &[
            "22:00-06:00",
            "00:00-24:00",
            "24:00-00:00",
            "24:00-01:00",
            "12:30-12:45",
        ],
        rng,
    );
    setting(
        "weekdays",
        &["monday-friday", "saturday-monday", "tuesday"],
        rng,
    );
    setting(
        "days_of_month",
        &["1", "29", "31", "-1", "30:31", "-31", "-31:1", "-30:-30"],
        rng,
    );
    setting(
        "months",
        &["february", "february-april", "april", "11-2", "june"],
        rng,
    );
    setting(
        "years",
        &["2025", "2028", "2025-2027", "2073-2262", "2097-2103"],
        rng,
    );
    if rng.bool() {
        let zone = pick(rng, &["Europe/Berlin", "Pacific/Apia", "America/New_York"]);
        settings.push(format!("\"location\": \"{zone}\""));
    }
    format!("{{{}}}", settings.join(", "))
}

/// Noons of the days on which the window holds, whatever its times: of 45 years from the first that it
/// names, in which weekdays and dates meet in every way.
fn days(window: &TimeWindow) -> Vec<i64> {
    let first = window.years.first().map_or(2025, |years| years.first.0);
    let first = (f64::from(first - 1970) * 365.2425) as i64 - 1;
    let window = TimeWindow {
        times: Vec::new(),
        ..window.clone()
    };
    let noons = (first..first + 45 * 366).map(|day| (day * 24 + 12) * HOUR);
    noons.filter(|noon| window.contains(*noon)).collect()
}

/// Whether it holds at some half hour in or after one of its days, where ranges of times begin.
fn holds(window: &TimeWindow) -> bool {
    let around = |noon: &i64| {
        let mut halves = (-60..72).map(|half| noon + half * HOUR / 2);
        halves.any(|at| window.contains(at))
    };
    days(window).iter().any(around)
}

#[test]
fn windows_that_are_accepted_hold_at_some_time() {
    let rng = &mut fastrand::Rng::with_seed(18);
    let mut refused = 0;
    for _ in 0..WINDOWS {
        let text = window(rng);
        let Ok(window) = serde_json::from_str::<TimeWindow>(&text) else {
            // An empty range of times is the only one that cannot be read.
            assert!(text.contains("24:00-00:00"), "{text}");
            refused += 1;
            continue;
        };
        match window.check() {
            Ok(()) => assert!(holds(&window), "accepted: {text}"),
            Err(error) => {
                refused += 1;
                assert_eq!(days(&window), [0; 0], "refused: {text}: {error}");
            }
        }
    }
    assert!(refused > 0, "none of {WINDOWS} was refused");
}
