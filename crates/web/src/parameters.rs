//! The query string of a request, read with errors that name the parameter.

use std::ops::RangeInclusive;

use crate::{ApiError, Result};

/// Longest query string: a comparison of a hundred hosts with long names.
const LENGTH_LIMIT: usize = 16 * 1024;

/// The parameters of a request, checked against those its path knows.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query string; `known` are the names it may have.
    ///
    /// Errors: an unknown name, or a string that is far too long.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self> {
        let query = query.unwrap_or_default();
        if query.len() > LENGTH_LIMIT {
            let message = format!("the query string is longer than {LENGTH_LIMIT} bytes");
            return Err(ApiError::invalid("query", message));
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        match pairs
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            Some((name, _)) if name.is_empty() => {
                Err(ApiError::invalid("query", "has a parameter without a name"))
            }
            Some((name, _)) => {
                let message = format!(
                    "is not a parameter of this path; it knows {}",
                    known.join(", ")
                );
                Err(ApiError::invalid(name, message))
            }
            None => Ok(Self(pairs)),
        }
    }

    /// The value of a parameter that may stand once; an empty one counts as absent.
    pub fn one(&self, name: &str) -> Result<Option<&str>> {
        let mut values = self.values(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiError::invalid(name, "is given more than once"));
        }
        Ok(first)
    }

    /// The value of a parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.one(name)?
            .ok_or_else(|| ApiError::invalid(name, "is required"))
    }

    /// All values of a parameter that may be repeated or list them with commas.
    pub fn many(&self, name: &str) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for value in self.values(name).flat_map(|value| value.split(',')) {
            let value = value.trim();
            if !value.is_empty() && !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
        }
        values
    }

    /// A whole number within bounds.
    pub fn integer(
        &self,
        name: &str,
        bounds: RangeInclusive<usize>,
        default: usize,
    ) -> Result<usize> {
        let Some(text) = self.one(name)? else {
            return Ok(default);
        };
        let wrong = || {
            let (least, most) = (bounds.start(), bounds.end());
            ApiError::invalid(
                name,
                format!("{text:?} is not a whole number from {least} to {most}"),
            )
        };
        let number = text.parse::<usize>().map_err(|_| wrong())?;
        if bounds.contains(&number) {
            Ok(number)
        } else {
            Err(wrong())
        }
    }

    /// A truth: `true` or `false`.
    pub fn truth(&self, name: &str, default: bool) -> Result<bool> {
        match self.one(name)? {
            None => Ok(default),
            Some("true" | "1" | "yes") => Ok(true),
            Some("false" | "0" | "no") => Ok(false),
            Some(other) => Err(ApiError::invalid(
                name,
                format!("{other:?} is neither true nor false"),
            )),
        }
    }

    /// One of several words, the first being the default.
    pub fn choice<'w>(&self, name: &str, words: &[&'w str]) -> Result<&'w str> {
        let Some(text) = self.one(name)? else {
            return Ok(words[0]);
        };
        let found = words.iter().find(|word| **word == text);
        found.copied().ok_or_else(|| {
            ApiError::invalid(name, format!("{text:?} is none of {}", words.join(", ")))
        })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}
