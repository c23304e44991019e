//! Include and exclude globs for names of devices, mounts, interfaces, sensors and processes.

use glob::{Pattern, PatternError};

/// Admits a name that matches an include glob (any name, if there is none) and no exclude glob.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// A pattern that is no glob.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is not a glob: {source}")]
pub struct FilterError {
    /// The pattern as written.
    pub pattern: String,
    /// Where it goes wrong.
    pub source: PatternError,
}

impl Filter {
    /// Globs know `*`, `?`, `[a-z]` and `[!a-z]`; `*` matches `/` too.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, FilterError> {
        Ok(Self {
            include: compile(include)?,
            exclude: compile(exclude)?,
        })
    }

    /// Whether `name` is to be collected.
    pub fn admits(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(name)))
            && !self.exclude.iter().any(|pattern| pattern.matches(name))
    }
}

fn compile(patterns: &[String]) -> Result<Vec<Pattern>, FilterError> {
    patterns
        .iter()
        .map(|pattern| {
            Pattern::new(pattern).map_err(|source| FilterError {
                pattern: pattern.clone(),
                source,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|&pattern| pattern.to_owned())
                .collect::<Vec<_>>()
        };
        Filter::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn without_globs_everything_is_admitted() {
        assert!(filter(&[], &[]).admits("sda"));
    }

    #[test]
    fn exclude_wins_over_include() {
        let filter = filter(&["sd*", "nvme*"], &["sdb"]);
        assert!(filter.admits("sda"));
        assert!(!filter.admits("sdb"));
        assert!(!filter.admits("vda"));
    }

    #[test]
    fn a_star_crosses_slashes() {
        assert!(!filter(&[], &["/run/*"]).admits("/run/user/1000"));
    }

    #[test]
    fn a_bad_glob_is_named() {
        let error = Filter::new(&["[a".to_owned()], &[]).unwrap_err();
        assert!(
            error.to_string().starts_with("`[a` is not a glob"),
            "{error}"
        );
    }
}
