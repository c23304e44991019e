//! Regular expressions with the meaning of RE2, as Go's `regexp` has it and so InfluxDB, Prometheus and
//! Alertmanager: `\d`, `\w`, `\s` and `\b` are ASCII, what RE2 refuses is refused in its words.
//!
//! The crate `regex` does the matching. Its own syntax differs (classes of Unicode, `x**`, no `\Q…\E`, no octal
//! escapes), so a pattern is read by RE2's rules (`syntax`) and written anew in the crate's.

mod class;
mod error;
mod escape;
mod syntax;

use std::fmt;
use std::ops::Deref;

pub use error::{Fault, RegexError};

/// Longest pattern, in bytes: four thousand host names of 64 bytes as alternatives. Reading a pattern takes memory and
/// time before any other limit sees it.
pub const LENGTH_LIMIT: usize = 256 << 10;
/// Most groups within groups: RE2's own limit of a pattern's height.
pub const NESTING_LIMIT: usize = 1000;
/// Most memory that a compiled pattern takes, in bytes. Two thousand alternatives take a tenth.
pub const SIZE_LIMIT: usize = 10 << 20;
/// Sizes that are tried in turn, so that a pattern's memory is known without measuring.
const SIZES: [usize; 5] = [32 << 10, 128 << 10, 512 << 10, 4 << 20, SIZE_LIMIT];
/// Compiling recurses once or twice a group: what nests deeper than this gets a stack of its own, since the
/// caller's may be that of a worker thread.
const NESTING_IN_PLACE: usize = 20;
/// Stack for the deepest pattern; a build without optimisation takes less than half of it.
const STACK_BYTES: usize = 64 << 20;

/// A compiled pattern. It matches anywhere in a text unless the pattern anchors itself.
#[derive(Clone)]
pub struct Regex {
    pattern: Box<str>,
    compiled: regex::Regex,
    memory: usize,
}

impl Regex {
    /// Compiles a pattern of RE2's syntax.
    ///
    /// # Errors
    /// RE2 refuses the pattern, or it exceeds [`NESTING_LIMIT`] or [`SIZE_LIMIT`].
    pub fn new(pattern: &str) -> Result<Regex, RegexError> {
        let translated = translate(pattern)?;
        let (compiled, memory) = match translated.nesting {
            0..=NESTING_IN_PLACE => compile(&translated.pattern),
            _ => compile_apart(&translated.pattern),
        }
        .map_err(|fault| RegexError::new(fault, pattern))?;
        Ok(Regex {
            pattern: pattern.into(),
            compiled,
            memory,
        })
    }

    /// Compiles a pattern that must match a text from end to end, as matchers of labels do.
    ///
    /// # Errors
    /// As [`Regex::new`].
    pub fn anchored(pattern: &str) -> Result<Regex, RegexError> {
        Regex::new(&format!("^(?:{pattern})$"))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// The memory that the pattern may take, in bytes.
    pub fn memory(&self) -> usize {
        self.memory + self.pattern.len()
    }
}

/// Each group of ours is several levels to the library: a repetition of a group around alternatives in a row.
const NEST_LIMIT_OF_LIBRARY: u32 = 10 * NESTING_LIMIT as u32;

fn translate(pattern: &str) -> Result<syntax::Translated, RegexError> {
    if pattern.len() > LENGTH_LIMIT {
        return Err(RegexError::new(Fault::Large, pattern));
    }
    syntax::translate(pattern)
}

/// The program of a pattern in the library's syntax, and the memory that it takes at most.
fn compile(pattern: &str) -> Result<(regex::Regex, usize), Fault> {
    // A state takes several bytes for each of the pattern: smaller sizes would be tried in vain.
    let likely = |size: &usize| *size >= SIZE_LIMIT || *size >= 8 * pattern.len();
    for memory in SIZES.into_iter().filter(likely) {
        let built = regex::RegexBuilder::new(pattern)
            .size_limit(memory)
            .nest_limit(NEST_LIMIT_OF_LIBRARY)
            .build();
        match built {
            Ok(compiled) => return Ok((compiled, memory)),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return Err(Fault::Nesting),
        }
    }
    Err(Fault::Large)
}

/// As [`compile`], on a thread with a deep stack.
fn compile_apart(pattern: &str) -> Result<(regex::Regex, usize), Fault> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || compile(pattern))
            .map_err(|_| Fault::Large)?
            .join()
            .map_err(|_| Fault::Large)?
    })
}

/// Whether a text is a pattern, without compiling it.
///
/// # Errors
/// RE2 refuses it, or it exceeds [`LENGTH_LIMIT`] or [`NESTING_LIMIT`].
pub fn check(pattern: &str) -> Result<(), RegexError> {
    translate(pattern).map(drop)
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

impl Deref for Regex {
    type Target = regex::Regex;

    fn deref(&self) -> &regex::Regex {
        &self.compiled
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex({:?})", self.pattern)
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}
