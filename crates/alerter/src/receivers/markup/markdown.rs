//! Markdown as Discord and Teams take it: a backslash before a mark, `[text](address)`, `<address>`,
//! entities, code between back quotes.

use super::{Piece, plain};

const FENCE: &str = "```";
/// Longest link, address or code within a line, in bytes; Discord's addresses have 2,048. What is longer
/// is no such thing, and is not looked through again at each of its characters.
const SPAN_LIMIT: usize = 2_200;

/// Takes the text apart.
pub(in super::super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut fenced = false;
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '`', '[', '<', '&']) {
        pieces.extend(plain(&rest[..at]));
        rest = &rest[at..];
        let (piece, length) = if rest.starts_with(FENCE) {
            fenced = !fenced;
            let piece = match fenced {
                // The word behind the fence, a language, belongs to it up to the end of its line.
                true => Piece::Open(FENCE.into(), FENCE.into()),
                false => Piece::Close,
            };
            (piece, FENCE.len())
        } else {
            let length = (!fenced).then(|| whole(rest)).flatten().unwrap_or(1);
            (Piece::Whole(rest[..length].into()), length)
        };
        pieces.push(piece);
        rest = &rest[length..];
    }
    pieces.extend(plain(rest));
    pieces
}

/// Length of what belongs together at the beginning of the text.
fn whole(text: &str) -> Option<usize> {
    let text = &text[..text.floor_char_boundary(SPAN_LIMIT)];
    let inside = &text[1..];
    match text.as_bytes().first()? {
        b'\\' => Some(1 + inside.chars().next()?.len_utf8()),
        b'`' => within_line(inside, '`').map(|at| at + 2),
        b'<' => within_line(inside, '>').map(|at| at + 2),
        b'&' => {
            let end = inside.bytes().take(8).position(|b| b == b';')?;
            let is_name = inside[..end].bytes().all(|b| b.is_ascii_alphanumeric());
            is_name.then_some(end + 2)
        }
        _ => link(text),
    }
}

/// Where the mark is, if it comes before the line ends.
fn within_line(text: &str, mark: char) -> Option<usize> {
    let at = text.find([mark, '\n'])?;
    text[at..].starts_with(mark).then_some(at)
}

/// `[text](address)`; a bracket behind a backslash is none.
fn link(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let found = !escaped && matches!(c, ']' | '\n');
        escaped = c == '\\' && !escaped;
        found.then_some((at, c))
    });
    let (end, _) = end.filter(|(_, c)| *c == ']')?;
    let address = text[end + 1..].strip_prefix('(')?;
    let at = address.find([')', ' ', '\n'])?;
    address[at..].starts_with(')').then_some(end + 2 + at + 1)
}
