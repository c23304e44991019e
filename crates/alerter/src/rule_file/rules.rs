//! `[[rule]]` and `[defaults]`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::annotations;
use super::reader::Table;
use super::selector::{name, selector};
use crate::alert::{Nanos, SECOND, Severity};
use crate::labels::{ALERT_NAME, Labels, SEVERITY};
use crate::rules::definition::{
    Aggregate, Baseline, DEFAULT_EVERY, DEFAULT_FORGET_AFTER, DEFAULT_MINIMUM_SHARE, Direction,
    Kind, Levels, Method, Rule, Scoring, Side,
};

/// Most rules of a file.
const RULES_LIMIT: usize = 5_000;
/// Labels that a rule adds: they are in every message, and in tags of the history.
const LABELS_LIMIT: usize = 64;
const LABEL_NAME_LIMIT: usize = 200;
const LABEL_VALUE_LIMIT: usize = 1_000;
/// Points that a forecast is fitted through.
const FORECAST_POINTS: Nanos = 72;
const DEFAULT_MINIMUM_SAMPLES: u64 = 30;
const DEFAULT_WEEKS: u64 = 4;
const DAY: Nanos = 24 * 3_600 * SECOND;

struct Defaults {
    bucket: String,
    measurement: String,
    every: Nanos,
    offset: Nanos,
}

const KINDS: [(&str, &str); 6] = [
    ("threshold", "threshold"),
    ("rate", "rate"),
    ("no_data", "no_data"),
    ("anomaly", "anomaly"),
    ("forecast", "forecast"),
    ("flux", "flux"),
];

pub(super) fn read(root: &Table<'_, '_>) -> Vec<Arc<Rule>> {
    let defaults = defaults(root);
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for mut table in root.tables("rule") {
        let name = table.string("name").filter(|name| valid_name(&table, name));
        let name = table.required("name", name).unwrap_or_default();
        table.what = if name.is_empty() {
            "a rule".to_owned()
        } else {
            format!("rule {name:?}")
        };
        if !name.is_empty() && !names.insert(name.clone()) {
            table.mistake("name", format!("there are two rules named {name:?}"));
        }
        rules.extend(rule(&table, name, &defaults).map(Arc::new));
        table.close();
    }
    if rules.len() > RULES_LIMIT {
        root.mistake(
            "rule",
            format!("{} rules; at most {RULES_LIMIT} are allowed", rules.len()),
        );
    }
    rules
}

/// A rule's name is a tag and part of URLs.
fn valid_name(table: &Table<'_, '_>, name: &str) -> bool {
    let valid = !name.is_empty()
        && name.len() <= 100
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if !valid {
        table.mistake(
            "name",
            "a rule's name is 1 to 100 letters, digits, '_', '-' or '.'",
        );
    }
    valid
}

fn defaults(root: &Table<'_, '_>) -> Defaults {
    let mut defaults = Defaults {
        bucket: "system_metrics_raw".to_owned(),
        measurement: "system_metrics".to_owned(),
        every: DEFAULT_EVERY,
        offset: 0,
    };
    if let Some(table) = root.table("defaults") {
        defaults.bucket = name(&table, "bucket").unwrap_or(defaults.bucket);
        defaults.measurement = name(&table, "measurement").unwrap_or(defaults.measurement);
        defaults.every = table.positive_duration("every").unwrap_or(defaults.every);
        defaults.offset = table.duration("offset").unwrap_or(defaults.offset);
        table.close();
    }
    defaults
}

fn rule(table: &Table<'_, '_>, name: String, defaults: &Defaults) -> Option<Rule> {
    let kind = table.choice("kind", &KINDS);
    let kind = table.required("kind", kind)?;
    let selector = selector(table, kind, (&defaults.bucket, &defaults.measurement));
    let kind = match kind {
        "threshold" => threshold(table),
        "rate" => rate(table),
        "no_data" => no_data(table),
        "anomaly" => anomaly(table),
        "forecast" => forecast(table),
        _ => flux(table),
    };
    let slow = matches!(kind, Some(Kind::Forecast { .. }));
    let every = table.positive_duration("every");
    let labels = labels(table);
    let texts = annotations::read(table);
    let offset = table.duration("offset").unwrap_or(defaults.offset);
    let hold = table.duration("for").unwrap_or(0);
    let keep_firing_for = table.duration("keep_firing_for").unwrap_or(0);
    let (forget_after, forgets_firing) = forget_after(table, kind.as_ref());
    let minimum_share = minimum_share(table, kind.as_ref());
    let flap_damping = table.boolean("flap_damping").unwrap_or(true);
    let rule = Rule {
        name,
        kind: kind?,
        selector: selector?,
        // A line over hours does not change in seconds.
        every: every.unwrap_or(if slow {
            defaults.every.max(60 * SECOND)
        } else {
            defaults.every
        }),
        offset,
        hold,
        keep_firing_for,
        forget_after,
        forgets_firing,
        flap_damping,
        minimum_share,
        labels,
        annotations: texts.annotations,
        summaries: texts.summaries,
    };
    annotations::try_out(table, &rule);
    Some(rule)
}

