//! A rule in the words of the rule file, with everything filled in that the file leaves out.

use std::fmt;

use serde_json::json;
use watchpost_core::duration::Duration;

use crate::alert::{Nanos, SECOND};
use crate::rules::definition::{Aggregate, Baseline, Kind, Levels, Method, Rule, Scoring, Side};

/// The value of a key of the rule file.
pub(super) enum Setting {
    Text(String),
    Number(f64),
    Flag(bool),
    List(Vec<String>),
    Table(Vec<(String, Setting)>),
}

type Settings = Vec<(&'static str, Setting)>;

impl Setting {
    fn text(text: impl Into<String>) -> Setting {
        Setting::Text(text.into())
    }

    fn duration(nanos: Nanos) -> Setting {
        Setting::Text(match nanos {
            0 => "0s".to_owned(),
            nanos => Duration::from_nanos(nanos).to_string(),
        })
    }

    fn texts<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Setting {
        Setting::Table(
            entries
                .map(|(name, text)| (name.to_owned(), Setting::text(text)))
                .collect(),
        )
    }

    fn is_empty(&self) -> bool {
        match self {
            Setting::Text(text) => text.is_empty(),
            Setting::List(list) => list.is_empty(),
            Setting::Table(table) => table.is_empty(),
            Setting::Number(_) | Setting::Flag(_) => false,
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Setting::Text(text) => json!(text),
            Setting::Number(number) => json!(number),
            Setting::Flag(flag) => json!(flag),
            Setting::List(list) => json!(list),
            Setting::Table(table) => table
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Text(text) => f.write_str(text),
            Setting::Number(number) => write!(f, "{number}"),
            Setting::Flag(flag) => write!(f, "{flag}"),
            Setting::List(list) => f.write_str(&list.join(", ")),
            Setting::Table(table) => {
                let entry = |(key, value): &(String, Setting)| format!("{key} = {value}");
                f.write_str(&table.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// One line a key, the values below each other.
pub(super) fn lines(settings: &[(&'static str, Setting)]) -> String {
    let width = settings.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    settings
        .iter()
        .map(|(key, value)| format!("{key:<width$}  {value}\n"))
        .collect()
}

/// The keys of the rule, in the order in which rules are written; those without a value are left
/// out. The query of a `flux` rule is not among them.
pub(super) fn of_rule(rule: &Rule) -> Settings {
    let selector = &rule.selector;
    let conditions = selector.matchers.iter().map(ToString::to_string);
    let mut settings = vec![
        ("name", Setting::text(&rule.name)),
        ("kind", Setting::text(rule.kind.name())),
        ("bucket", Setting::text(&selector.bucket)),
        ("measurement", Setting::text(&selector.measurement)),
        ("field", Setting::text(&selector.field)),
        ("where", Setting::List(conditions.collect())),
        ("group_by", Setting::List(selector.group_by.clone())),
    ];
    settings.extend(of_kind(&rule.kind));
    settings.extend([
        ("every", Setting::duration(rule.every)),
        ("offset", Setting::duration(rule.offset)),
        ("for", Setting::duration(rule.hold)),
        ("keep_firing_for", Setting::duration(rule.keep_firing_for)),
        ("forget_after", Setting::duration(rule.forget_after)),
        ("flap_damping", Setting::Flag(rule.flap_damping)),
        ("labels", Setting::texts(rule.labels.iter())),
    ]);
    let own_keys = ["summary", "runbook_url"];
    let text = |key: &str| rule.annotations.get(key).map(Setting::text);
    settings.extend(summary(rule).map(|summary| ("summary", summary)));
    settings.extend(text("runbook_url").map(|url| ("runbook_url", url)));
    let others = rule.annotations.iter();
    let others = others.filter(|(name, _)| !own_keys.contains(&name.as_str()));
    let others = others.map(|(name, text)| (name.as_str(), text.as_str()));
    settings.push(("annotations", Setting::texts(others)));
    settings.retain(|(_, value)| !value.is_empty());
    settings
}

/// One text, or one for each state that has its own.
fn summary(rule: &Rule) -> Option<Setting> {
    let firing = rule.annotations.get("summary");
    if rule.summaries.is_empty() {
        return firing.map(Setting::text);
    }
    let firing = firing.map(|text| ("firing", text.as_str()));
    let others = rule.summaries.iter();
    let others = others.map(|(state, text)| (state.as_str(), text.as_str()));
    Some(Setting::texts(firing.into_iter().chain(others)))
}

fn of_kind(kind: &Kind) -> Settings {
    match kind {
        Kind::Threshold {
            aggregate,
            window,
            levels,
        } => with_levels(points(*aggregate, *window), levels),
        Kind::Rate { window, levels } => {
            with_levels(vec![("window", Setting::duration(*window))], levels)
        }
        Kind::NoData { after, severity } => vec![
            ("after", Setting::duration(*after)),
            ("severity", Setting::text(severity.as_str())),
        ],
        Kind::Anomaly {
            aggregate,
            window,
            baseline,
            scoring,
            levels,
        } => {
            let mut settings = points(*aggregate, *window);
            settings.extend(of_baseline(*baseline));
            settings.extend(of_scoring(scoring));
            settings.push(("score", level_table(levels, Setting::Number)));
            settings
        }
        Kind::Forecast {
            window,
            step,
            level,
            toward,
            levels,
        } => vec![
            ("window", Setting::duration(*window)),
            ("step", Setting::duration(*step)),
            ("level", Setting::Number(*level)),
            ("toward", Setting::text(toward.word())),
            ("within", level_table(levels, seconds)),
        ],
        Kind::Flux { levels, .. } => with_levels(Vec::new(), levels),
    }
}

fn points(aggregate: Aggregate, window: Nanos) -> Settings {
    vec![
        ("aggregate", Setting::text(aggregate.as_str())),
        ("window", Setting::duration(window)),
    ]
}

fn of_baseline(baseline: Baseline) -> Settings {
    match baseline {
        Baseline::Trailing { length } => vec![
            ("baseline", Setting::text("trailing")),
            ("trailing", Setting::duration(length)),
        ],
        Baseline::SameHourOfWeek { weeks } => vec![
            ("baseline", Setting::text("same_hour_of_week")),
            ("weeks", Setting::Number(f64::from(weeks))),
        ],
    }
}

fn of_scoring(scoring: &Scoring) -> Settings {
    let method = match scoring.method {
        Method::ZScore => "z_score",
        Method::RobustZScore => "robust_z_score",
    };
    let side = match scoring.side {
        Side::Both => "both",
        Side::Above => "above",
        Side::Below => "below",
    };
    vec![
        ("method", Setting::text(method)),
        ("side", Setting::text(side)),
        (
            "minimum_samples",
            Setting::Number(scoring.minimum_samples as f64),
        ),
        ("minimum_spread", Setting::Number(scoring.minimum_spread)),
    ]
}

fn with_levels(mut settings: Settings, levels: &Levels) -> Settings {
    let key = levels.direction.word();
    settings.push((key, level_table(levels, Setting::Number)));
    settings
}

fn level_table(levels: &Levels, show: impl Fn(f64) -> Setting) -> Setting {
    let named = [
        ("warn", levels.warn),
        ("critical", levels.critical),
        ("recover", levels.recover),
    ];
    let set = named
        .into_iter()
        .filter_map(|(name, level)| Some((name.to_owned(), show(level?))));
    Setting::Table(set.collect())
}

/// Seconds, as the levels of a forecast are kept, as a duration.
fn seconds(seconds: f64) -> Setting {
    Setting::duration((seconds * SECOND as f64) as Nanos)
}
