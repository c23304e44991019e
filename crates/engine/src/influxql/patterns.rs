//! The patterns of a request. Its text is read twice: once to see that all of it is well formed and how many patterns it
//! has, which costs little, and once to compile them, each once and within the server's memory.

use std::collections::{HashMap, HashSet};

use watchpost_core::regular_expression::{Regex, check, compiling_bytes};

use super::QueryError;
use super::ast::Statement;
use super::parser::parse;
use crate::memory::{Memory, MemoryFull};

/// The most different patterns of a request: each may take some twenty megabytes once it is compiled
/// ([`watchpost_core::regular_expression::SIZE_LIMIT`], in two directions).
const MAX_PATTERNS: usize = 32;

/// Makes the patterns that the parser finds.
pub(super) trait Patterns {
    /// The pattern of a text.
    ///
    /// # Errors
    /// It is none, or one too many.
    fn take(&mut self, pattern: String) -> Result<Regex, QueryError>;
}

/// Reads a request without compiling its patterns: in these statements none of them matches anything.
///
/// # Errors
/// The text is no InfluxQL, or has too many patterns.
pub fn outline(text: &str) -> Result<Vec<Statement>, QueryError> {
    let mut counted = Counted::default();
    parse(text, &mut counted)
}

/// Reads a request and compiles its patterns.
///
/// # Errors
/// As [`outline`]; a pattern is too large, or there is no memory for it.
pub fn compile(text: &str, memory: &Memory) -> Result<Vec<Statement>, CompileError> {
    let mut compiled = Compiled {
        memory,
        patterns: HashMap::new(),
        full: None,
    };
    let statements = parse(text, &mut compiled);
    match compiled.full {
        Some(full) => Err(CompileError::Memory(full)),
        None => Ok(statements?),
    }
}

/// Why the patterns of a request were not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The text is no InfluxQL, or a pattern is too large.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// There is no memory for a pattern.
    #[error(transparent)]
    Memory(MemoryFull),
}

#[derive(Default)]
struct Counted {
    patterns: HashSet<String>,
    /// Stands for every pattern.
    placeholder: Option<Regex>,
}

impl Patterns for Counted {
    fn take(&mut self, pattern: String) -> Result<Regex, QueryError> {
        check(&pattern).map_err(QueryError::new)?;
        self.patterns.insert(pattern);
        if self.patterns.len() > MAX_PATTERNS {
            return Err(QueryError::new(format!(
                "the query has more than {MAX_PATTERNS} patterns"
            )));
        }
        if let Some(placeholder) = &self.placeholder {
            return Ok(placeholder.clone());
        }
        let nothing = Regex::new(r"[^\s\S]").map_err(QueryError::new)?;
        Ok(self.placeholder.insert(nothing).clone())
    }
}

struct Compiled<'a> {
    memory: &'a Memory,
    patterns: HashMap<String, Regex>,
    full: Option<MemoryFull>,
}

impl Patterns for Compiled<'_> {
    fn take(&mut self, pattern: String) -> Result<Regex, QueryError> {
        if let Some(compiled) = self.patterns.get(&pattern) {
            return Ok(compiled.clone());
        }
        let bytes = compiling_bytes(&pattern).map_err(QueryError::new)?;
        let reserved = self.memory.reserve(bytes);
        let _reserved = reserved.map_err(|full| {
            self.full = Some(full.clone());
            QueryError::new(full)
        })?;
        let compiled = Regex::new(&pattern).map_err(QueryError::new)?;
        self.patterns.insert(pattern, compiled.clone());
        Ok(compiled)
    }
}
