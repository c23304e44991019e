//! Cuts texts to the limits of their channels so that the markup stays whole: a tag, an entity, a link
//! or a character of several code points is kept or left out, and what was opened is closed.
//!
//! A channel's reader takes its text apart into [`Piece`]s; [`fit`] puts back as many as there is room
//! for. What a template leaves open or writes wrongly is mended by the same way: a message that the
//! service refuses reaches no one.

pub(super) mod html;
pub(super) mod markdown;
pub(super) mod mrkdwn;

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::template::is_control;

/// What stands for the part that was left out.
const ELLIPSIS: &str = "…";
/// Longest character of several code points that is kept whole, in bytes. Without it a letter with ten
/// thousand accents would take the text with it.
const CLUSTER_LIMIT: usize = 64;

/// How a channel counts the length of a text. The length of two texts is the sum of theirs.
pub(super) type Measure = fn(&str) -> usize;

/// UTF-16 code units, as Telegram counts; never fewer than characters.
pub(super) fn characters(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Bytes of UTF-8.
pub(super) fn bytes(text: &str) -> usize {
    text.len()
}

/// Bytes within a JSON string, without its quotes.
pub(super) fn json_bytes(text: &str) -> usize {
    let length = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    };
    text.chars().map(length).sum()
}

/// A value as lines: no other control character, nothing that turns the text around it.
pub(super) fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let line = |c: char| match c {
        '\n' | '\r' => '\n',
        c if is_control(c) => ' ',
        c => c,
    };
    text.chars().map(line).collect()
}

/// A part of a text that is kept or left out as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Whole(Cow<'a, str>),
    /// Begins what its second text ends.
    Open(Cow<'a, str>, Cow<'a, str>),
    /// Ends what was opened last.
    Close,
}

/// The characters of a text without markup.
pub(super) fn plain(text: &str) -> impl Iterator<Item = Piece<'_>> {
    text.graphemes(true).flat_map(|cluster| {
        let parts: Vec<&str> = match cluster.len() {
            0..=CLUSTER_LIMIT => vec![cluster],
            _ => cluster.split_inclusive(|_: char| true).collect(),
        };
        parts.into_iter().map(|part| Piece::Whole(part.into()))
    })
}

/// Cuts a text without markup.
pub(super) fn cut(text: &str, limit: usize, measure: Measure) -> String {
    if measure(text) <= limit {
        return text.to_owned();
    }
    fit(plain(text), limit, measure)
}

/// As many of the pieces as have room; what is open at the end is closed.
pub(super) fn fit<'a>(
    pieces: impl IntoIterator<Item = Piece<'a>>,
    limit: usize,
    measure: Measure,
) -> String {
    let pieces: Vec<Piece<'a>> = pieces.into_iter().collect();
    let all = Fitted::of(&pieces, usize::MAX, measure);
    if all.length <= limit {
        return all.finish("");
    }
    let room = limit.saturating_sub(measure(ELLIPSIS));
    Fitted::of(&pieces, room, measure).finish(ELLIPSIS)
}

/// A beginning of a text.
struct Fitted<'p> {
    text: String,
    /// What ends the parts that are open, innermost last.
    ends: Vec<&'p str>,
    /// Of `text` and `ends`.
    length: usize,
}

impl<'p> Fitted<'p> {
    /// The longest beginning that, closed, is not longer than `room`.
    fn of(pieces: &'p [Piece<'_>], room: usize, measure: Measure) -> Fitted<'p> {
        let mut fitted = Fitted {
            text: String::new(),
            ends: Vec::new(),
            length: 0,
        };
        for piece in pieces {
            let more = match piece {
                Piece::Whole(text) => measure(text),
                Piece::Open(begin, end) => measure(begin).saturating_add(measure(end)),
                Piece::Close => 0,
            };
            if fitted.length.saturating_add(more) > room {
                break;
            }
            fitted.length += more;
            match piece {
                Piece::Whole(text) => fitted.text.push_str(text),
                Piece::Open(begin, end) => {
                    fitted.text.push_str(begin);
                    fitted.ends.push(end);
                }
                Piece::Close => fitted.text.extend(fitted.ends.pop()),
            }
        }
        fitted
    }

    fn finish(mut self, last: &str) -> String {
        self.text.push_str(last);
        self.text.extend(self.ends.into_iter().rev());
        self.text
    }
}
