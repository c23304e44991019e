//! Why a text is no regular expression, in the words of Go's `regexp/syntax`, which InfluxDB and Alertmanager
//! pass on to their users.

use std::fmt;

/// Longest quoted part of a refused pattern, in bytes: a message is read by a person.
const PART_BYTES: usize = 256;

/// A refusal; it names the part of the pattern that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {fault}: `{part}`")]
pub struct RegexError {
    /// The rule that the pattern breaks.
    pub fault: Fault,
    part: Box<str>,
}

/// The rules of RE2's syntax that a pattern can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `[z-a]`, `\p{None}`, `[[:none:]]`
    CharacterRange,
    /// `\y`
    Escape,
    /// `(?P<a b>x)`
    NamedCapture,
    /// `(?=x)`
    PerlOperator,
    /// `x**`
    RepeatOperator,
    /// `x{1,1001}`
    RepeatSize,
    /// `[a`
    MissingBracket,
    /// `(a`
    MissingParenthesis,
    /// `a)`
    UnexpectedParenthesis,
    /// `*`
    MissingArgument,
    /// A backslash at the end.
    TrailingBackslash,
    /// More groups within groups than [`super::NESTING_LIMIT`].
    Nesting,
    /// More memory than [`super::SIZE_LIMIT`].
    Large,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::CharacterRange => "invalid character class range",
            Fault::Escape => "invalid escape sequence",
            Fault::NamedCapture => "invalid named capture",
            Fault::PerlOperator => "invalid or unsupported Perl syntax",
            Fault::RepeatOperator => "invalid nested repetition operator",
            Fault::RepeatSize => "invalid repeat count",
            Fault::MissingBracket => "missing closing ]",
            Fault::MissingParenthesis => "missing closing )",
            Fault::UnexpectedParenthesis => "unexpected )",
            Fault::MissingArgument => "missing argument to repetition operator",
            Fault::TrailingBackslash => "trailing backslash at end of expression",
            Fault::Nesting => "expression nests too deeply",
            Fault::Large => "expression too large",
        })
    }
}

impl RegexError {
    pub(super) fn new(fault: Fault, part: &str) -> RegexError {
        let part = match part.len() {
            0..=PART_BYTES => part.into(),
            _ => {
                let end = part.floor_char_boundary(PART_BYTES);
                format!("{}…", &part[..end]).into()
            }
        };
        RegexError { fault, part }
    }
}
