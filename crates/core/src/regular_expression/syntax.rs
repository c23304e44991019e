//! RE2's syntax, read in one pass as Go's `regexp/syntax` reads it and written in that of the crate `regex`.
//!
//! A loop over the pattern, with the groups that are open on a stack of its own: a pattern of a million brackets
//! takes no deeper call than one of none.

use std::collections::HashSet;

use super::error::{Fault, RegexError};
use super::{NESTING_LIMIT, class, escape};

/// Most times that something is repeated, the counts of nested repetitions multiplied; RE2's own limit.
const REPEAT_LIMIT: u32 = 1000;
/// Most classes of Unicode in one pattern: each is some hundred ranges before any other limit sees it.
const UNICODE_CLASS_LIMIT: usize = 1000;

/// A pattern in the syntax of the crate `regex`.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// The most groups or repetitions within one another.
    pub(super) nesting: usize,
    /// How often something is repeated by its counts, at most.
    pub(super) weight: u32,
    pub(super) unicode_classes: usize,
}

/// The pattern in the syntax of the crate `regex`.
///
/// # Errors
/// RE2 refuses it, or it exceeds a limit.
pub(super) fn translate(pattern: &str) -> Result<Translated, RegexError> {
    let mut translator = Translator {
        pattern,
        out: String::with_capacity(pattern.len() + pattern.len() / 4),
        flags: Flags::default(),
        fold_written: false,
        groups: Vec::new(),
        atom: None,
        weight: 1,
        last_repeat: None,
        names: HashSet::new(),
        unicode_classes: 0,
        nesting: 0,
    };
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let at = pattern.len() - rest.len();
        let step = translator.step(first, rest);
        rest = step.map_err(|error| error.placed(at, pattern))?;
        if translator.unicode_classes > UNICODE_CLASS_LIMIT {
            return Err(RegexError::new(Fault::Large, pattern));
        }
    }
    if let Some(open) = translator.groups.last() {
        let error = RegexError::new(Fault::MissingParenthesis, pattern);
        return Err(error.placed(open.at, pattern));
    }
    Ok(Translated {
        pattern: translator.out,
        nesting: translator.nesting,
        weight: translator.weight,
        unicode_classes: translator.unicode_classes,
    })
}

#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_newline: bool,
    lazy: bool,
}

/// What can be repeated: the last thing written.
struct Atom {
    /// Where it begins in the output.
    start: usize,
    /// How often it has been repeated; more than once happens where a group of flags stands between.
    repeats: usize,
    /// The largest product of counts within it.
    weight: u32,
}

/// What a closing bracket brings back.
struct Group {
    /// Where it opens in the pattern, and where in the output.
    at: usize,
    start: usize,
    flags: Flags,
    fold_written: bool,
    weight: u32,
}

struct Translator<'p> {
    pattern: &'p str,
    out: String,
    flags: Flags,
    /// Whether the output ignores case at its end.
    fold_written: bool,
    groups: Vec<Group>,
    atom: Option<Atom>,
    /// The largest weight of an atom in the open group.
    weight: u32,
    /// Where the repetition began that ends right here.
    last_repeat: Option<usize>,
    names: HashSet<&'p str>,
    unicode_classes: usize,
    nesting: usize,
}

