//! Label matchers: `name="value"`, `!=`, `=~` and `!~`, as in Alertmanager.

mod text;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use watchpost_core::regular_expression::Regex;

use crate::labels::Labels;

/// Longest accepted regular expression, in bytes: two thousand host names of 64 bytes. Each matcher of each silence is
/// written to disk, sent to every page that shows it, and compiled again at each start.
pub const REGEX_LENGTH_LIMIT: usize = 128 << 10;
/// Compiled size limit of one regular expression, in bytes, as long as its silence is known: two thousand names that have
/// nothing in common take two thirds of it, names that count up take a hundredth.
const REGEX_SIZE_LIMIT: usize = 12 << 20;

/// What means more than itself in a regular expression, but for `|`.
const REGEX_SIGNS: [char; 13] = [
    '\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$',
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl Operator {
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Regex => "=~",
            Operator::NotRegex => "!~",
        }
    }
}

/// One condition on one label. Regular expressions are anchored at both ends; an absent
/// label counts as the empty text.
#[derive(Clone, Debug)]
pub struct Matcher {
    pub name: String,
    pub operator: Operator,
    pub value: String,
    /// Present exactly for `=~` and `!~`.
    regex: Option<Regex>,
}

#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MatcherError {
    #[error("matcher {0:?} has no operator; write name=\"value\", or != =~ !~")]
    NoOperator(String),
    #[error("matcher {0:?} has no label name before its operator")]
    NoName(String),
    #[error("{0:?} must be a single matcher, without braces")]
    NotOne(String),
    #[error("matcher {text:?}: the label name {name:?} needs quotes: write \"my name\"=\"value\"")]
    Name { text: String, name: String },
    #[error("matcher {0:?}: the quoted value does not end with a quote")]
    Unterminated(String),
    #[error(
        "matcher {0:?}: its value holds a quote; write name=\"value\", and \\\" for a quote inside"
    )]
    StrayQuote(String),
    #[error("matcher on {name:?}: bad regular expression: {reason}")]
    Regex { name: String, reason: String },
}

impl Matcher {
    pub fn new(name: &str, operator: Operator, value: &str) -> Result<Matcher, MatcherError> {
        if name.is_empty() {
            let text = format!("{}\"{}\"", operator.as_str(), text::escape(value));
            return Err(MatcherError::NoName(text::cited(&text)));
        }
        let regex = match operator {
            Operator::Regex | Operator::NotRegex => Some(anchored(name, value)?),
            Operator::Equal | Operator::NotEqual => None,
        };
        Ok(Matcher {
            name: name.to_owned(),
            operator,
            value: value.to_owned(),
            regex,
        })
    }

    /// Matchers with commas between them, in braces or not, as in the configuration of Alertmanager.
    ///
    /// # Errors
    /// One of them is none, or there is none.
    pub fn list(text: &str) -> Result<Vec<Matcher>, MatcherError> {
        let classic = text::classic_list(text).and_then(made);
        classic.or_else(|error| made(text::quoted_list(text).ok_or(error)?))
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name);
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => value == self.value,
        };
        found == matches!(self.operator, Operator::Equal | Operator::Regex)
    }

    /// The values that it asks for, where they are few and plain.
    fn values(&self) -> Option<Vec<&str>> {
        match self.operator {
            Operator::Equal => Some(vec![&self.value]),
            Operator::Regex if !self.value.contains(REGEX_SIGNS) => {
                Some(self.value.split('|').collect())
            }
            Operator::NotRegex if self.value == ".+" => Some(vec![""]),
            _ => None,
        }
    }
}

fn anchored(name: &str, value: &str) -> Result<Regex, MatcherError> {
    let refuse = |reason: String| MatcherError::Regex {
        name: text::cited(name),
        reason,
    };
    if value.len() > REGEX_LENGTH_LIMIT {
        return Err(refuse(format!("longer than {REGEX_LENGTH_LIMIT} bytes")));
    }
    let regex = Regex::anchored(value).map_err(|error| refuse(error.to_string()))?;
    if regex.memory() > REGEX_SIZE_LIMIT {
        return Err(refuse(
            "takes too much memory; write a simpler one".to_owned(),
        ));
    }
    Ok(regex)
}

/// Whether every matcher holds.
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// Two matchers that no labels satisfy together: one asks for values that the others refuse. Only of
/// those whose values can be listed is it known: `="a"`, `=~"a|b"` and `!~".+"`, which asks for no value.
pub fn contradiction(matchers: &[Matcher]) -> Option<(&Matcher, &Matcher)> {
    matchers.iter().find_map(|asks| {
        let values = asks.values()?;
        let others = || matchers.iter().filter(|other| other.name == asks.name);
        let refuses =
            |other: &Matcher, value: &str| !other.matches(&Labels::new().with(&asks.name, value));
        let possible = |value: &&str| !others().any(|other| refuses(other, value));
        if values.iter().any(possible) {
            return None;
        }
        // The one that refuses all of them, if there is one.
        let all = |other: &&Matcher| values.iter().all(|value| refuses(other, value));
        let first = |other: &&Matcher| values.first().is_some_and(|value| refuses(other, value));
        Some((asks, others().find(all).or_else(|| others().find(first))?))
    })
}

// === impl Matcher: text and JSON ===

impl FromStr for Matcher {
    type Err = MatcherError;

    /// `name="value"`; quotes may be left out, and a name that needs them may have them.
    fn from_str(text: &str) -> Result<Matcher, MatcherError> {
        let made = |(name, operator, value): text::Parts| Matcher::new(&name, operator, &value);
        let classic = text::classic(text).and_then(made);
        classic.or_else(|error| match text::quoted_list(text) {
            Some(mut list) if list.len() == 1 && !text.starts_with('{') && !text.ends_with('}') => {
                list.pop().map_or(Err(error), made)
            }
            _ => Err(error),
        })
    }
}

fn made(list: Vec<text::Parts>) -> Result<Vec<Matcher>, MatcherError> {
    let all = list.iter();
    all.map(|(name, operator, value)| Matcher::new(name, *operator, value))
        .collect()
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = (text::show_name(&self.name), text::escape(&self.value));
        write!(f, "{name}{}\"{value}\"", self.operator.as_str())
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (&self.name, self.operator, &self.value) == (&other.name, other.operator, &other.value)
    }
}

/// The JSON shape of Alertmanager's API.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherJson {
    name: String,
    value: String,
    #[serde(default)]
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Serialize for Matcher {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MatcherJson {
            name: self.name.clone(),
            value: self.value.clone(),
            is_regex: self.regex.is_some(),
            is_equal: matches!(self.operator, Operator::Equal | Operator::Regex),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Matcher, D::Error> {
        let json = MatcherJson::deserialize(deserializer)?;
        let operator = match (json.is_regex, json.is_equal) {
            (false, true) => Operator::Equal,
            (false, false) => Operator::NotEqual,
            (true, true) => Operator::Regex,
            (true, false) => Operator::NotRegex,
        };
        Matcher::new(&json.name, operator, &json.value).map_err(serde::de::Error::custom)
    }
}