/// Which part of its window must be there. Kinds without a window have no such setting.
fn minimum_share(table: &Table<'_, '_>, kind: Option<&Kind>) -> f64 {
    if matches!(kind, None | Some(Kind::NoData { .. } | Kind::Flux { .. })) {
        return 0.0;
    }
    let share = table.number("minimum_share");
    if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        table.mistake(
            "minimum_share",
            "minimum_share must be 0 to 1: a part of the window",
        );
    }
    share.unwrap_or(DEFAULT_MINIMUM_SHARE)
}

/// How long a series without data is remembered, and whether its alert may be forgotten while it fires.
fn forget_after(table: &Table<'_, '_>, kind: Option<&Kind>) -> (Nanos, bool) {
    let given = table.positive_duration("forget_after");
    let Some(Kind::NoData { after, .. }) = kind else {
        return (given.unwrap_or(DEFAULT_FORGET_AFTER), true);
    };
    if given.is_some_and(|given| given <= *after) {
        table.mistake(
            "forget_after",
            "forget_after must be longer than after, or the series is forgotten before its silence is sent",
        );
    }
    let default = DEFAULT_FORGET_AFTER.max(after.saturating_mul(2));
    (given.unwrap_or(default), given.is_some())
}

/// `labels`, added to those of the series.
fn labels(table: &Table<'_, '_>) -> Labels {
    let labels = texts(table, "labels");
    for reserved in [ALERT_NAME, SEVERITY]
        .into_iter()
        .filter(|name| labels.contains_key(*name))
    {
        table.mistake(
            "labels",
            format!("the label {reserved:?} is set by the rule itself"),
        );
    }
    if labels.len() > LABELS_LIMIT {
        table.mistake(
            "labels",
            format!("a rule has at most {LABELS_LIMIT} labels"),
        );
    }
    for (name, value) in &labels {
        if name.trim() != name
            || name.is_empty()
            || name.len() > LABEL_NAME_LIMIT
            || name.contains(char::is_control)
        {
            let message = format!("{name:?} is not a label name: 1 to {LABEL_NAME_LIMIT} bytes");
            table.mistake("labels", message);
        }
        if value.len() > LABEL_VALUE_LIMIT {
            let message = format!("the label {name:?} is longer than {LABEL_VALUE_LIMIT} bytes");
            table.mistake("labels", message);
        }
    }
    labels.into_iter().collect()
}

fn texts(table: &Table<'_, '_>, name: &'static str) -> BTreeMap<String, String> {
    table.texts(name).into_iter().collect()
}

