//! Regular expressions with the meaning of RE2, as Go's `regexp` has it and so InfluxDB, Prometheus and
//! Alertmanager: `\d`, `\w`, `\s` and `\b` are ASCII, what RE2 refuses is refused in its words.
//!
//! The crate `regex` does the matching. Its own syntax differs (classes of Unicode, `x**`, no `\Q…\E`, no octal
//! escapes), so a pattern is read by RE2's rules (`syntax`) and written anew in the crate's. Nearly every pattern is
//! only asked whether a text matches: for that its alternatives are factored (`factor`) before they are compiled
//! (`program`).

mod class;
mod error;
mod escape;
mod factor;
mod program;
mod syntax;

use std::fmt;
use std::sync::{Arc, OnceLock};

pub use error::{Fault, RegexError};

/// Longest pattern, in bytes: four thousand host names of 64 bytes as alternatives. Reading a pattern takes memory and
/// time before any other limit sees it.
pub const LENGTH_LIMIT: usize = 256 << 10;
/// Most groups within groups: RE2's own limit of a pattern's height.
pub const NESTING_LIMIT: usize = 1000;
/// Most memory of a compiled pattern's states in either direction, in bytes. Two thousand host names take a hundredth.
pub const SIZE_LIMIT: usize = 10 << 20;
/// What the trees of a pattern take until it is compiled, in bytes for each of its bytes.
const TREE_BYTES: usize = 512;
/// What its states take, in bytes for each of its bytes: a dot is a dozen states, forwards and backwards.
const STATE_BYTES: usize = 3 << 10;
/// What a class of Unicode takes: some hundred ranges.
const CLASS_BYTES: usize = 128 << 10;
/// What the smallest pattern takes that has a class.
const LEAST_BYTES: usize = 512 << 10;

/// A compiled pattern. It matches anywhere in a text unless the pattern anchors itself. Copies share all that it holds.
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    pattern: Box<str>,
    matcher: program::Matcher,
    /// Where matches and their groups are asked for, which few patterns are: the pattern as it was written.
    finder: OnceLock<Result<Finder, RegexError>>,
}

/// Finds the matches of a pattern in a text, and their groups.
pub type Finder = regex::Regex;

impl Regex {
    /// Compiles a pattern of RE2's syntax.
    ///
    /// # Errors
    /// RE2 refuses the pattern, or it exceeds [`LENGTH_LIMIT`], [`NESTING_LIMIT`] or [`SIZE_LIMIT`].
    pub fn new(pattern: &str) -> Result<Regex, RegexError> {
        let translated = translate(pattern)?;
        let matcher = program::matcher(&translated).map_err(|fault| refused(fault, pattern))?;
        Ok(Regex(Arc::new(Compiled {
            pattern: pattern.into(),
            matcher,
            finder: OnceLock::new(),
        })))
    }

    /// Compiles a pattern that must match a text from end to end, as matchers of labels do.
    ///
    /// # Errors
    /// As [`Regex::new`].
    pub fn anchored(pattern: &str) -> Result<Regex, RegexError> {
        // By itself first: a fault is cited as it was written, and `a)(b` is none of the anchors' doing.
        check(pattern)?;
        Regex::new(&format!("^(?:{pattern})$"))
    }

    /// Whether a text matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.matcher.is_match(text)
    }

    /// What finds the matches and their groups in a text: compiled when it is first asked for, which takes as
    /// much memory as compiling the pattern did.
    ///
    /// # Errors
    /// It exceeds [`SIZE_LIMIT`].
    pub fn finder(&self) -> Result<&Finder, RegexError> {
        let pattern = &self.0.pattern;
        let compile =
            || program::finder(&translate(pattern)?).map_err(|fault| refused(fault, pattern));
        self.0
            .finder
            .get_or_init(compile)
            .as_ref()
            .map_err(RegexError::clone)
    }

    /// Whether [`Regex::finder`] was asked for before.
    pub fn has_finder(&self) -> bool {
        self.0.finder.get().is_some()
    }

    /// The memory that [`Regex::finder`] takes, in bytes.
    pub fn finder_memory(&self) -> usize {
        self.memory() + (STATE_BYTES * self.0.pattern.len()).min(2 * SIZE_LIMIT)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.pattern
    }

    /// The memory that the pattern takes, in bytes: its states, and the tables that matching fills in.
    pub fn memory(&self) -> usize {
        self.0.matcher.memory() + self.0.pattern.len()
    }
}

/// Checks a pattern without compiling it: the memory that compiling takes at most for a moment, in bytes. How much of it
/// stays says [`Regex::memory`].
///
/// # Errors
/// RE2 refuses it, or it exceeds [`LENGTH_LIMIT`] or [`NESTING_LIMIT`].
pub fn compiling_bytes(pattern: &str) -> Result<usize, RegexError> {
    let translated = translate(pattern)?;
    let classes = translated.unicode_classes.saturating_mul(CLASS_BYTES);
    let repeated = pattern
        .len()
        .saturating_mul(STATE_BYTES)
        .saturating_add(classes);
    let states = repeated.saturating_mul(translated.weight as usize);
    Ok(pattern.len() * TREE_BYTES + classes + states.min(4 * SIZE_LIMIT) + LEAST_BYTES)
}

fn translate(pattern: &str) -> Result<syntax::Translated, RegexError> {
    if pattern.len() > LENGTH_LIMIT {
        return Err(refused(Fault::Large, pattern));
    }
    syntax::translate(pattern)
}

fn refused(fault: Fault, pattern: &str) -> RegexError {
    RegexError::new(fault, pattern)
}

/// Whether a text is a pattern, without compiling it.
///
/// # Errors
/// RE2 refuses it, or it exceeds [`LENGTH_LIMIT`] or [`NESTING_LIMIT`].
pub fn check(pattern: &str) -> Result<(), RegexError> {
    compiling_bytes(pattern).map(drop)
}

/// A pattern with every character that means something escaped, as Go's `QuoteMeta` does.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for char in text.chars() {
        if r"\.+*?()|[]{}^$".contains(char) {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.0.pattern)
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.pattern)
    }
}
