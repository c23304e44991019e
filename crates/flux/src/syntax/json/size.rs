//! What the JSON of a tree takes, before it is made: each node has its place and its text, those within it once more.

use crate::syntax::ast::File;
use crate::syntax::walk::{Node, walk_file};

/// The members of a node with their names, as values and as text. A property is three nodes of which one is walked to.
const NODE_BYTES: usize = 12 << 10;

/// About how many bytes the JSON of a file takes while it is made.
pub fn bytes(file: &File) -> usize {
    let mut bytes = NODE_BYTES;
    walk_file(file, &mut |node| {
        let span = match node {
            Node::Statement(statement) => statement.span,
            Node::Expression(expression) => expression.span,
        };
        let text = span.end.offset.saturating_sub(span.start.offset) as usize;
        // As a value and as text.
        bytes = bytes.saturating_add(NODE_BYTES + 2 * text);
    });
    bytes
}
