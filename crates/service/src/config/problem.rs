//! What is wrong with a configuration: every problem at once, each with its place.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Where the value came from: `agent.toml:3:12`, `INFLUX_URL`, `--set`; empty when the value
    /// is a default or missing.
    pub place: String,
    /// Dotted key, `influx.url`; empty when the whole file is meant.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.key] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

/// Collects problems while a configuration is checked.
#[derive(Debug, Default)]
pub struct Problems {
    pub(super) found: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Problems {
    /// Reports that the value at `key` (dotted) is wrong.
    pub fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.found.push(Problem {
            place: String::new(),
            key: key.into(),
            message: message.into(),
        });
    }

    /// Reports what works but should not stay so.
    pub fn warn(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Problem {
            place: String::new(),
            key: key.into(),
            message: message.into(),
        });
    }

    /// What was found as an error, if anything was, and the warnings.
    pub(crate) fn into_parts(self) -> (Option<ConfigError>, Vec<Problem>) {
        let error = (!self.found.is_empty()).then_some(ConfigError {
            problems: self.found,
        });
        (error, self.warnings)
    }

    /// Reports `message` unless `holds`.
    pub fn require(&mut self, holds: bool, key: &str, message: &str) {
        if !holds {
            self.add(key, message);
        }
    }

    /// Adds what another check reported.
    pub fn append(&mut self, other: Problems) {
        self.found.extend(other.found);
        self.warnings.extend(other.warnings);
    }

    /// What was reported, as an error; warnings are none.
    pub fn into_result(self) -> Result<(), ConfigError> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(ConfigError {
            problems: self.found,
        })
    }

    /// True when nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// A configuration that cannot be used: at least one problem, in the order of their places.
#[derive(Debug, Clone, thiserror::Error)]
pub struct ConfigError {
    /// Invariant: never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
