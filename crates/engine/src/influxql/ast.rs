//! The tree of InfluxQL statements.

use std::fmt;

use watchpost_core::point::{FieldType, FieldValue};
use watchpost_core::regular_expression::Regex;
use watchpost_flux::value::window::Location;

/// A statement.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `SELECT …`
    Select(Select),
    /// `SHOW DATABASES`
    ShowDatabases,
    /// `SHOW RETENTION POLICIES [ON db]`
    ShowRetentionPolicies(Option<String>),
    /// `SHOW MEASUREMENTS …`
    ShowMeasurements(Show),
    /// `SHOW TAG KEYS …`
    ShowTagKeys(Show),
    /// `SHOW TAG VALUES … WITH KEY …`
    ShowTagValues(Show),
    /// `SHOW FIELD KEYS …`
    ShowFieldKeys(Show),
    /// `SHOW SERIES …`
    ShowSeries(Show),
    /// `SHOW SERIES [EXACT] CARDINALITY …`
    ShowCardinality(Counted, Show),
    /// `DELETE [FROM …] [WHERE …]`
    Delete(Show),
    /// `DROP MEASUREMENT …`
    DropMeasurement(String),
    /// What InfluxDB 2 does not carry out either.
    NotImplemented(String),
}

/// What a `SHOW … CARDINALITY` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Measurements, all together.
    Measurements,
    /// Series of each measurement.
    Series,
    /// Tag keys of each measurement.
    TagKeys,
    /// Values of the chosen tags of each measurement.
    TagValues,
    /// Fields of each measurement.
    FieldKeys,
}

/// What a `SHOW` or `DELETE` looks at.
#[derive(Debug, Clone, Default)]
pub struct Show {
    /// `ON db`
    pub database: Option<String>,
    /// `FROM …`; none: all.
    pub sources: Vec<Source>,
    /// `WITH KEY …`
    pub keys: Option<KeyChoice>,
    /// `WHERE …`
    pub condition: Option<Expression>,
    /// `ORDER BY time DESC`
    pub descending: bool,
    /// `LIMIT n`; 0: all.
    pub limit: usize,
    /// `OFFSET n`
    pub offset: usize,
}

/// `WITH KEY …`
#[derive(Debug, Clone)]
pub enum KeyChoice {
    /// `= key` and `IN (…)`; `negated` for `!=`.
    Names {
        /// The keys.
        names: Vec<String>,
        /// Whether it is the others that are meant.
        negated: bool,
    },
    /// `=~ /…/`; `negated` for `!~`.
    Pattern {
        /// The pattern.
        pattern: Regex,
        /// Whether it is the others that are meant.
        negated: bool,
    },
}

impl KeyChoice {
    /// Whether a key is chosen.
    pub fn takes(&self, key: &str) -> bool {
        match self {
            Self::Names { names, negated } => names.iter().any(|name| name == key) != *negated,
            Self::Pattern { pattern, negated } => pattern.is_match(key) != *negated,
        }
    }
}

/// A measurement, all that match, or another `SELECT`.
#[derive(Debug, Clone)]
pub enum Source {
    /// By name; with the database and retention policy before it, if named.
    Name {
        /// Version 1's database.
        database: Option<String>,
        /// Version 1's retention policy.
        policy: Option<String>,
        /// The measurement.
        measurement: String,
    },
    /// By pattern; with the database and retention policy before it, if named.
    Pattern {
        /// Version 1's database.
        database: Option<String>,
        /// Version 1's retention policy.
        policy: Option<String>,
        /// Of the measurement.
        pattern: Regex,
    },
    /// `(SELECT …)`
    Subquery(Box<Select>),
}

/// `SELECT …`
#[derive(Debug, Clone)]
pub struct Select {
    /// The columns.
    pub columns: Vec<SelectColumn>,
    /// `FROM …`
    pub sources: Vec<Source>,
    /// `WHERE …`
    pub condition: Option<Expression>,
    /// `GROUP BY …`
    pub dimensions: Vec<Expression>,
    /// `fill(…)`
    pub fill: Fill,
    /// `ORDER BY time …`: whether descending.
    pub order: Option<bool>,
    /// `LIMIT n`, a series; 0: all.
    pub limit: usize,
    /// `OFFSET n`, a series.
    pub offset: usize,
    /// `SLIMIT n`; 0: all.
    pub series_limit: usize,
    /// `SOFFSET n`
    pub series_offset: usize,
    /// `tz('…')`: whose midnight counts, and how times are shown.
    pub zone: Option<Location>,
}

/// A column of a `SELECT`.
#[derive(Debug, Clone)]
pub struct SelectColumn {
    /// What it holds.
    pub value: Expression,
    /// `AS name`
    pub alias: Option<String>,
}

