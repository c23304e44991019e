//! The kinds of words the lexer finds, under the names that InfluxDB's error messages use.

use super::ast::Span;

/// One word of the program, with its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    pub(super) span: Span,
}

macro_rules! token_kinds {
    ($($kind:ident $name:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum TokenKind { $($kind),* }

        impl TokenKind {
            /// The name in error messages.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
        }
    };
}

token_kinds! {
    Illegal "ILLEGAL"
    Eof "EOF"
    And "AND"
    Or "OR"
    Not "NOT"
    Import "IMPORT"
    Package "PACKAGE"
    Return "RETURN"
    Option "OPTION"
    Builtin "BUILTIN"
    TestCase "TESTCASE"
    If "IF"
    Then "THEN"
    Else "ELSE"
    Exists "EXISTS"
    Identifier "IDENT"
    Integer "INT"
    Float "FLOAT"
    String "STRING"
    Regex "REGEX"
    Time "TIME"
    Duration "DURATION"
    Attribute "ATTRIBUTE"
    Add "ADD"
    Subtract "SUB"
    Multiply "MUL"
    Divide "DIV"
    Modulo "MOD"
    Power "POW"
    Equal "EQ"
    Less "LT"
    Greater "GT"
    LessEqual "LTE"
    GreaterEqual "GTE"
    NotEqual "NEQ"
    RegexMatch "REGEXEQ"
    RegexNotMatch "REGEXNEQ"
    Assign "ASSIGN"
    Arrow "ARROW"
    PipeForward "PIPE_FORWARD"
    PipeReceive "PIPE_RECEIVE"
    LeftParenthesis "LPAREN"
    RightParenthesis "RPAREN"
    LeftBracket "LBRACK"
    RightBracket "RBRACK"
    LeftBrace "LBRACE"
    RightBrace "RBRACE"
    Comma "COMMA"
    Dot "DOT"
    Colon "COLON"
    QuestionMark "QUESTION_MARK"
    Quote "QUOTE"
    StringExpression "STRINGEXPR"
    Text "TEXT"
}

impl TokenKind {
    /// The keyword a word is, if it is one.
    pub(super) fn keyword(word: &str) -> Option<Self> {
        Some(match word {
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            "import" => Self::Import,
            "package" => Self::Package,
            "return" => Self::Return,
            "option" => Self::Option,
            "builtin" => Self::Builtin,
            "testcase" => Self::TestCase,
            "if" => Self::If,
            "then" => Self::Then,
            "else" => Self::Else,
            "exists" => Self::Exists,
            _ => return None,
        })
    }
}
