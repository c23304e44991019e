//! What a program means before it runs: names, arguments and types, checked as Flux does, so that a wrong
//! program is refused before it reads or writes anything.

mod declarations;
pub mod display;
mod environment;
mod error;
mod infer;
pub mod kind;
pub mod monotype;
mod notation;
pub mod package;
mod substitution;
pub mod suggestion;
mod unify;

use self::infer::Inference;
use self::monotype::Type;
use crate::syntax::Diagnostic;
use crate::syntax::ast::{File, Name, Span, StatementKind};

/// What is known of a program without errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The expression statements of the top level, in order.
    pub expressions: Vec<CheckedExpression>,
    /// The program's own options that it sets: `task`, `now`, `v`.
    pub options: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CheckedExpression {
    pub span: Span,
    /// Whether it gives tables, and so a result.
    pub streaming: bool,
    /// Its type; [`display::print_scheme`] shows it in Flux's notation.
    pub kind: Type,
}

/// Checks a parsed program. `externals` is a file that comes before it in the same scope: a request's `extern`.
///
/// # Errors
/// All that is wrong, in the order in which InfluxDB reports it.
pub fn check(file: &File, externals: Option<&File>) -> Result<Checked, Vec<Diagnostic>> {
    let files: Vec<&File> = externals.into_iter().chain([file]).collect();
    let mut diagnostics: Vec<Diagnostic> = declarations::check(&files).into_iter().collect();
    let mut inference = Inference::new();
    let mut expressions = Vec::new();
    for file in &files {
        for (span, kind) in inference.file(file) {
            let kind = inference.substitution.resolve(&kind);
            let streaming = matches!(kind, Type::Stream(_));
            expressions.push(CheckedExpression {
                span,
                streaming,
                kind,
            });
        }
    }
    diagnostics.extend(inference.finish());
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let statements = files.iter().flat_map(|file| &file.body);
    let options = statements.filter_map(|statement| match &statement.kind {
        StatementKind::Option(assignment) if assignment.package.is_none() => {
            Some(assignment.name.name.clone())
        }
        _ => None,
    });
    Ok(Checked {
        expressions,
        options: options.collect(),
    })
}
