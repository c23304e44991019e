//! What a rule is: typed, and neutral to the database's language.

use std::collections::BTreeMap;
use std::fmt;

use crate::alert::{AlertState, Nanos, SECOND, Severity};
use crate::labels::{ALERT_NAME, Labels};
use crate::matcher::Matcher;
use crate::summary;

/// How often a rule is evaluated unless it says otherwise.
pub const DEFAULT_EVERY: Nanos = 10 * SECOND;
/// A series that was not seen for this long is forgotten, and its alert closed as such.
pub const DEFAULT_FORGET_AFTER: Nanos = 24 * 3_600 * SECOND;

/// The part of its window that a series must have existed for, unless the rule says otherwise.
pub const DEFAULT_MINIMUM_SHARE: f64 = 0.5;
/// Cells of a window, where it is queried in cells.
const CELLS: Nanos = 10;

/// Which data a rule looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    pub bucket: String,
    pub measurement: String,
    pub field: String,
    pub matchers: Vec<Matcher>,
    /// Series are merged to one per value of these tags; empty: each series for itself.
    pub group_by: Vec<String>,
}

/// How the points of a window become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    Mean,
    Max,
    Min,
    Last,
    P95,
    Sum,
    Count,
}

impl Aggregate {
    pub const NAMES: [&'static str; 7] = ["mean", "max", "min", "last", "p95", "sum", "count"];

    pub fn parse(text: &str) -> Option<Aggregate> {
        Some(match text {
            "mean" => Aggregate::Mean,
            "max" => Aggregate::Max,
            "min" => Aggregate::Min,
            "last" => Aggregate::Last,
            "p95" => Aggregate::P95,
            "sum" => Aggregate::Sum,
            "count" => Aggregate::Count,
            _ => return None,
        })
    }

    pub fn as_str(self) -> &'static str {
        Aggregate::NAMES[self as usize]
    }
}

/// On which side of the level it is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Above,
    Below,
}

impl Direction {
    /// Whether the value is past the level, on the bad side.
    pub fn past(self, value: f64, level: f64) -> bool {
        match self {
            Direction::Above => value > level,
            Direction::Below => value < level,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Direction::Above => "above",
            Direction::Below => "below",
        }
    }
}

/// The levels of a rule. Invariant: at least one of `warn` and `critical` is set, and
/// `recover` is not on the bad side of either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    pub direction: Direction,
    pub warn: Option<f64>,
    pub critical: Option<f64>,
    /// A firing alert ends only on the good side of this level.
    pub recover: Option<f64>,
}

impl Levels {
    /// The severity that the value alone gives.
    pub fn severity(&self, value: f64) -> Option<Severity> {
        let past =
            |level: Option<f64>| level.is_some_and(|level| self.direction.past(value, level));
        if past(self.critical) {
            Some(Severity::Critical)
        } else if past(self.warn) {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    /// Whether a firing alert stays although no level is passed: the value is not yet back
    /// behind the recovery level.
    pub fn holds(&self, value: f64) -> bool {
        self.recover
            .is_some_and(|level| self.direction.past(value, level))
    }

    /// The level that belongs to a severity.
    pub fn threshold(&self, severity: Severity) -> Option<f64> {
        match severity {
            Severity::Critical => self.critical.or(self.warn),
            Severity::Info | Severity::Warning => self.warn.or(self.critical),
        }
    }
}

/// How an anomaly is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// (value - mean) / standard deviation
    ZScore,
    /// 0.6745 (value - median) / MAD (Iglewicz and Hoaglin, 1993)
    RobustZScore,
}

/// What an anomaly is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Baseline {
    /// The time just before the window.
    Trailing { length: Nanos },
    /// The same hour of the week, of so many weeks back.
    SameHourOfWeek { weeks: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Both,
    Above,
    Below,
}

/// How the score of an anomaly is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scoring {
    pub method: Method,
    pub side: Side,
    /// Fewer samples than this give no verdict.
    pub minimum_samples: usize,
    /// A smaller spread counts as this one. Zero: a flat baseline gives no verdict.
    pub minimum_spread: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Threshold {
        aggregate: Aggregate,
        window: Nanos,
        levels: Levels,
    },
    /// Increase a second of a counter over the window; a reset counts from zero.
    Rate { window: Nanos, levels: Levels },
    /// No point for `after`.
    NoData { after: Nanos, severity: Severity },
    /// The levels are scores.
    Anomaly {
        aggregate: Aggregate,
        window: Nanos,
        baseline: Baseline,
        scoring: Scoring,
        levels: Levels,
    },
    /// The levels are seconds until the fitted line reaches `level`, moving `toward` it.
    Forecast {
        window: Nanos,
        step: Nanos,
        level: f64,
        toward: Direction,
        levels: Levels,
    },
    /// Any Flux that gives one value a series in `_value`; other string columns are labels.
    Flux { query: String, levels: Levels },
}

