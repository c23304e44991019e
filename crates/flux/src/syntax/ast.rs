//! The tree of a Flux program, with the place of every node, built once by the parser and then only read.
//!
//! Nodes are made for walking: names are shared strings, functions are shared so that a closure can keep
//! its code, and every tree is at most [`MAX_HEIGHT`] nodes high, so a recursive walk cannot exhaust the stack.

mod spelling;

use std::fmt;
use std::sync::Arc;

/// A name or a text of the program; cheap to clone.
pub type Name = Arc<str>;

/// How many nodes high an expression may be. Walks recurse once or twice a level; at a few kilobytes a
/// frame in debug builds this stays well within the 2 MiB stack of a worker thread.
pub const MAX_HEIGHT: u16 = 256;

/// A place in the program's text. Lines and columns count from 1, columns and offsets in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
    pub offset: u32,
}

/// A stretch of the program's text, the end exclusive. All zero for a node that did not come from text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: Position,
    pub end: Position,
}

/// A whole program, or one file of a package.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    pub package: Option<PackageClause>,
    pub imports: Vec<Import>,
    pub body: Vec<Statement>,
    pub span: Span,
}

/// `package NAME`
#[derive(Debug, Clone, PartialEq)]
pub struct PackageClause {
    pub name: Identifier,
    pub span: Span,
}

/// `import "PATH"` or `import ALIAS "PATH"`
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub alias: Option<Identifier>,
    pub path: Name,
    pub path_span: Span,
    pub span: Span,
}

/// A name where the grammar wants a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Identifier {
    pub name: Name,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub span: Span,
    pub kind: StatementKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// An expression alone; at the top level its stream becomes a result.
    Expression(Expression),
    /// `name = value`
    Variable(Assignment),
    /// `option name = value` or `option package.name = value`
    Option(OptionAssignment),
    /// `return value`, the end of a function's block.
    Return(Expression),
    /// `builtin name : type`; the type stays text.
    Builtin { name: Identifier, signature: Name },
    /// `testcase name [extends "path"] { … }`
    TestCase {
        name: Identifier,
        extends: Option<Name>,
        block: Block,
    },
    /// Text that is no statement; a diagnostic says why.
    Bad(Name),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    pub name: Identifier,
    pub value: Expression,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OptionAssignment {
    /// The imported package whose option is set, absent for an option of the program itself.
    pub package: Option<Identifier>,
    pub name: Identifier,
    pub value: Expression,
    /// The assignment without the word `option`.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    pub statements: Vec<Statement>,
    pub span: Span,
}

