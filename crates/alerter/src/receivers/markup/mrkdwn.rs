//! Slack's markup: `<address|text>`, entities, code between back quotes.

use super::{Piece, plain};

const FENCE: &str = "```";
/// Longest link, or code within a line, in bytes; Slack's addresses have 3,000 characters.
const SPAN_LIMIT: usize = 3_200;

/// Takes the text apart; a `<` that begins nothing is shown as it is.
pub(in super::super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut fenced = false;
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&', '`']) {
        pieces.extend(plain(&rest[..at]));
        rest = &rest[at..];
        let (piece, length) = if rest.starts_with(FENCE) {
            fenced = !fenced;
            let piece = match fenced {
                true => Piece::Open(FENCE.into(), FENCE.into()),
                false => Piece::Close,
            };
            (piece, FENCE.len())
        } else if let Some(length) = whole(rest) {
            // A link is on one line, or it is none.
            let text = match rest[..length].contains('\n') {
                true => rest[..length].replace('\n', " ").into(),
                false => rest[..length].into(),
            };
            (Piece::Whole(text), length)
        } else {
            let text = if rest.starts_with('<') {
                "&lt;"
            } else {
                &rest[..1]
            };
            (Piece::Whole(text.into()), 1)
        };
        pieces.push(piece);
        rest = &rest[length..];
    }
    pieces.extend(plain(rest));
    pieces
}

/// Length of the entity, the link, or the code within a line, at the beginning of the text.
fn whole(text: &str) -> Option<usize> {
    for entity in ["&amp;", "&lt;", "&gt;"] {
        if text.starts_with(entity) {
            return Some(entity.len());
        }
    }
    let end = match text.as_bytes().first()? {
        b'<' => '>',
        b'`' => '`',
        _ => return None,
    };
    let inside = &text[1..text.floor_char_boundary(SPAN_LIMIT).max(1)];
    let ends = |part: &str| part.find([end, '\n', '<']);
    let at = match (end, inside.split_once('|')) {
        // The text of a link may hold a line break of a value.
        ('>', Some((address, text))) if ends(address).is_none() => {
            address.len() + 1 + text.find([end, '<'])?
        }
        _ => ends(inside)?,
    };
    (at > 0 && inside[at..].starts_with(end)).then_some(at + 2)
}
