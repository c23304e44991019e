//! The targets: what is given inputs, what those begin with, and the limits of one.

mod configuration;
mod files;
mod flux;
mod influx;
mod messages;
mod routes;
mod server;
mod texts;

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

use anyhow::Result;

use crate::corpus::Seeds;

/// Gives one input to the target.
pub(crate) type Check = Box<dyn FnMut(&[u8]) -> Answer>;

/// A parser or a route.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) seeds: Seeds,
    /// Seeds that are made when they are wanted.
    pub(crate) more_seeds: fn() -> Result<Vec<Vec<u8>>>,
    /// What the language is made of.
    pub(crate) words: &'static [&'static str],
    /// What can be put into itself.
    pub(crate) nests: &'static [(&'static str, &'static str)],
    /// Bytes of the longest input.
    pub(crate) longest: usize,
    /// Bytes of the thread's stack.
    pub(crate) stack: usize,
    /// Bytes that one input may take.
    pub(crate) memory: usize,
    /// Processor time that one input may take.
    pub(crate) processor: Duration,
    pub(crate) make: fn() -> Check,
}

/// What most parsers are held to: half the stack of a thread that serves requests, a sixteenth of the memory that a query
/// may take, and less time than a person notices in a release build. (An unoptimised one is some twenty times as slow,
/// and its frames are larger.)
const PARSER: Target = Target {
    name: "",
    about: "",
    seeds: Seeds::NONE,
    more_seeds: || Ok(Vec::new()),
    words: &[],
    nests: &[],
    longest: 256 << 10,
    stack: if cfg!(debug_assertions) {
        2 << 20
    } else {
        1 << 20
    },
    memory: 32 << 20,
    processor: Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 }),
    make: || Box::new(|_| Answer::taken("")),
};

/// All targets, the quick ones first.
pub(crate) fn all() -> impl Iterator<Item = &'static Target> {
    [
        texts::TARGETS,
        flux::TARGETS,
        influx::TARGETS,
        configuration::TARGETS,
        messages::TARGETS,
        files::TARGETS,
        routes::TARGETS,
    ]
    .into_iter()
    .flatten()
}

pub(crate) fn named(name: &str) -> Option<&'static Target> {
    all().find(|target| target.name == name)
}

/// How an input was answered. Inputs whose answers are of one kind are taken to be alike.
pub(crate) struct Answer {
    pub(crate) is_taken: bool,
    pub(crate) kind: u64,
}

impl Answer {
    /// `of` is what tells this from other inputs that were taken.
    pub(crate) fn taken(of: impl fmt::Display) -> Self {
        Self {
            is_taken: true,
            kind: kind(&of.to_string()),
        }
    }

    pub(crate) fn refused(reason: impl fmt::Display) -> Self {
        Self {
            is_taken: false,
            kind: !kind(&reason.to_string()),
        }
    }

    pub(crate) fn of<T, E: fmt::Display>(result: &Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::taken(""),
            Err(error) => Self::refused(error),
        }
    }
}

/// Words of a message that count, at its beginning and at its end: what it quotes stands between.
const KIND_WORDS: usize = 4;

/// A message without what it quotes, numbers and names.
fn kind(message: &str) -> u64 {
    let is_word =
        |word: &&str| word.len() < 20 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut hasher = DefaultHasher::new();
    let first = message.split_whitespace().filter(is_word).take(KIND_WORDS);
    first.for_each(|word| hasher.write(word.as_bytes()));
    let last = message.rsplit(' ').filter(is_word).take(KIND_WORDS);
    last.for_each(|word| hasher.write(word.as_bytes()));
    hasher.finish()
}

/// The input of a parser of texts.
fn text(input: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(input)
}