/// An expression. Invariant: at most [`MAX_HEIGHT`] nodes high when it came from the parser or the JSON reader.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub span: Span,
    pub kind: ExpressionKind,
    height: u16,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExpressionKind {
    Identifier(Name),
    String(Name),
    /// `"text ${expression} text"`
    Interpolated(Vec<StringPart>),
    Boolean(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    /// `1h30m`: parts as written, at least one.
    Duration(Vec<DurationPart>),
    Time(TimeLiteral),
    /// The pattern between the slashes, `\/` already a plain slash.
    Regex(Name),
    Array(Vec<Expression>),
    /// `["key": value]`, `[:]` when empty.
    Dict(Vec<DictItem>),
    /// `{a: 1, b}` or `{base with a: 1}`
    Record(Record),
    Function(Arc<Function>),
    Call(Call),
    /// `source |> call`; the destination is a [`ExpressionKind::Call`] unless a diagnostic says otherwise.
    Pipe {
        source: Box<Expression>,
        destination: Box<Expression>,
    },
    /// `object.name` or `object["name"]`
    Member {
        object: Box<Expression>,
        property: PropertyKey,
    },
    /// `array[index]`, where the index is no string literal.
    Index {
        array: Box<Expression>,
        index: Box<Expression>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expression>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    /// A run of one operator, `a or b or c`: two operands at least, evaluated from left to right.
    Logical {
        operator: LogicalOperator,
        operands: Vec<Expression>,
    },
    /// `if test then consequent else alternate`
    Conditional {
        test: Box<Expression>,
        consequent: Box<Expression>,
        alternate: Box<Expression>,
    },
    Parenthesized(Box<Expression>),
    /// Text that is no expression; a diagnostic says why.
    Bad(Name),
}

#[derive(Debug, Clone, PartialEq)]
pub enum StringPart {
    Text { value: Name, span: Span },
    Expression { value: Expression, span: Span },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationPart {
    pub magnitude: i64,
    pub unit: DurationUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationUnit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// `2024-03-01`, `2024-03-01T12:00:00.5Z`, `2024-03-01T12:00:00+01:00`
#[derive(Debug, Clone, PartialEq)]
pub struct TimeLiteral {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub nanoseconds: i64,
    pub text: Name,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DictItem {
    pub key: Expression,
    pub value: Expression,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The record that is extended: `{base with …}`.
    pub with: Option<Identifier>,
    pub properties: Vec<Property>,
}

/// `key: value`, or `key` alone for `key: key`; in records and in the arguments of calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    pub key: PropertyKey,
    /// Absent in the short form: the value is then the variable of the key's name.
    pub value: Option<Expression>,
    pub span: Span,
}

/// A label of a record, an argument or a member.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyKey {
    pub name: Name,
    /// Written as a string: `{"a b": 1}`, `r["a b"]`.
    pub quoted: bool,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub parameters: Vec<Parameter>,
    pub body: FunctionBody,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub name: Identifier,
    /// `name = value`
    pub default: Option<Expression>,
    /// `name = <-`
    pub pipe: bool,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FunctionBody {
    Expression(Expression),
    Block(Block),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub callee: Box<Expression>,
    /// Named arguments as written, `f(a, b)` being short for `f(a: a, b: b)`.
    pub arguments: Vec<Property>,
    /// From the first argument to the last.
    pub arguments_span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    Plus,
    Minus,
    Not,
    Exists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    RegexMatch,
    RegexNotMatch,
    /// Two expressions side by side without an operator; always a compile error.
    Invalid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalOperator {
    And,
    Or,
}

// === impl Expression ===

impl Expression {
    pub fn new(span: Span, kind: ExpressionKind) -> Self {
        let height = kind.children_height().saturating_add(1);
        Self { span, kind, height }
    }

    /// A run of `and` or `or` with one operand more. Its height is not looked for anew in all of them: runs are long.
    pub fn with_operand(mut self, operand: Expression, span: Span) -> Self {
        if let ExpressionKind::Logical { operands, .. } = &mut self.kind {
            self.height = self.height.max(operand.height.saturating_add(1));
            self.span = span;
            operands.push(operand);
        }
        self
    }

    /// How many nodes high the expression is, itself included.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// The expression without the parentheses around it.
    pub fn without_parentheses(&self) -> &Expression {
        let mut inner = self;
        while let ExpressionKind::Parenthesized(next) = &inner.kind {
            inner = next;
        }
        inner
    }
}

impl ExpressionKind {
    fn children_height(&self) -> u16 {
        let tallest = |expressions: &[Expression]| {
            expressions
                .iter()
                .map(Expression::height)
                .max()
                .unwrap_or(0)
        };
        match self {
            Self::Identifier(_)
            | Self::String(_)
            | Self::Boolean(_)
            | Self::Integer(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Duration(_)
            | Self::Time(_)
            | Self::Regex(_)
            | Self::Bad(_) => 0,
            Self::Interpolated(parts) => parts.iter().map(StringPart::height).max().unwrap_or(0),
            Self::Array(items) => tallest(items),
            Self::Dict(items) => items
                .iter()
                .map(|item| item.key.height.max(item.value.height))
                .max()
                .unwrap_or(0),
            Self::Record(record) => properties_height(&record.properties),
            Self::Function(function) => function.height(),
            Self::Call(call) => call.callee.height.max(properties_height(&call.arguments)),
            Self::Pipe {
                source,
                destination,
            } => source.height.max(destination.height),
            Self::Member { object, .. } => object.height,
            Self::Index { array, index } => array.height.max(index.height),
            Self::Unary { operand, .. } => operand.height,
            Self::Binary { left, right, .. } => left.height.max(right.height),
            Self::Logical { operands, .. } => tallest(operands),
            Self::Conditional {
                test,
                consequent,
                alternate,
            } => test.height.max(consequent.height).max(alternate.height),
            Self::Parenthesized(inner) => inner.height,
        }
    }
}

fn properties_height(properties: &[Property]) -> u16 {
    properties
        .iter()
        .filter_map(|property| property.value.as_ref())
        .map(Expression::height)
        .max()
        .unwrap_or(0)
}

impl StringPart {
    fn height(&self) -> u16 {
        match self {
            Self::Text { .. } => 0,
            Self::Expression { value, .. } => value.height,
        }
    }
}

impl Function {
    fn height(&self) -> u16 {
        let defaults = self
            .parameters
            .iter()
            .filter_map(|parameter| parameter.default.as_ref());
        let defaults = defaults.map(Expression::height).max().unwrap_or(0);
        let body = match &self.body {
            FunctionBody::Expression(body) => body.height,
            FunctionBody::Block(block) => block.height(),
        };
        defaults.max(body)
    }

    /// The parameter that takes the piped value, if there is one.
    pub fn pipe_parameter(&self) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.pipe)
    }
}

impl Block {
    fn height(&self) -> u16 {
        self.statements
            .iter()
            .map(Statement::height)
            .max()
            .unwrap_or(0)
            .saturating_add(1)
    }
}

impl Statement {
    fn height(&self) -> u16 {
        match &self.kind {
            StatementKind::Expression(value) | StatementKind::Return(value) => value.height,
            StatementKind::Variable(assignment) => assignment.value.height,
            StatementKind::Option(assignment) => assignment.value.height,
            StatementKind::TestCase { block, .. } => block.height(),
            StatementKind::Builtin { .. } | StatementKind::Bad(_) => 0,
        }
    }
}

// === impl Span ===

impl Span {
    /// From the start of `self` to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start,
            end: other.end,
        }
    }

    /// The text of this stretch of `source`; empty when the span lies outside of it.
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        source
            .get(self.start.offset as usize..self.end.offset as usize)
            .unwrap_or("")
    }
}

impl fmt::Display for Span {
    /// `LINE:COLUMN-LINE:COLUMN`, as InfluxDB writes places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { start, end } = self;
        write!(
            f,
            "{}:{}-{}:{}",
            start.line, start.column, end.line, end.column
        )
    }
}
