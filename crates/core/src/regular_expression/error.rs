//! Why a text is no regular expression, in the words of Go's `regexp/syntax`, which InfluxDB and Alertmanager
//! pass on to their users.

use std::fmt;

/// Longest part of a refused pattern that is quoted whole, in bytes: a message is read by a person.
const PART_BYTES: usize = 256;
/// What is quoted of a longer one.
const EXCERPT_BYTES: usize = 64;

/// A refusal; it names the part of the pattern that is wrong, and of a long pattern the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {fault}: `{part}`{place}")]
pub struct RegexError {
    /// The rule that the pattern breaks.
    pub fault: Fault,
    part: Box<str>,
    place: Place,
}

/// Where the part stands in a pattern that is too long to be searched by eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place(Option<(usize, usize)>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((at, length)) => write!(f, " at byte {at} of {length}"),
            None => Ok(()),
        }
    }
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
            _ => excerpt(part),
        };
        RegexError {
            fault,
            part,
            place: Place::default(),
        }
    }

    /// Says where in a long pattern the fault was found; a part that is long itself is quoted from there.
    pub(super) fn placed(mut self, at: usize, pattern: &str) -> RegexError {
        if pattern.len() > PART_BYTES {
            self.place = Place(Some((at, pattern.len())));
            if self.part.ends_with('…') {
                self.part = excerpt(&pattern[at..]);
            }
        }
        self
    }
}

fn excerpt(text: &str) -> Box<str> {
    match text.floor_char_boundary(EXCERPT_BYTES) {
        end if end < text.len() => format!("{}…", &text[..end]).into(),
        _ => text.into(),
    }
}