impl Kind {
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Threshold { .. } => "threshold",
            Kind::Rate { .. } => "rate",
            Kind::NoData { .. } => "no_data",
            Kind::Anomaly { .. } => "anomaly",
            Kind::Forecast { .. } => "forecast",
            Kind::Flux { .. } => "flux",
        }
    }

    pub fn levels(&self) -> Option<&Levels> {
        match self {
            Kind::Threshold { levels, .. }
            | Kind::Rate { levels, .. }
            | Kind::Anomaly { levels, .. }
            | Kind::Forecast { levels, .. }
            | Kind::Flux { levels, .. } => Some(levels),
            Kind::NoData { .. } => None,
        }
    }

    /// The side on which a value is bad.
    pub fn direction(&self) -> Direction {
        self.levels()
            .map_or(Direction::Above, |levels| levels.direction)
    }

    /// The worse of two values.
    pub fn worst(&self, known: Option<f64>, value: f64) -> f64 {
        match known {
            Some(known) if !self.direction().past(value, known) => known,
            _ => value,
        }
    }

    /// How much data one evaluation looks at.
    pub fn window(&self) -> Nanos {
        match self {
            Kind::Threshold { window, .. }
            | Kind::Rate { window, .. }
            | Kind::Anomaly { window, .. }
            | Kind::Forecast { window, .. } => *window,
            Kind::NoData { after, .. } => *after,
            Kind::Flux { .. } => 0,
        }
    }

    /// How far back its points and those of its baseline lie; zero of its own Flux.
    pub fn look_back(&self) -> Nanos {
        let baseline = match self {
            Kind::Anomaly { baseline, .. } => match baseline {
                Baseline::Trailing { length } => *length,
                Baseline::SameHourOfWeek { weeks } => Nanos::from(*weeks) * 7 * 24 * 3_600 * SECOND,
            },
            _ => 0,
        };
        self.window().saturating_add(baseline)
    }
}

/// One rule of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub name: String,
    pub kind: Kind,
    /// Unused by `flux` rules.
    pub selector: Selector,
    pub every: Nanos,
    /// Shifts the window back, for data that comes late.
    pub offset: Nanos,
    pub hold: Nanos,
    pub keep_firing_for: Nanos,
    pub forget_after: Nanos,
    /// Whether an alert that fires is forgotten, too. Silence is what `no_data` fires for: its alert is
    /// only forgotten where the rule says after how long.
    pub forgets_firing: bool,
    pub flap_damping: bool,
    /// The part of its window that a series must have existed for before it is judged.
    pub minimum_share: f64,
    /// Added to the labels of the series.
    pub labels: Labels,
    /// Templates; `summary` is what people read first, of an alert that fires.
    pub annotations: BTreeMap<String, String>,
    /// Templates of the summary in other states, by the state's name.
    pub summaries: BTreeMap<String, String>,
}

impl Rule {
    /// What decides which series the rule has, as far as their tags do not say it themselves
    /// ([`Rule::selects`]). When it changes, those that are not in the next answer are closed.
    pub fn source(&self) -> u64 {
        let selector = &self.selector;
        let query = match &self.kind {
            Kind::Flux { query, .. } => query.as_str(),
            _ => "",
        };
        let matchers = selector.matchers.iter();
        let matchers = matchers.filter(|matcher| !self.is_of_tags(matcher));
        let matchers = matchers.map(ToString::to_string);
        let parts = [
            self.kind.name(),
            &selector.bucket,
            &selector.measurement,
            &selector.field,
            query,
        ];
        let parts = parts.into_iter().map(str::to_owned).chain(matchers);
        let named = parts
            .enumerate()
            .map(|(index, part)| (index.to_string(), part));
        let groups = selector
            .group_by
            .iter()
            .map(|name| (format!("by {name}"), "1".to_owned()));
        named.chain(groups).collect::<Labels>().fingerprint().0
    }

