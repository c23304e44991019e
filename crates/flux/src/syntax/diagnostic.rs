//! What is wrong with a program, and where; the wordings follow InfluxDB's.

use std::fmt;

use super::ast::Span;

/// One error of a program's text: `error @LINE:COLUMN-LINE:COLUMN: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub span: Span,
    pub message: String,
    pub stage: Stage,
}

/// What found the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The text is no program.
    Syntax,
    /// The program means nothing: names, arguments, types.
    Semantic,
}

impl Diagnostic {
    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            stage: Stage::Syntax,
        }
    }

    pub(crate) fn semantic(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            stage: Stage::Semantic,
        }
    }

    /// All diagnostics as the message of one answer, parted by empty lines.
    pub fn join(diagnostics: &[Diagnostic]) -> String {
        let syntax = diagnostics
            .first()
            .is_some_and(|first| first.stage == Stage::Syntax);
        let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        format!(
            "{}{}",
            if syntax { "compilation failed: " } else { "" },
            texts.join("\n\n")
        )
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error @{}: {}", self.span, self.message)
    }
}

impl std::error::Error for Diagnostic {}