fn aggregate(table: &Table<'_, '_>) -> Aggregate {
    let choices: Vec<(&'static str, Aggregate)> = Aggregate::NAMES
        .iter()
        .filter_map(|name| Some((*name, Aggregate::parse(name)?)))
        .collect();
    table
        .choice("aggregate", &choices)
        .unwrap_or(Aggregate::Mean)
}

fn window(table: &Table<'_, '_>, default: Nanos) -> Nanos {
    table.positive_duration("window").unwrap_or(default)
}

fn threshold(table: &Table<'_, '_>) -> Option<Kind> {
    let (aggregate, window) = (aggregate(table), window(table, 300 * SECOND));
    Some(Kind::Threshold {
        aggregate,
        window,
        levels: above_or_below(table)?,
    })
}

fn rate(table: &Table<'_, '_>) -> Option<Kind> {
    let window = window(table, 300 * SECOND);
    Some(Kind::Rate {
        window,
        levels: above_or_below(table)?,
    })
}

fn no_data(table: &Table<'_, '_>) -> Option<Kind> {
    let after = table.positive_duration("after");
    let severity = table
        .choice("severity", &SEVERITIES)
        .unwrap_or(Severity::Critical);
    Some(Kind::NoData {
        after: table.required("after", after)?,
        severity,
    })
}

const SEVERITIES: [(&str, Severity); 3] = [
    ("info", Severity::Info),
    ("warning", Severity::Warning),
    ("critical", Severity::Critical),
];

fn anomaly(table: &Table<'_, '_>) -> Option<Kind> {
    let (aggregate, window) = (aggregate(table), window(table, 300 * SECOND));
    let method = table
        .choice(
            "method",
            &[
                ("z_score", Method::ZScore),
                ("robust_z_score", Method::RobustZScore),
            ],
        )
        .unwrap_or(Method::RobustZScore);
    let side = table
        .choice(
            "side",
            &[
                ("both", Side::Both),
                ("above", Side::Above),
                ("below", Side::Below),
            ],
        )
        .unwrap_or(Side::Both);
    let length = table.positive_duration("trailing").unwrap_or(DAY);
    let weeks = table.integer("weeks", 1..27).unwrap_or(DEFAULT_WEEKS);
    let hour = table
        .choice(
            "baseline",
            &[("trailing", false), ("same_hour_of_week", true)],
        )
        .unwrap_or(false);
    let baseline = if hour {
        Baseline::SameHourOfWeek {
            weeks: u32::try_from(weeks).unwrap_or(u32::MAX),
        }
    } else {
        Baseline::Trailing { length }
    };
    let given = table.integer("minimum_samples", 2..2_001);
    let most = most_samples(baseline, window);
    if let Some(given) = given.filter(|given| *given > most) {
        let message = format!(
            "minimum_samples is {given}, but the baseline has only {most} windows: nothing would be judged"
        );
        table.mistake("minimum_samples", message);
    } else if most < 2 {
        table.mistake("window", "the baseline must have at least two windows");
    }
    let minimum_samples = given.unwrap_or(DEFAULT_MINIMUM_SAMPLES.min(most));
    let minimum_spread = table.number("minimum_spread").unwrap_or(0.0).max(0.0);
    let scoring = Scoring {
        method,
        side,
        minimum_samples: usize::try_from(minimum_samples).unwrap_or(usize::MAX),
        minimum_spread,
    };
    let score = table.table("score");
    let score = table.required("score", score)?;
    let levels = levels(score, Direction::Above, |table, name| table.number(name))?;
    Some(Kind::Anomaly {
        aggregate,
        window,
        baseline,
        scoring,
        levels,
    })
}

/// Windows that fit into a baseline.
fn most_samples(baseline: Baseline, window: Nanos) -> u64 {
    const HOUR: Nanos = 3_600 * SECOND;
    let (length, times) = match baseline {
        Baseline::Trailing { length } => (length, 1),
        Baseline::SameHourOfWeek { weeks } => (HOUR, u64::from(weeks)),
    };
    let windows = u64::try_from(length / window).unwrap_or(0);
    windows.saturating_mul(times)
}

fn forecast(table: &Table<'_, '_>) -> Option<Kind> {
    let window = window(table, 6 * 3_600 * SECOND);
    let step = table
        .positive_duration("step")
        .unwrap_or((window / FORECAST_POINTS / SECOND).max(1) * SECOND);
    if step.saturating_mul(3) > window {
        table.mistake("step", "a forecast needs at least 3 steps in its window");
    }
    let level = table.number("level");
    let level = table.required("level", level);
    let toward = table
        .choice(
            "toward",
            &[("above", Direction::Above), ("below", Direction::Below)],
        )
        .unwrap_or(Direction::Above);
    let within = table.table("within");
    let within = table.required("within", within)?;
    let seconds = |table: &Table<'_, '_>, name| {
        table
            .duration(name)
            .map(|nanos| nanos as f64 / SECOND as f64)
    };
    let levels = levels(within, Direction::Below, seconds)?;
    Some(Kind::Forecast {
        window,
        step,
        level: level?,
        toward,
        levels,
    })
}

fn flux(table: &Table<'_, '_>) -> Option<Kind> {
    let query = table.string("query");
    let query = table.required("query", query);
    if query.as_ref().is_some_and(|query| query.trim().is_empty()) {
        table.mistake("query", "query must not be empty");
    }
    let levels = above_or_below(table);
    Some(Kind::Flux {
        query: query?,
        levels: levels?,
    })
}

/// `above = { warn, critical, recover }` or `below`.
fn above_or_below(table: &Table<'_, '_>) -> Option<Levels> {
    match (table.table("above"), table.table("below")) {
        (Some(above), None) => levels(above, Direction::Above, |table, name| table.number(name)),
        (None, Some(below)) => levels(below, Direction::Below, |table, name| table.number(name)),
        (None, None) => {
            if !table.has("above") && !table.has("below") {
                table.mistake(
                    "above",
                    format!(
                        "{} needs above = {{ warn = … }} or below = {{ … }}",
                        table.what
                    ),
                );
            }
            None
        }
        (Some(_), Some(_)) => {
            table.mistake("below", "a rule has either above or below");
            None
        }
    }
}

fn levels(
    table: Table<'_, '_>,
    direction: Direction,
    read: impl Fn(&Table<'_, '_>, &'static str) -> Option<f64>,
) -> Option<Levels> {
    let levels = Levels {
        direction,
        warn: read(&table, "warn"),
        critical: read(&table, "critical"),
        recover: read(&table, "recover"),
    };
    let mut valid = true;
    if levels.warn.is_none() && levels.critical.is_none() {
        valid = table.has("warn") || table.has("critical");
        if !valid {
            table
                .document
                .mistake(&table.span, "levels need warn or critical");
        }
        valid = false;
    }
    if let (Some(warn), Some(critical)) = (levels.warn, levels.critical)
        && !direction.past(critical, warn)
    {
        table.mistake(
            "critical",
            format!("critical must be {} warn", direction.word()),
        );
        valid = false;
    }
    if let (Some(level), Some(recover)) = (levels.warn.or(levels.critical), levels.recover)
        && direction.past(recover, level)
    {
        table.mistake("recover", "recover must be on the good side of the levels");
        valid = false;
    }
    table.close();
    valid.then_some(levels)
}
