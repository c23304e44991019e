//! From a pattern in the library's syntax to what matches texts: factored where only a match is asked for, as it was
//! written where the matches and their groups are.

use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

use super::error::Fault;
use super::factor::{Factored, factor};
use super::syntax::Translated;
use super::{NESTING_LIMIT, SIZE_LIMIT};

/// Each group of ours is several levels to the library: a repetition of a group around alternatives in a row.
const LIBRARY_NESTING_LIMIT: u32 = 10 * NESTING_LIMIT as u32;
/// Compiling recurses once or twice a group: what nests deeper than this gets a stack of its own, since the
/// caller's may be that of a worker thread.
const NESTING_IN_PLACE: usize = 20;
/// Stack for the deepest pattern; a build without optimisation takes less than half of it.
const STACK_BYTES: usize = 64 << 20;
/// Most parts within one another that factoring may make of a pattern, for the same stack.
const FACTORED_HEIGHT: usize = 4 * NESTING_LIMIT;
/// Tables that matching fills in as texts are read, in bytes: what does not fit is made again.
const TABLES_BYTES: usize = 2 << 20;
/// They are some ten times as large as the states that they are made of, where they do not reach their limit.
const TABLES_FACTOR: usize = 16;

/// Says whether a text matches.
pub(super) struct Matcher(Regex);

impl Matcher {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// In bytes.
    pub(super) fn memory(&self) -> usize {
        let states = self.0.memory_usage();
        states + (TABLES_FACTOR * states).min(TABLES_BYTES)
    }
}

/// The program of a pattern that only says whether a text matches.
pub(super) fn matcher(translated: &Translated) -> Result<Matcher, Fault> {
    let parsed = || {
        let mut parser = ParserBuilder::new()
            .nest_limit(LIBRARY_NESTING_LIMIT)
            .build();
        let hir = parser
            .parse(&translated.pattern)
            .map_err(|_| Fault::Nesting)?;
        Ok(match factor(&hir) {
            Some(factored) if factored.height <= FACTORED_HEIGHT => factored,
            _ => Factored {
                hir,
                height: translated.nesting,
            },
        })
    };
    let factored = at_depth(translated.nesting, parsed)?;
    at_depth(factored.height, || built(&factored.hir)).map(Matcher)
}

/// With tables of states forwards and backwards, or if these are too large, forwards and without tables: that matches
/// in the time of the possible states, as Go does.
fn built(hir: &Hir) -> Result<Regex, Fault> {
    let config = Config::new()
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(SIZE_LIMIT))
        .hybrid_cache_capacity(TABLES_BYTES);
    let large = config
        .clone()
        .hybrid(false)
        .nfa_size_limit(Some(2 * SIZE_LIMIT));
    let build = |config: Config| {
        let built = Regex::builder().configure(config).build_from_hir(hir);
        built.map_err(|error| match error.size_limit() {
            Some(_) => Fault::Large,
            None => Fault::Nesting,
        })
    };
    match build(config) {
        Err(Fault::Large) => build(large),
        built => built,
    }
}

/// The program of a pattern that finds its matches, and their groups.
pub(super) fn finder(translated: &Translated) -> Result<regex::Regex, Fault> {
    at_depth(translated.nesting, || {
        let built = regex::RegexBuilder::new(&translated.pattern)
            .size_limit(SIZE_LIMIT)
            .nest_limit(LIBRARY_NESTING_LIMIT)
            .build();
        built.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => Fault::Large,
            _ => Fault::Nesting,
        })
    })
}

/// Does work that calls itself for each level, on a thread with a deep stack if there are many.
fn at_depth<T: Send>(
    levels: usize,
    work: impl FnOnce() -> Result<T, Fault> + Send,
) -> Result<T, Fault> {
    if levels <= NESTING_IN_PLACE {
        return work();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let working = thread.spawn_scoped(scope, work).map_err(|_| Fault::Large)?;
        working.join().map_err(|_| Fault::Large)?
    })
}
