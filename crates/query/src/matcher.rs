//! Conditions on tags. An absent tag counts as the empty text; regular expressions match whole values.

use watchpost_core::regular_expression::{Regex, RegexError};

/// One condition on one tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Matcher {
    pub tag: String,
    pub condition: Condition,
    /// Whether points without the tag match.
    absent: bool,
}

/// What the value of a tag must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    Equal(String),
    NotEqual(String),
    /// RE2, from end to end.
    Regex(String),
    NotRegex(String),
    /// One of these; none match where there are none.
    OneOf(Vec<String>),
}

impl Matcher {
    /// # Errors
    /// The regular expression is none.
    pub fn new(tag: impl Into<String>, condition: Condition) -> Result<Matcher, RegexError> {
        let absent = match &condition {
            Condition::Equal(value) => value.is_empty(),
            Condition::NotEqual(value) => !value.is_empty(),
            Condition::Regex(pattern) => Regex::anchored(pattern)?.is_match(""),
            Condition::NotRegex(pattern) => !Regex::anchored(pattern)?.is_match(""),
            Condition::OneOf(values) => values.iter().any(String::is_empty),
        };
        Ok(Matcher {
            tag: tag.into(),
            condition,
            absent,
        })
    }

    /// A condition whose regular expression, if it is one, is known to be valid; `absent` says whether points
    /// without the tag match.
    pub fn of_known(tag: impl Into<String>, condition: Condition, absent: bool) -> Matcher {
        Matcher {
            tag: tag.into(),
            condition,
            absent,
        }
    }

    pub fn equal(tag: impl Into<String>, value: impl Into<String>) -> Matcher {
        let value = value.into();
        Matcher {
            tag: tag.into(),
            absent: value.is_empty(),
            condition: Condition::Equal(value),
        }
    }

    pub fn one_of(tag: impl Into<String>, values: Vec<String>) -> Matcher {
        Matcher {
            tag: tag.into(),
            absent: values.iter().any(String::is_empty),
            condition: Condition::OneOf(values),
        }
    }

    /// Points that have the tag.
    pub fn present(tag: impl Into<String>) -> Matcher {
        Matcher {
            tag: tag.into(),
            condition: Condition::NotEqual(String::new()),
            absent: false,
        }
    }

    /// Points without the tag.
    pub fn absent(tag: impl Into<String>) -> Matcher {
        Matcher::equal(tag, "")
    }

    /// Whether points without the tag match.
    pub fn matches_absent(&self) -> bool {
        self.absent
    }
}
