//! What is wrong with a program, and where; the wordings follow InfluxDB's.

use std::fmt;

use super::ast::Span;

/// One error of a program's text: `error @LINE:COLUMN-LINE:COLUMN: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub span: Span,
    pub message: String,
}

impl Diagnostic {
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }

    /// Several diagnostics as one text, parted by empty lines.
    pub fn join(diagnostics: &[Diagnostic]) -> String {
        let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        texts.join("\n\n")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error @{}: {}", self.span, self.message)
    }
}

impl std::error::Error for Diagnostic {}