    /// Whether a series of these tags may be one of the rule: no matcher of its tags says otherwise.
    pub fn selects(&self, tags: &Labels) -> bool {
        let mut of_tags = self.selector.matchers.iter();
        let excludes = |matcher: &Matcher| self.is_of_tags(matcher) && !matcher.matches(tags);
        !of_tags.any(excludes)
    }

    /// Whether the tags of a series say what the matcher says of it. A group has but the tags that it is
    /// made by.
    fn is_of_tags(&self, matcher: &Matcher) -> bool {
        let group_by = &self.selector.group_by;
        let is_flux = matches!(self.kind, Kind::Flux { .. });
        !is_flux && (group_by.is_empty() || group_by.contains(&matcher.name))
    }

    /// The part of the window that must be there before a value is judged. Where a part that is past the
    /// level means that the whole is, none need be.
    pub fn required_share(&self) -> f64 {
        let (aggregate, direction) = match &self.kind {
            Kind::Threshold {
                aggregate, levels, ..
            } => (*aggregate, levels.direction),
            Kind::Anomaly {
                aggregate: Aggregate::Last,
                ..
            } => return 0.0,
            Kind::Anomaly { .. } | Kind::Rate { .. } | Kind::Forecast { .. } => {
                return self.minimum_share;
            }
            Kind::NoData { .. } | Kind::Flux { .. } => return 0.0,
        };
        match (aggregate, direction) {
            (Aggregate::Last, _)
            | (Aggregate::Max | Aggregate::Sum | Aggregate::Count, Direction::Above)
            | (Aggregate::Min, Direction::Below) => 0.0,
            // Judged by their cells.
            (Aggregate::Sum | Aggregate::Count, Direction::Below) => 0.0,
            _ => self.minimum_share,
        }
    }

    /// The length of the cells that a sum or count below its level is queried in: they show whether the
    /// series was there all the time.
    pub fn cells(&self) -> Option<Nanos> {
        let Kind::Threshold {
            aggregate,
            window,
            levels,
        } = &self.kind
        else {
            return None;
        };
        let adds = matches!(aggregate, Aggregate::Sum | Aggregate::Count);
        (adds && levels.direction == Direction::Below).then(|| (window / CELLS).max(SECOND))
    }

    /// The labels of the alert of a series, without severity.
    pub fn labels_of(&self, tags: &Labels) -> Labels {
        let own = self.labels.iter().chain([(ALERT_NAME, self.name.as_str())]);
        own.fold(tags.clone(), |labels, (name, value)| {
            labels.with(name, value)
        })
    }

    /// The template of the summary in a state, where the rule has one of its own. The one of a firing
    /// alert stands for `worse` and `better`, too; of what has recovered it would say the opposite.
    pub fn summary_of(&self, state: AlertState) -> Option<&str> {
        let own = self.summaries.get(match state {
            AlertState::Removed => AlertState::Forgotten.as_str(),
            state => state.as_str(),
        });
        let firing = self.annotations.get("summary");
        let fits = summary::is_past_its_level(state);
        own.or(firing.filter(|_| fits)).map(String::as_str)
    }

    /// The unit of the series itself.
    pub fn series_unit(&self) -> &'static str {
        match &self.kind {
            Kind::Threshold { .. } | Kind::Rate { .. } => self.unit(),
            _ => field_unit(&self.selector.field),
        }
    }

    /// The unit of the value in messages, by the field's suffix (see the metric catalogue).
    pub fn unit(&self) -> &'static str {
        match &self.kind {
            Kind::NoData { .. } | Kind::Forecast { .. } => "s",
            Kind::Anomaly { .. } => "σ",
            Kind::Flux { .. } => "",
            Kind::Rate { .. } if self.selector.field.contains("bytes") => "B/s",
            Kind::Rate { .. } => "/s",
            Kind::Threshold { .. } => field_unit(&self.selector.field),
        }
    }
}

fn field_unit(field: &str) -> &'static str {
    let units = [
        ("_percent", "%"),
        ("_bytes", "B"),
        ("_ms", "ms"),
        ("_seconds", "s"),
        ("_mhz", "MHz"),
    ];
    units
        .iter()
        .find(|(suffix, _)| field.ends_with(suffix))
        .map_or("", |(_, unit)| unit)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.kind.name())
    }
}
