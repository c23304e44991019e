//! Several rule files as one: the shipped rules and one's own. A later file's rule, receiver, inhibition
//! or mute window takes the place of an earlier one's of the same name; its route, its defaults and its
//! silences that of all before.
//!
//! What is replaced is blanked line by line, so that every mistake keeps its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::mistake::Mistake;

/// Tables that have names.
const NAMED: [&str; 4] = ["rule", "receiver", "inhibit", "mute"];
/// Tables of which there is one.
const SINGLE: [&str; 3] = ["route", "defaults", "silences"];

/// The text of all files, and which lines are whose.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    pub text: String,
    /// The files in their order, with the number of their first line, from 0.
    starts: Vec<(PathBuf, usize)>,
}

impl Merged {
    /// A mistake in the words of its file: `rules.toml:3:1: …`.
    pub fn place(&self, mistake: &Mistake) -> String {
        let line = mistake.line.saturating_sub(1);
        let file = self.starts.iter().rev().find(|(_, start)| *start <= line);
        let Some((path, start)) = file else {
            return mistake.to_string();
        };
        let own = Mistake {
            line: mistake.line - start,
            ..mistake.clone()
        };
        format!("{}:{own}", path.display())
    }
}

/// Merges the texts of files, the later ones over the earlier ones.
///
/// Errors: a later file begins with a key that belongs to no table.
pub fn merge(files: &[(PathBuf, String)]) -> Result<Merged, String> {
    let mut replaced: BTreeSet<Identity> = BTreeSet::new();
    let mut texts = Vec::new();
    for (index, (path, text)) in files.iter().enumerate().rev() {
        let blocks = blocks(text);
        if index > 0 {
            begins_with_table(path, text, &blocks)?;
        }
        let gone = blocks
            .iter()
            .filter(|block| replaced.contains(&block.identity));
        texts.push(blanked(text, gone.map(|block| block.lines.clone())));
        replaced.extend(blocks.into_iter().map(|block| block.identity));
    }
    let mut merged = Merged::default();
    let mut line = 0;
    for ((path, _), text) in files.iter().zip(texts.into_iter().rev()) {
        merged.starts.push((path.clone(), line));
        line += text.lines().count();
        merged.text.push_str(&text);
    }
    Ok(merged)
}

/// Tables that stand in two files of one folder, with both places: neither is meant to take the place of
/// the other.
pub fn doubles(files: &[(PathBuf, String)]) -> Vec<String> {
    let mut known: BTreeMap<Identity, (usize, usize)> = BTreeMap::new();
    let mut doubles = Vec::new();
    for (index, (path, text)) in files.iter().enumerate() {
        for Block { identity, lines } in blocks(text) {
            let (first, line) = *known
                .entry(identity.clone())
                .or_insert((index, lines.start));
            // Two in one file are found where files are read.
            if first != index {
                doubles.push(format!(
                    "{}:{}:1: {identity} stands in {}:{}, too; keep one of them",
                    path.display(),
                    lines.start + 1,
                    files[first].0.display(),
                    line + 1
                ));
            }
        }
    }
    doubles
}

/// Kind and name of a table; without a name each is its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    kind: String,
    name: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "[{}]", self.kind),
            name => write!(f, "{} {name:?}", self.kind),
        }
    }
}

/// A table with those below it.
#[derive(Debug)]
struct Block {
    identity: Identity,
    lines: Range<usize>,
}

/// The tables of a text. Headers within a text of several lines are none.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut quote: Option<&str> = None;
    for (number, line) in text.lines().enumerate() {
        let is_inside = quote.is_some();
        quote = quote_after(line, quote);
        let header = header(line).filter(|_| !is_inside);
        let is_below = |kind: &str| {
            let last = blocks.last();
            line.contains('.') && last.is_some_and(|block| block.identity.kind == kind)
        };
        match header {
            Some(kind) if !is_below(kind) => blocks.push(Block {
                identity: Identity {
                    kind: kind.to_owned(),
                    // One without a name is equal to no other.
                    name: if SINGLE.contains(&kind) {
                        String::new()
                    } else {
                        format!("\n{number}{text}")
                    },
                },
                lines: number..number + 1,
            }),
            _ => {
                if let Some(block) = blocks.last_mut() {
                    block.lines.end = number + 1;
                    if let Some(name) = name(line).filter(|_| !is_inside) {
                        let identity = &mut block.identity;
                        if NAMED.contains(&identity.kind.as_str())
                            && identity.name.starts_with('\n')
                        {
                            identity.name = name.to_owned();
                        }
                    }
                }
            }
        }
    }
    blocks
}

/// The first part of a header that rule files know: `route` of `[[route.routes]]`.
fn header(line: &str) -> Option<&'static str> {
    let inside = line.trim_start().strip_prefix('[')?;
    let inside = inside.strip_prefix('[').unwrap_or(inside).trim_start();
    let mut kinds = NAMED.into_iter().chain(SINGLE);
    kinds.find(|kind| {
        let rest = inside.strip_prefix(kind).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with(']') || rest.starts_with('.'))
    })
}

/// The value of a line `name = "…"`.
fn name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("name")?.trim_start();
    let rest = rest.strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name)
}

/// Whether a text of several lines is open after the line, and what ends it.
fn quote_after<'q>(line: &str, mut quote: Option<&'q str>) -> Option<&'q str> {
    let mut rest = line;
    loop {
        rest = match quote {
            Some(end) => match rest.split_once(end) {
                Some((_, after)) => {
                    quote = None;
                    after
                }
                None => return quote,
            },
            None => {
                let quotes = ["\"\"\"", "'''"];
                let found = quotes
                    .into_iter()
                    .filter_map(|it| Some((rest.find(it)?, it)))
                    .min();
                match found.filter(|(at, _)| !rest[..*at].contains('#')) {
                    Some((at, found)) => {
                        quote = Some(found);
                        &rest[at + found.len()..]
                    }
                    None => return None,
                }
            }
        };
    }
}

/// The text without the lines, which stay as empty ones, and with a line break at its end.
fn blanked(text: &str, gone: impl Iterator<Item = Range<usize>>) -> String {
    let gone: Vec<Range<usize>> = gone.collect();
    let kept = |number: usize| !gone.iter().any(|lines| lines.contains(&number));
    let line = |(number, line)| if kept(number) { line } else { "" };
    let lines = text.lines().enumerate().map(line);
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn begins_with_table(path: &Path, text: &str, blocks: &[Block]) -> Result<(), String> {
    let first = blocks.first().map_or(usize::MAX, |block| block.lines.start);
    let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let lines = text.lines().enumerate().take(first);
    match lines.into_iter().find(|(_, line)| is_content(line)) {
        None => Ok(()),
        Some((number, line)) => Err(format!(
            "{}:{}:1: {:?} is in no table; begin with [[rule]], [[receiver]] or [route]",
            path.display(),
            number + 1,
            line.trim()
        )),
    }
}
