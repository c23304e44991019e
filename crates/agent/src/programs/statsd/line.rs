//! One line of StatsD: `NAME:VALUE|TYPE`, with `|@RATE` and Datadog's `|#tag:value,…` behind it.
//!
//! Several values of a name come in one line as `a:1|c:2|ms` (the reference daemon's form) or `a:1:2:3|ms`
//! (Datadog's form, version 1.1). Datadog's container, time and cardinality are passed over.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Type {
    /// `c`.
    Counter,
    /// `g`.
    Gauge,
    /// `ms`; also `h` and `d`, Datadog's histogram and distribution.
    Timing,
    /// `s`.
    Set,
}

impl Type {
    /// The tag `metric_type` of its points, as Telegraf names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Timing => "timing",
            Type::Set => "set",
        }
    }

    fn of(text: &str) -> Option<Self> {
        match text.trim_ascii() {
            "c" => Some(Type::Counter),
            "g" => Some(Type::Gauge),
            "ms" | "h" | "d" => Some(Type::Timing),
            "s" => Some(Type::Set),
            _ => None,
        }
    }
}

/// One value of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'l> {
    /// The metric's name as it was sent.
    pub(super) name: &'l str,
    /// What the value is.
    pub(super) metric_type: Type,
    /// The number; of a set 0, see `text`.
    pub(super) value: f64,
    /// The value as it was sent: a member of a set, the sign of a gauge's change.
    pub(super) text: &'l str,
    /// The share of events that were sent, above 0 and at most 1.
    pub(super) rate: f64,
    /// Datadog's tags, `key:value,key`.
    pub(super) tags: &'l str,
}

/// Why a line, or one value of it, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Nothing before the colon.
    #[error("it has no name")]
    NoName,
    /// Nothing behind the name.
    #[error("it has no value")]
    NoValue,
    /// No bar behind a value, or a type that StatsD does not know.
    #[error("its type is none of c, g, ms, h, d, s")]
    NoType,
    /// A value that is no number, or a time below 0.
    #[error("its value is no number")]
    NoNumber,
    /// A rate that is not above 0 and at most 1.
    #[error("its sample rate is not between 0 and 1")]
    NoRate,
    /// Datadog's events (`_e{`) and service checks (`_sc|`).
    #[error("events and service checks are not kept")]
    NotAMetric,
}

/// Reads a line and gives each of its values to `each`; those before a bad one count.
///
/// Errors: the first value that is refused, with those behind it.
pub(super) fn read<'l>(line: &'l [u8], mut each: impl FnMut(Sample<'l>)) -> Result<(), LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotUtf8)?;
    if line.starts_with("_e{") || line.starts_with("_sc|") {
        return Err(LineError::NotAMetric);
    }
    let (name, rest) = line.split_once(':').ok_or(LineError::NoValue)?;
    if name.is_empty() {
        return Err(LineError::NoName);
    }
    let (rest, tags) = split_tags(rest);
    let mut parts = rest.split('|');
    let mut values = parts.next().unwrap_or("");
    let mut part = parts.next();
    while let Some(text) = part {
        // `c:2` is the type of this value and the next value.
        let (text, mut following) = split_following(text);
        let metric_type = Type::of(text).ok_or(LineError::NoType)?;
        let mut rate = 1.0;
        part = parts.next();
        while following.is_none()
            && let Some(text) = part
        {
            if let Some(text) = text.strip_prefix('@') {
                let (text, next) = split_following(text);
                rate = sample_rate(text)?;
                following = next;
            } else if !is_of_datadog(text) {
                return Err(LineError::NoType);
            }
            part = parts.next();
        }
        for text in values.split(':') {
            let value = number(text, metric_type)?;
            let sample = Sample {
                name,
                metric_type,
                value,
                text,
                rate,
                tags,
            };
            each(sample);
        }
        match following {
            Some(next) => values = next,
            None => return Ok(()),
        }
    }
    Err(LineError::NoType)
}

/// What is before and in the tags; what follows them is Datadog's own.
fn split_tags(text: &str) -> (&str, &str) {
    match text.split_once("|#") {
        Some((before, tags)) => (before, tags.split('|').next().unwrap_or("")),
        None => (text, ""),
    }
}

fn split_following(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((text, following)) => (text, Some(following)),
        None => (text, None),
    }
}

/// `T1656581400`, `c:ID`, `e:…`, `card:low`: when and where it was sent.
fn is_of_datadog(text: &str) -> bool {
    let time = text.strip_prefix('T');
    time.is_some_and(|time| !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()))
        || ["c:", "e:", "card:"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
}

fn sample_rate(text: &str) -> Result<f64, LineError> {
    let rate = text.trim_ascii().parse::<f64>().ok();
    rate.filter(|rate| *rate > 0.0 && *rate <= 1.0)
        .ok_or(LineError::NoRate)
}

fn number(text: &str, metric_type: Type) -> Result<f64, LineError> {
    if metric_type == Type::Set {
        return Ok(0.0);
    }
    let value = text.trim_ascii().parse::<f64>().ok();
    value
        .filter(|value| value.is_finite() && (metric_type != Type::Timing || *value >= 0.0))
        .ok_or(LineError::NoNumber)
}