/// What stands for a window without rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Fill {
    /// A null.
    Null,
    /// Nothing: the row is left out.
    None,
    /// The value before it.
    Previous,
    /// On the line between its neighbours.
    Linear,
    /// This.
    Number(FieldValue),
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Nothing that is known.
    #[default]
    Unknown,
    /// A field of this type.
    Field(FieldType),
    /// A tag.
    Tag,
    /// A field of any type.
    AnyField,
}

impl Kind {
    /// Of two kinds the one that a column of both has, as InfluxDB ranks them.
    pub fn widest(self, other: Self) -> Self {
        let rank = |kind: Self| match kind {
            Self::Unknown => 0,
            Self::AnyField => 1,
            Self::Tag => 2,
            Self::Field(FieldType::Boolean) => 3,
            Self::Field(FieldType::String) => 4,
            Self::Field(FieldType::Unsigned) => 5,
            Self::Field(FieldType::Integer) => 6,
            Self::Field(FieldType::Float) => 7,
        };
        match rank(other) > rank(self) {
            true => other,
            false => self,
        }
    }

    /// As InfluxDB's messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Field(kind) => kind.name(),
            Self::Tag => "tag",
            Self::AnyField => "field",
        }
    }
}

/// An expression.
#[derive(Debug, Clone)]
pub enum Expression {
    /// A field, a tag, or `time`; `name::kind`.
    Reference(String, Kind),
    /// `*`, `*::field`, `*::tag`
    Wildcard(Kind),
    /// A whole number.
    Integer(i64),
    /// A whole number beyond those.
    Unsigned(u64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Boolean(bool),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since 1970; only conditions have it.
    Time(i64),
    /// `/…/`
    Pattern(Regex),
    /// `name(…)`
    Call(String, Vec<Expression>),
    /// `DISTINCT name`
    Distinct(String),
    /// `left operator right`
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// `(…)`
    Parentheses(Box<Expression>),
    /// A value of a row, by its place; only columns that are computed have it.
    Slot(usize),
}

impl Expression {
    /// Whether it is the same whatever the data is.
    pub fn is_literal(&self) -> bool {
        use Expression::{Boolean, Duration, Integer, Number, Pattern, Text, Time, Unsigned};
        matches!(
            self,
            Boolean(_)
                | Duration(_)
                | Integer(_)
                | Number(_)
                | Pattern(_)
                | Text(_)
                | Time(_)
                | Unsigned(_)
        )
    }

    /// Shows an expression, and all within it, to a function.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expression)) {
        visit(self);
        match self {
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.walk(visit)),
            Self::Binary(_, left, right) => {
                left.walk(visit);
                right.walk(visit);
            }
            Self::Parentheses(inner) => inner.walk(visit),
            _ => {}
        }
    }

    /// As [`Expression::walk`], to change what is seen.
    pub fn walk_mut(&mut self, visit: &mut dyn FnMut(&mut Expression)) {
        visit(self);
        match self {
            Self::Call(_, arguments) => {
                arguments
                    .iter_mut()
                    .for_each(|argument| argument.walk_mut(visit));
            }
            Self::Binary(_, left, right) => {
                left.walk_mut(visit);
                right.walk_mut(visit);
            }
            Self::Parentheses(inner) => inner.walk_mut(visit),
            _ => {}
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(name, kind) => match kind {
                Kind::Unknown => f.write_str(name),
                kind => write!(f, "{name}::{}", kind.name()),
            },
            Self::Wildcard(Kind::Unknown) => f.write_str("*"),
            Self::Wildcard(kind) => write!(f, "*::{}", kind.name()),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Unsigned(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:.3}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Duration(nanoseconds) => write!(f, "{nanoseconds}ns"),
            Self::Time(nanoseconds) => write!(f, "{nanoseconds}"),
            Self::Pattern(pattern) => write!(f, "/{}/", pattern.as_str().replace('/', "\\/")),
            Self::Call(name, arguments) => {
                write!(f, "{name}(")?;
                for (place, argument) in arguments.iter().enumerate() {
                    let separator = if place == 0 { "" } else { ", " };
                    write!(f, "{separator}{argument}")?;
                }
                f.write_str(")")
            }
            Self::Distinct(name) => write!(f, "DISTINCT {name}"),
            Self::Binary(operator, left, right) => write!(f, "{left} {} {right}", operator.sign()),
            Self::Parentheses(inner) => write!(f, "({inner})"),
            Self::Slot(place) => write!(f, "val{place}"),
        }
    }
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
}

impl Operator {
    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Matches => "=~",
            Self::MatchesNot => "!~",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
        }
    }

    /// Whether it compares, which yields no number.
    pub fn is_comparison(self) -> bool {
        use Operator::{
            Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Matches, MatchesNot, NotEqual,
        };
        matches!(
            self,
            Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual | Matches | MatchesNot
        )
    }
}
