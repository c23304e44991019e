//! The text of a program made a tree: lexer, parser, diagnostics.

pub mod ast;
mod check;
mod diagnostic;
pub mod format;
pub mod json;
mod lexer;
mod literal;
mod parser;
mod token;
pub mod tree;
pub mod walk;

pub use diagnostic::{Diagnostic, Stage};

/// Parses a whole program. Never fails: what is wrong is said in the diagnostics, in the order of the text,
/// and stands in the tree as a bad statement or expression.
pub fn parse(text: &str) -> (ast::File, Vec<Diagnostic>) {
    parser::Parser::new(text).parse()
}