impl<'p> Translator<'p> {
    fn step(&mut self, first: char, rest: &'p str) -> Result<&'p str, RegexError> {
        if let '*' | '+' | '?' = first {
            return self.repeat(rest, &rest[1..], &rest[..1], None);
        }
        if first == '{'
            && let Some((min, max, after)) = counts(rest)
        {
            let operator = &rest[..rest.len() - after.len()];
            if min > REPEAT_LIMIT || max.is_some_and(|max| max > REPEAT_LIMIT || max < min) {
                return Err(RegexError::new(Fault::RepeatSize, operator));
            }
            return self.repeat(rest, after, operator, Some((min, max)));
        }
        self.last_repeat = None;
        match first {
            '(' => return self.open(rest),
            ')' => self.close()?,
            '|' => {
                self.out.push('|');
                self.atom = None;
            }
            '^' => self.write(if self.flags.multi_line {
                "(?m:^)"
            } else {
                r"\A"
            }),
            '$' => self.write(if self.flags.multi_line {
                "(?m:$)"
            } else {
                r"\z"
            }),
            '.' => self.write(if self.flags.dot_newline {
                "(?s:.)"
            } else {
                "."
            }),
            '[' => {
                self.begin(1);
                let (folds, classes) = (self.flags.fold, &mut self.unicode_classes);
                return class::bracketed(rest, folds, &mut self.out, classes);
            }
            '\\' => return self.escaped(rest),
            literal => self.literal(u32::from(literal)),
        }
        Ok(&rest[first.len_utf8()..])
    }

    /// Begins an atom: what is written from here on is repeated by what follows it.
    fn begin(&mut self, weight: u32) {
        if self.fold_written != self.flags.fold {
            self.out
                .push_str(if self.flags.fold { "(?i)" } else { "(?-i)" });
            self.fold_written = self.flags.fold;
        }
        self.atom = Some(Atom {
            start: self.out.len(),
            repeats: 0,
            weight,
        });
    }

    fn write(&mut self, text: &str) {
        self.begin(1);
        self.out.push_str(text);
    }

    fn literal(&mut self, character: u32) {
        self.begin(1);
        class::push_character(&mut self.out, character);
    }

    fn escaped(&mut self, text: &'p str) -> Result<&'p str, RegexError> {
        let (escape, after) = text.split_at_checked(2).unwrap_or((text, ""));
        match escape {
            r"\A" | r"\z" => self.write(escape),
            r"\b" => self.write(r"(?-u:\b)"),
            r"\B" => self.write(r"(?-u:\B)"),
            r"\C" => return Err(RegexError::new(Fault::Escape, escape)),
            r"\Q" => {
                let (literal, after) = after.split_once(r"\E").unwrap_or((after, ""));
                for char in literal.chars() {
                    self.literal(u32::from(char));
                }
                return Ok(after);
            }
            _ => return self.class_or_character(text),
        }
        Ok(after)
    }

    fn class_or_character(&mut self, text: &'p str) -> Result<&'p str, RegexError> {
        if let Some((class, after)) = class::unicode(text)? {
            self.unicode_classes += 1;
            self.write(&class);
            return Ok(after);
        }
        if let Some((class, after)) = class::perl(text) {
            self.write(class);
            return Ok(after);
        }
        let (character, after) = escape::character(text)?;
        self.literal(character);
        Ok(after)
    }

    /// `*`, `{2,3}?` and the like, from `before` up to `after`; `operator` is their text without the `?`.
    fn repeat(
        &mut self,
        before: &'p str,
        after: &'p str,
        operator: &str,
        counts: Option<(u32, Option<u32>)>,
    ) -> Result<&'p str, RegexError> {
        let (after, question) = match after.strip_prefix('?') {
            Some(after) => (after, true),
            None => (after, false),
        };
        let end = self.pattern.len() - after.len();
        if let Some(start) = self.last_repeat {
            let part = &self.pattern[start..end];
            return Err(RegexError::new(Fault::RepeatOperator, part));
        }
        let start = self.pattern.len() - before.len();
        let part = &self.pattern[start..end];
        let Some(atom) = &mut self.atom else {
            return Err(RegexError::new(Fault::MissingArgument, part));
        };
        if let Some((min, max)) = counts {
            atom.weight = weight(atom.weight, min, max);
            if (min >= 2 || max.is_some_and(|max| max >= 2)) && atom.weight > REPEAT_LIMIT {
                return Err(RegexError::new(Fault::RepeatSize, part));
            }
        }
        self.weight = self.weight.max(atom.weight);
        if atom.repeats > 0 {
            self.out.insert_str(atom.start, "(?:");
            self.out.push(')');
        }
        self.nesting = self.nesting.max(self.groups.len() + atom.repeats);
        atom.repeats += 1;
        if self.nesting > NESTING_LIMIT {
            return Err(RegexError::new(Fault::Nesting, self.pattern));
        }
        // The library forgets the groups of what is repeated no times, Go counts them on: an option that never matches.
        if counts.is_some_and(|(_, max)| max == Some(0)) && self.out[atom.start..].contains('(') {
            self.out.insert_str(atom.start, "(?:");
            self.out.push_str(r"[^\s\S])?");
        } else {
            self.out.push_str(operator);
        }
        if question != self.flags.lazy {
            self.out.push('?');
        }
        self.last_repeat = Some(start);
        Ok(after)
    }

    fn open(&mut self, text: &'p str) -> Result<&'p str, RegexError> {
        if !text.starts_with("(?") {
            self.group("(", self.flags, text)?;
            return Ok(&text[1..]);
        }
        let name_at = match text.as_bytes() {
            [_, _, b'P', b'<', _, ..] => 4,
            [_, _, b'<', _, ..] => 3,
            _ => return self.flags(text),
        };
        let refuse = |part| RegexError::new(Fault::NamedCapture, part);
        let end = text.find('>').ok_or_else(|| refuse(text))?;
        let (part, after) = text.split_at(end + 1);
        let name = text.get(name_at..end).unwrap_or_default();
        let is_name = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(refuse(part));
        }
        // Go takes a name twice and one that begins with a digit; the library does neither.
        let named =
            !name.starts_with(|first: char| first.is_ascii_digit()) && self.names.insert(name);
        let opening = format!("(?P<{name}>");
        self.group(if named { &opening } else { "(" }, self.flags, text)?;
        Ok(after)
    }

    /// Opens a group where `text` begins, within which `inner` are the flags.
    fn group(&mut self, opening: &str, inner: Flags, text: &str) -> Result<(), RegexError> {
        if self.groups.len() >= NESTING_LIMIT {
            return Err(RegexError::new(Fault::Nesting, self.pattern));
        }
        self.begin(1);
        self.groups.push(Group {
            at: self.pattern.len() - text.len(),
            start: self.out.len(),
            flags: self.flags,
            fold_written: self.fold_written,
            weight: self.weight,
        });
        self.nesting = self.nesting.max(self.groups.len());
        self.out.push_str(opening);
        self.flags = inner;
        (self.atom, self.weight) = (None, 1);
        Ok(())
    }

    fn close(&mut self) -> Result<(), RegexError> {
        let Some(group) = self.groups.pop() else {
            return Err(RegexError::new(Fault::UnexpectedParenthesis, self.pattern));
        };
        self.out.push(')');
        self.flags = group.flags;
        self.fold_written = group.fold_written;
        self.atom = Some(Atom {
            start: group.start,
            repeats: 0,
            weight: self.weight,
        });
        self.weight = self.weight.max(group.weight);
        Ok(())
    }

    /// `(?i)`, which changes the rest of the group, or `(?i-s:`, which opens one.
    fn flags(&mut self, text: &'p str) -> Result<&'p str, RegexError> {
        let mut flags = self.flags;
        let (mut value, mut changed) = (true, false);
        for (at, char) in text.char_indices().skip(2) {
            let after = &text[at + char.len_utf8()..];
            match char {
                'i' => flags.fold = value,
                'm' => flags.multi_line = value,
                's' => flags.dot_newline = value,
                'U' => flags.lazy = value,
                '-' if value => {
                    (value, changed) = (false, false);
                    continue;
                }
                ':' if value || changed => {
                    self.group("(?:", flags, text)?;
                    return Ok(after);
                }
                ')' if value || changed => {
                    self.flags = flags;
                    return Ok(after);
                }
                _ => {
                    let part = &text[..text.len() - after.len()];
                    return Err(RegexError::new(Fault::PerlOperator, part));
                }
            }
            changed = true;
        }
        Err(RegexError::new(Fault::PerlOperator, text))
    }
}

/// What a repetition makes of the weight of what it repeats.
fn weight(atom: u32, min: u32, max: Option<u32>) -> u32 {
    match max.unwrap_or(min) {
        0 if max.is_some() => 1,
        count => count.max(1).saturating_mul(atom),
    }
}

/// `{2}`, `{2,}`, `{2,3}`; anything else is a literal bracket.
fn counts(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (min, rest) = count(text.strip_prefix('{')?)?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((min, Some(min), after));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((min, None, after));
    }
    let (max, rest) = count(rest)?;
    Some((min, Some(max), rest.strip_prefix('}')?))
}

/// A number without leading zeros; what does not fit is beyond every limit.
fn count(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
